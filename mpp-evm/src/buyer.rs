//! The buyer's side of a charge: read what a challenge asks for, decide, sign. That of a session is
//! in [`session`].
//!
//! Nothing a challenge says is trusted. The token must be one the buyer knows or was given, since
//! its signing domain is not in the challenge; the amount must be within what the buyer agreed
//! to; what was signed does not stay valid for longer than it must.
//!
//! ```
//! use mpp_evm::buyer::{Bill, Consent};
//! # use mpp_core::Challenge;
//! # use payment_core::{Timestamp, Units};
//! # use payment_evm::Signer;
//! # async fn pay(
//! #     challenge: &Challenge, signer: &impl Signer, now: Timestamp,
//! # ) -> Result<(), mpp_evm::buyer::BillError> {
//! let bill = Bill::read(challenge, &[])?;
//! let header = bill.authorize(signer, Consent::up_to(Units::from(10_000), now)).await?;
//! // Send it as the header that `challenge.credential_header()` names.
//! # Ok(())
//! # }
//! ```

mod bill;
pub mod session;
mod sign;
#[cfg(feature = "onchain")]
mod transaction;
mod transfers;

pub use bill::{Bill, BillError};
pub use sign::Consent;
#[cfg(feature = "onchain")]
pub use transaction::Gas;
