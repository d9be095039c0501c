//! Durable stores for payment channels. Each is a feature:
//!
//! - `file`: [`FileChannelStore`], a directory with a JSON file for each channel, as other SDKs
//!   keep them. For the processes of one machine.
//!
//! A store here passes `mpp_evm::session::testing::check_store`. What is `Done` is on disk: it
//! survives a killed process and a machine that stops. A record that can't be read is an error
//! and left as it is.
#![cfg_attr(
    feature = "file",
    doc = r#"
```
use mpp_evm::session::Ledger;
use payment_store::FileChannelStore;

# fn main() -> Result<(), mpp_evm::session::StoreFault> {
# let directory = std::env::temp_dir().join(format!("tollgate-doc-{}", std::process::id()));
let ledger = Ledger::new(FileChannelStore::open(&directory)?);
# std::fs::remove_dir_all(&directory).ok();
# Ok(())
# }
```
"#
)]

#[cfg(feature = "file")]
mod file;

#[cfg(feature = "file")]
pub use file::FileChannelStore;
#[cfg(all(feature = "file", feature = "testing"))]
pub use file::Point;
