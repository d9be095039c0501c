//! Strict reading of what EVM payloads carry, and the one spelling each is written in.
//!
//! The modules serve `#[serde(with = "…")]`. They read texts only, and refuse every spelling
//! but: `0x` and exactly as many hex digits as the value has, of any case; decimal integers
//! without sign, blank or leading zero.

use alloy_primitives::hex;

/// A text that is not `0x` and exactly so many hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 0x and {digits} hex digits")]
pub struct HexError {
    /// How many digits were asked for.
    pub digits: usize,
}

/// Reads `0x` and exactly `2 * N` hex digits of any case.
///
/// # Errors
///
/// `HexError` for any other text.
pub fn fixed_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let error = HexError { digits: 2 * N };
    // The length is settled here: the decoder would take a second `0x`.
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() == 2 * N)
        .ok_or(error)?;
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| error)?;
    Ok(bytes)
}

/// An address: read in any case, checksum or none; written with its EIP-55 checksum.
pub mod address {
    use alloy_primitives::Address;
    use serde::{Deserializer, Serializer};

    use super::{HexError, fixed_hex, read_text};

    /// Reads one address. The case of the digits proves nothing and is not checked.
    ///
    /// # Errors
    ///
    /// `HexError` unless the text is `0x` and 40 hex digits.
    pub fn parse(text: &str) -> Result<Address, HexError> {
        fixed_hex(text).map(Address::new)
    }

    /// Writes it with its checksum.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Address, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.to_checksum_buffer(None).as_str())
    }

    /// Reads it from a text.
    ///
    /// # Errors
    ///
    /// Those of [`parse`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        read_text(deserializer, "an address", parse)
    }
}

/// A 32-byte word, such as a nonce or a hash.
pub mod word {
    use alloy_primitives::B256;
    use serde::{Deserializer, Serializer};

    use super::{HexError, fixed_hex, read_text};

    /// Reads one word.
    ///
    /// # Errors
    ///
    /// `HexError` unless the text is `0x` and 64 hex digits.
    pub fn parse(text: &str) -> Result<B256, HexError> {
        fixed_hex(text).map(B256::new)
    }

    /// Writes it in lower-case hex.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &B256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads it from a text.
    ///
    /// # Errors
    ///
    /// Those of [`parse`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<B256, D::Error> {
        read_text(deserializer, "a 32-byte word", parse)
    }
}

/// An unsigned integer of 256 bits as a decimal text.
pub mod decimal {
    use alloy_primitives::U256;
    use payment_core::{Units, UnitsError};
    use serde::{Deserializer, Serializer};

    use super::read_text;

    /// Reads one integer.
    ///
    /// # Errors
    ///
    /// `UnitsError` for anything but `0|[1-9][0-9]*` below 2^256.
    pub fn parse(text: &str) -> Result<U256, UnitsError> {
        text.parse::<Units>().map(Units::get)
    }

    /// Writes it in decimal.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads it from a text; a JSON number is refused.
    ///
    /// # Errors
    ///
    /// Those of [`parse`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        read_text(deserializer, "a decimal integer in a text", parse)
    }
}

/// Reads a text without keeping it, whether the input lends it or not.
pub(crate) fn read_text<'de, D, T, E>(
    deserializer: D,
    expecting: &'static str,
    parse: fn(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    E: std::fmt::Display,
{
    struct Text<T, E>(&'static str, fn(&str) -> Result<T, E>);

    impl<T, E: std::fmt::Display> serde::de::Visitor<'_> for Text<T, E> {
        type Value = T;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<F: serde::de::Error>(self, text: &str) -> Result<T, F> {
            (self.1)(text).map_err(F::custom)
        }
    }

    deserializer.deserialize_str(Text(expecting, parse))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn hex_has_one_length_and_one_prefix() {
        assert_eq!(fixed_hex::<2>("0xAb0f"), Ok([0xab, 0x0f]));
        for bad in [
            "", "0x", "ab0f", "0Xab0f", "0xab0", "0xab0f0", "0xab0g", " 0xab0f", "0x0xab", "0x+b0f",
        ] {
            assert_eq!(fixed_hex::<2>(bad), Err(HexError { digits: 4 }), "{bad:?}");
        }
    }

    #[test]
    fn address_is_read_in_any_case() {
        let checksummed = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
        let wrong_checksum = "0x036cBD53842c5426634e7929541eC2318f3dCF7E";
        let address = address::parse(checksummed).unwrap();
        assert_eq!(address::parse(&checksummed.to_lowercase()), Ok(address));
        assert_eq!(address::parse(wrong_checksum), Ok(address));
    }
}
