use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use payment_core::{JsonLimits, strict_json};
use serde_json::{Map, Value};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);
const FROM_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
const FROM_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Largest `request` parameter that is read, in characters.
pub(crate) const MAX_REQUEST: usize = 16 * 1024;

/// Writes base64url without padding.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64 of either alphabet, padded or not.
pub(crate) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = match text {
        [text @ .., b'=', b'='] | [text @ .., b'='] => text,
        text => text,
    };
    // They differ in two letters, so that what has neither reads alike by both.
    let read = FROM_URL_SAFE.decode(text);
    read.or_else(|_| FROM_STANDARD.decode(text)).ok()
}

/// Whether a text has the letters of base64, of either alphabet. It may still not decode.
pub(crate) fn is_base64(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    let known =
        |b: u8| b.is_ascii_alphanumeric() | (b == b'-') | (b == b'_') | (b == b'+') | (b == b'/');
    // Without a way out before the end, many letters are looked at at once.
    !text.is_empty() && text.bytes().fold(true, |all, b| all & known(b))
}

/// A request or receipt that can't be written in the canonical form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// A whole number beyond 2^53 − 1: parsers disagree on what it is. Amounts are strings.
    #[error("a whole number beyond 2^53 - 1")]
    UnsafeInteger,
    /// Longer than anybody reads.
    #[error("longer than {MAX_REQUEST} characters")]
    TooLong,
    /// It does not serialize.
    #[error("not writable as JSON")]
    Json(#[from] serde_json::Error),
}

/// Writes JSON in the one form of RFC 8785.
///
/// # Errors
///
/// `CanonicalError::UnsafeInteger` for numbers that I-JSON does not carry.
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    check_numbers(value)?;
    Ok(serde_json_canonicalizer::to_vec(value)?)
}

fn check_numbers(value: &Value) -> Result<(), CanonicalError> {
    const MAX_SAFE: u64 = (1 << 53) - 1;
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|whole| whole <= MAX_SAFE) => Ok(()),
        Value::Number(number) => {
            // The written form decides: 1e21 is written as such, 1e20 as an integer.
            let text = serde_json_canonicalizer::to_string(number)?;
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let whole = digits.bytes().all(|b| b.is_ascii_digit());
            let safe = digits.parse::<u64>().is_ok_and(|value| value <= MAX_SAFE);
            if whole && !safe {
                Err(CanonicalError::UnsafeInteger)
            } else {
                Ok(())
            }
        }
        Value::Array(elements) => elements.iter().try_for_each(check_numbers),
        Value::Object(members) => members.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// The `request` of a challenge as it stands on the wire: base64url of canonical JSON. What a
/// buyer received is kept and echoed as it came.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncodedRequest(Box<str>);

/// A `request` that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request is not base64 of one JSON object with distinct members")]
pub struct RequestError;

impl EncodedRequest {
    /// Encodes a request object.
    ///
    /// # Errors
    ///
    /// `CanonicalError` when it has no canonical form or is longer than 16384 characters.
    pub fn encode(request: &Map<String, Value>) -> Result<Self, CanonicalError> {
        request.values().try_for_each(check_numbers)?;
        let text = to_base64url(&serde_json_canonicalizer::to_vec(request)?);
        if text.len() > MAX_REQUEST {
            return Err(CanonicalError::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// Takes the text of a challenge.
    ///
    /// # Errors
    ///
    /// `RequestError` unless it is base64 of one JSON object with distinct members, within
    /// bounds.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        read_object(text)?;
        Ok(Self(text.into()))
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The request object.
    #[must_use]
    pub fn decode(&self) -> Map<String, Value> {
        // Both constructors saw to it that this is an object.
        read_object(&self.0).unwrap_or_default()
    }
}

/// The object behind the text of a `request`.
pub(crate) fn read_object(text: &str) -> Result<Map<String, Value>, RequestError> {
    if text.len() > MAX_REQUEST {
        return Err(RequestError);
    }
    let json = from_base64(text.as_bytes()).ok_or(RequestError)?;
    strict_json(&json, JsonLimits::default()).map_err(|_| RequestError)?;
    serde_json::from_slice(&json).map_err(|_| RequestError)
}

/// Whether a text is base64 of a flat JSON object of texts, as `opaque` must be.
pub(crate) fn is_opaque(text: &str) -> bool {
    read_object(text).is_ok_and(|members| members.values().all(Value::is_string))
}

/// Encodes what an older client decoded: an object in the place of the `opaque` text.
pub(crate) fn opaque_again(object: &Value) -> Option<Cow<'static, str>> {
    let flat = object.as_object()?.values().all(Value::is_string);
    let json = flat.then(|| canonical_json(object))?.ok()?;
    Some(to_base64url(&json).into())
}

#[cfg(test)]
mod tests;
