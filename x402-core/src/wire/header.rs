use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName};
use payment_core::{JsonLimits, strict_json};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{v1, v2};

/// The offers of a 402 (v2).
pub const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// The payment of a request (v2).
pub const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
/// The receipt of a response (v2).
pub const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
/// The payment of a request (v1).
pub const X_PAYMENT: HeaderName = HeaderName::from_static("x-payment");
/// The receipt of a response (v1).
pub const X_PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("x-payment-response");

/// The longest header value that is decoded. A gate may set a lower limit.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The standard alphabet; padding may be missing, never wrong.
const LENIENT_PADDING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A header value that is not a message, or a message that can't be one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The value is longer than [`MAX_HEADER_BYTES`].
    #[error("the header is too long")]
    TooLong,
    /// Not base64 of the standard alphabet.
    #[error("the header is not base64")]
    Base64,
    /// Not one JSON value with distinct members within bounds.
    #[error("the header does not hold one JSON value")]
    Json(#[from] payment_core::StrictJsonError),
    /// Not the members that the message has.
    #[error("the header does not hold the expected message")]
    Shape(#[source] serde_json::Error),
}

/// Writes a message as a header value: padded base64 of compact JSON.
///
/// # Errors
///
/// `Shape` when the message can't be JSON, which no message of this crate is.
pub fn encode<T: Serialize>(message: &T) -> Result<String, HeaderError> {
    let json = serde_json::to_vec(message).map_err(HeaderError::Shape)?;
    Ok(STANDARD.encode(json))
}

/// Writes a message as a header value whose JSON is ASCII, as v1 needs it.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_ascii<T: Serialize>(message: &T) -> Result<String, HeaderError> {
    let json = serde_json::to_string(message).map_err(HeaderError::Shape)?;
    Ok(STANDARD.encode(ascii(&json).as_bytes()))
}

/// Reads a message from a header value.
///
/// # Errors
///
/// `HeaderError` when the value is not exactly one such message: base64url, blanks, a byte order
/// mark, members named twice and texts that are not UTF-8 are refused.
pub fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, HeaderError> {
    let json = decode_base64(value)?;
    serde_json::from_slice(&json).map_err(HeaderError::Shape)
}

/// The JSON of a header value: one value, distinct members, within bounds.
pub(crate) fn decode_base64(value: &[u8]) -> Result<Vec<u8>, HeaderError> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(HeaderError::TooLong);
    }
    let json = LENIENT_PADDING
        .decode(value)
        .map_err(|_| HeaderError::Base64)?;
    strict_json(&json, JsonLimits::default())?;
    Ok(json)
}

pub(crate) fn encode_base64(json: &[u8]) -> String {
    STANDARD.encode(json)
}

/// The same JSON text with every character above ASCII escaped. Such characters stand in strings
/// only, so that escaping them wherever they are is right.
pub(crate) fn ascii(json: &str) -> Cow<'_, str> {
    if json.is_ascii() {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 32);
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(escaped)
}

/// What a 402 asks for, in the version that the server speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaymentRequiredAnswer {
    /// From the JSON body.
    V1(v1::PaymentRequired),
    /// From the `PAYMENT-REQUIRED` header.
    V2(v2::PaymentRequired),
}

/// Reads a 402: the `PAYMENT-REQUIRED` header where there is one, else a v1 body.
///
/// # Errors
///
/// `HeaderError` when what is there can't be read as exactly one message of its version.
pub fn read_payment_required(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<PaymentRequiredAnswer, HeaderError> {
    let mut values = headers.get_all(PAYMENT_REQUIRED).iter();
    if let Some(value) = values.next() {
        if values.next().is_some() {
            return Err(HeaderError::Base64);
        }
        let required: v2::PaymentRequired = decode(value.as_bytes())?;
        return match required.x402_version {
            2 => Ok(PaymentRequiredAnswer::V2(required)),
            _ => Err(wrong_version()),
        };
    }
    strict_json(body, JsonLimits::default())?;
    let required: v1::PaymentRequired = serde_json::from_slice(body).map_err(HeaderError::Shape)?;
    match required.x402_version {
        1 => Ok(PaymentRequiredAnswer::V1(required)),
        _ => Err(wrong_version()),
    }
}

fn wrong_version() -> HeaderError {
    HeaderError::Shape(serde::de::Error::custom("another x402 version"))
}

#[cfg(test)]
mod tests;
