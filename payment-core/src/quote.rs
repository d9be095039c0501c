use alloy_primitives::keccak256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderName;
use sha2::Sha256;

use crate::permit::scope;
use crate::{Account, Ask, ConfigError, Money, PaymentOption, Secret, Timestamp};

/// Seals quotes, so that they come back as our own words: which prices were named, for which
/// request, until when. Nothing is kept of them meanwhile.
///
/// On the wire a quote is base64url of `until;price[@payee];…`, a point, and half of an
/// HMAC-SHA256 in base64url over that text, the request and what the options are for. Of the
/// request's headers those that the price was made of.
pub(crate) struct QuoteKey(Secret);

/// What was quoted.
pub(crate) struct Quoted {
    pub(crate) options: Vec<PaymentOption>,
    pub(crate) until: Timestamp,
}

/// Bytes of the code that go on the wire.
const CODE: usize = 16;

impl QuoteKey {
    /// A key that this process alone knows.
    pub(crate) fn random() -> Result<Self, ConfigError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|_| ConfigError::setting("quote_key", "the system has no randomness"))?;
        Ok(Self(Secret::new(key)))
    }

    /// A key that several processes share.
    pub(crate) fn shared(key: Secret) -> Result<Self, ConfigError> {
        if key.len() < 32 {
            return Err(ConfigError::setting("quote_key", "has fewer than 32 bytes"));
        }
        Ok(Self(key))
    }

    /// The quote of these prices for this request.
    pub(crate) fn seal(
        &self,
        ask: &Ask,
        read: &[HeaderName],
        options: &[PaymentOption],
        until: Timestamp,
    ) -> Option<Box<str>> {
        let mut text = until.seconds().to_string();
        for option in options {
            text.push(';');
            text.push_str(&option.price.to_string());
            if let Some(account) = &option.pay_to {
                text.push('@');
                text.push_str(&account.to_string());
            }
        }
        let code = self
            .code(ask, read, options, &text)?
            .finalize()
            .into_bytes();
        let mut sealed = URL_SAFE_NO_PAD.encode(&text);
        sealed.push('.');
        URL_SAFE_NO_PAD.encode_string(&code[..CODE], &mut sealed);
        Some(sealed.into())
    }

    /// The options as they were quoted for this request. What an option is for is not in the quote:
    /// it is that of today, and has to be the same.
    pub(crate) fn open(
        &self,
        ask: &Ask,
        read: &[HeaderName],
        today: &[PaymentOption],
        sealed: &str,
    ) -> Option<Quoted> {
        let (text, code) = sealed.split_once('.')?;
        let text = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = std::str::from_utf8(&text).ok()?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        if code.len() != CODE {
            return None;
        }
        self.code(ask, read, today, text)?
            .verify_truncated_left(&code)
            .ok()?;
        let mut parts = text.split(';');
        let until = Timestamp::from_seconds(parts.next()?.parse().ok()?);
        let mut options = today.to_vec();
        for option in &mut options {
            let part = parts.next()?;
            let (price, payee) = match part.split_once('@') {
                Some((price, payee)) => (price, Some(Account::parse(payee))),
                None => (part, None),
            };
            option.price = Money::from_decimal(price).ok()?;
            option.pay_to = payee;
        }
        let quoted = Quoted { options, until };
        parts.next().is_none().then_some(quoted)
    }

    fn code(
        &self,
        ask: &Ask,
        read: &[HeaderName],
        options: &[PaymentOption],
        text: &str,
    ) -> Option<Hmac<Sha256>> {
        let mut code = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        code.update(&scope(ask));
        // One key may serve several origins, and hosts of one gate may have one path.
        code.update(keccak256(ask.resource.as_bytes()).as_slice());
        code.update(keccak256(headers(ask, read)).as_slice());
        for option in options {
            let meant = (
                option.protocol,
                &option.scheme,
                &option.network,
                &option.asset,
            );
            // Texts in quotes, so that no two lists read the same.
            code.update(format!("{meant:?}").as_bytes());
        }
        code.update(b"\n");
        code.update(text.as_bytes());
        Some(code)
    }
}

/// The values of these headers, each with its length before it.
fn headers(ask: &Ask, read: &[HeaderName]) -> Vec<u8> {
    let mut text = Vec::new();
    for name in read {
        let values = ask.headers.get_all(name);
        let parts = values.iter().map(http::HeaderValue::as_bytes);
        for part in std::iter::once(name.as_str().as_bytes()).chain(parts) {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part);
        }
        // No header is as long: the end of the values.
        text.extend_from_slice(&u64::MAX.to_be_bytes());
    }
    text
}

#[cfg(test)]
mod tests;
