use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::Sha256;

use super::refusal::Refusal;

/// How far a request's time may be from the server's, in seconds.
const DRIFT: u64 = 30;

/// What the service knows a seller by.
#[derive(Clone)]
#[non_exhaustive]
pub struct OkxAccount {
    /// Sent in clear, says who asks.
    pub key: String,
    /// Signs each request and is never sent.
    pub secret: String,
    /// Sent in clear with each request.
    pub passphrase: String,
}

impl OkxAccount {
    /// An account of one's own.
    #[must_use]
    pub fn new(key: &str, secret: &str, passphrase: &str) -> Self {
        let [key, secret, passphrase] = [key, secret, passphrase].map(str::to_owned);
        Self {
            key,
            secret,
            passphrase,
        }
    }

    /// The signature of a request: over its time, method, path with query, and body.
    #[must_use]
    pub fn sign(&self, time: &str, method: &str, path: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("HMAC takes a key of any length");
        for part in [time.as_bytes(), method.as_bytes(), path.as_bytes(), body] {
            mac.update(part);
        }
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl Default for OkxAccount {
    /// The account of the published examples of the signature.
    fn default() -> Self {
        Self::new(
            "11111111-2222-3333-4444-555555555555",
            "0123456789ABCDEF0123456789ABCDEF",
            "Passw0rd!",
        )
    }
}

impl fmt::Debug for OkxAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OkxAccount([redacted])")
    }
}

/// A request as far as its signature covers it.
pub(super) struct Signed<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
}

impl Signed<'_> {
    /// Whether one of the accounts made this request just now.
    pub(super) fn check(&self, accounts: &[OkxAccount], now: u64) -> Result<(), Refusal> {
        let key = self.header("ok-access-key", 50103, 50111)?;
        let passphrase = self.header("ok-access-passphrase", 50104, 50105)?;
        let sign = self.header("ok-access-sign", 50106, 50113)?;
        let time = self.header("ok-access-timestamp", 50107, 50112)?;
        let account = accounts.iter().find(|account| account.key == key);
        let account = account.ok_or(Refusal::unauthorized(50111, "Invalid OK-ACCESS-KEY"))?;
        if account.passphrase != passphrase {
            return Err(Refusal::unauthorized(
                50105,
                "OK-ACCESS-PASSPHRASE incorrect",
            ));
        }
        if !is_recent(time, now) {
            return Err(Refusal::unauthorized(50112, "Invalid OK-ACCESS-TIMESTAMP"));
        }
        if account.sign(time, self.method, self.path, self.body) != sign {
            return Err(Refusal::unauthorized(50113, "Invalid Sign"));
        }
        Ok(())
    }

    /// The one value of a header: it may not be missing or empty, and not be there twice.
    fn header(&self, name: &'static str, missing: i64, invalid: i64) -> Result<&str, Refusal> {
        let mut values = self.headers.get_all(name).iter();
        let Some(value) = values.next().filter(|value| !value.is_empty()) else {
            return Err(Refusal::unauthorized(missing, "a header is empty"));
        };
        match (value.to_str(), values.next()) {
            (Ok(text), None) => Ok(text),
            _ => Err(Refusal::unauthorized(invalid, "a header is invalid")),
        }
    }
}

/// Whether a text is a time of the form `YYYY-MM-DDTHH:MM:SS(.mmm)?Z` near `now`.
fn is_recent(time: &str, now: u64) -> bool {
    let form = match time.len() {
        20 => "0000-00-00T00:00:00Z",
        24 => "0000-00-00T00:00:00.000Z",
        _ => return false,
    };
    let formed = time
        .bytes()
        .zip(form.bytes())
        .all(|(have, want)| match want {
            b'0' => have.is_ascii_digit(),
            _ => have == want,
        });
    let Ok(time) = time.parse::<Timestamp>() else {
        return false;
    };
    let second = u64::try_from(time.as_second()).unwrap_or(0);
    formed && second.abs_diff(now) <= DRIFT
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_774_864_800;

    #[test]
    fn times_near_now_are_taken_with_and_without_milliseconds() {
        for time in [
            "2026-03-30T10:00:00.000Z",
            "2026-03-30T10:00:00Z",
            "2026-03-30T09:59:30.000Z",
            "2026-03-30T10:00:30.999Z",
        ] {
            assert!(is_recent(time, NOW), "{time}");
        }
    }

    #[test]
    fn times_of_another_form_or_moment_are_not() {
        for time in [
            "2026-03-30T10:00:31Z",
            "2026-03-30T09:59:29.999Z",
            "2026-03-30T10:00:00.00Z",
            "2026-03-30T10:00:00.000000Z",
            "2026-03-30 10:00:00.000Z",
            "2026-03-30T10:00:00.000z",
            "2026-03-30T10:00:00+00:0",
            "2026-02-30T10:00:00Z",
            "1774864800",
            "1774864800.0000000000000",
            "",
        ] {
            assert!(!is_recent(time, NOW), "{time}");
        }
    }
}
