//! Hexadecimal of exact length with `0x` before it, in either case. Checksums in addresses are
//! never looked at: wallets and documents get them wrong, and the 20 bytes are what counts.

use std::borrow::Cow;

use alloy_primitives::{Address, B256, hex};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The address that a text spells.
pub(crate) fn address(text: &str) -> Option<Address> {
    fixed::<20>(text).map(Address::from)
}

fn fixed<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode_to_array(text.strip_prefix("0x").filter(|digits| !digits.starts_with("0x"))?).ok()
}

/// An address member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HexAddress(pub(crate) Address);

/// A member of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hex32(pub(crate) B256);

impl<'de> Deserialize<'de> for HexAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        address(&text).map(Self).ok_or_else(|| D::Error::custom("not an address"))
    }
}

impl<'de> Deserialize<'de> for Hex32 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        fixed(&text).map(|bytes| Self(bytes.into())).ok_or_else(|| D::Error::custom("not 32 bytes"))
    }
}

/// A text that is borrowed where the JSON allows.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exact_length_and_prefix() {
        let good = "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00";
        assert_eq!(address(good), address(&good.to_lowercase()));
        assert!(address(good).is_some());
        for bad in [
            "",
            "0x",
            "742d35Cc6634C0532925a3b844Bc9e7595f8fE00",
            "0X742d35Cc6634C0532925a3b844Bc9e7595f8fE00",
            "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE",
            "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE0000",
            "0x0x2d35Cc6634C0532925a3b844Bc9e7595f8fE00",
            "0x0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00",
            "0x742d35Cc6634C0532925a3b844Bc9e7595f8fEg0",
            " 0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00",
        ] {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn wrong_checksums_of_the_draft_are_read() {
        let file = vectors::load("mpp_core.json");
        let pointer = "/evm/address_checksum_notes/draft_example_addresses_with_invalid_EIP55";
        let mut tally = vectors::Tally::new("mpp address_checksum_notes");
        for case in vectors::cases(&file, pointer) {
            let text = case.as_str().unwrap();
            let read = address(text).unwrap();
            assert_eq!(read.to_string().to_lowercase(), text.to_lowercase());
            assert_ne!(read.to_checksum(None), text, "its checksum is right after all");
            tally.ran();
        }
    }
}
