use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::fmt::strtime;
use payment_core::Timestamp;
use sha2::Sha256;

use super::{OkxFault, OkxKeys};

const ACCESS_KEY: HeaderName = HeaderName::from_static("ok-access-key");
const ACCESS_SIGN: HeaderName = HeaderName::from_static("ok-access-sign");
const ACCESS_TIMESTAMP: HeaderName = HeaderName::from_static("ok-access-timestamp");
const ACCESS_PASSPHRASE: HeaderName = HeaderName::from_static("ok-access-passphrase");

/// The four headers of a request. `path` is what stands on the request line, query and all; `body`
/// is what is sent, empty for GET.
pub(super) fn headers(
    keys: &OkxKeys,
    at: Timestamp,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<HeaderMap, OkxFault> {
    let timestamp = timestamp(at)?;
    let sign = signature(keys.secret.expose(), &timestamp, method, path, body)?;
    let mut headers = HeaderMap::with_capacity(4);
    for (name, value) in [
        (ACCESS_KEY, keys.key.expose()),
        (ACCESS_SIGN, sign.as_bytes()),
        (ACCESS_TIMESTAMP, timestamp.as_bytes()),
        (ACCESS_PASSPHRASE, keys.passphrase.expose()),
    ] {
        let value = HeaderValue::from_bytes(value);
        let mut value = value.map_err(|error| OkxFault::NotSent(error.into()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// UTC with exactly three digits of a second, and `Z`.
fn timestamp(at: Timestamp) -> Result<String, OkxFault> {
    let not_sent = |error: jiff::Error| OkxFault::NotSent(error.into());
    let millis = i64::try_from(at.millis()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(millis).map_err(not_sent)?;
    strtime::format("%Y-%m-%dT%H:%M:%S.%3fZ", at).map_err(not_sent)
}

/// Base64 of the HMAC-SHA256 over timestamp, method in upper case, path and body.
pub(super) fn signature(
    secret: &[u8],
    timestamp: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> Result<String, OkxFault> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.map_err(|error| OkxFault::NotSent(error.into()))?;
    for part in [
        timestamp.as_bytes(),
        method.to_ascii_uppercase().as_bytes(),
        path.as_bytes(),
        body,
    ] {
        mac.update(part);
    }
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests;
