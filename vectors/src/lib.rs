//! Loader of the byte-exact wire and signature cases, for tests.
//!
//! A test loads a file, runs every case that concerns it, and says how many it ran and which it
//! left out:
//!
//! ```
//! let file = vectors::load("x402_core.json");
//! let mut tally = vectors::Tally::new("x402 keys");
//! for key in file["keys"].as_object().unwrap().values() {
//!     assert!(key["address"].is_string());
//!     tally.ran();
//! }
//! tally.left_out(1, "an example of a reason");
//! ```

mod tally;

use std::path::Path;

use serde_json::Value;

pub use tally::Tally;

/// Reads one of the vector files of this crate.
///
/// # Panics
///
/// When the file is missing or is not JSON: a test without its vectors must not pass.
#[must_use]
pub fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The list at a JSON pointer, such as `/eip3009/cases`.
///
/// # Panics
///
/// When there is no list there, or it is empty: a loop over no cases must not pass.
#[must_use]
pub fn cases<'a>(file: &'a Value, pointer: &str) -> &'a [Value] {
    let list = file.pointer(pointer).and_then(Value::as_array);
    let list = list.unwrap_or_else(|| panic!("no list at {pointer}"));
    assert!(!list.is_empty(), "no cases at {pointer}");
    list
}

/// The text in a member of a case.
///
/// # Panics
///
/// When there is no such member or it is not a text.
#[must_use]
pub fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member]
        .as_str()
        .unwrap_or_else(|| panic!("no text {member:?} in {case}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_loads() {
        for name in [
            "eip712_okx.json",
            "gateways.json",
            "mpp_core.json",
            "okx_wire.json",
            "x402_assets.json",
            "x402_core.json",
        ] {
            assert!(load(name).is_object(), "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "no list at /eip3009/nothing")]
    fn missing_cases_do_not_pass() {
        let _ = cases(&load("x402_core.json"), "/eip3009/nothing");
    }
}
