use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use payment_core::{ReplayKey, Timestamp, Units};
use sha2::Sha256;

/// Decimals of what a voucher is worth: millionths of a dollar.
pub(crate) const DECIMALS: u8 = 6;

/// Prints vouchers and knows its own: `serial.worth.expires.signature`.
#[derive(Clone)]
pub(crate) struct Press(Hmac<Sha256>);

/// A voucher as it was read. Its texts say what they like until the signature is checked.
#[derive(Clone)]
pub(crate) struct Voucher {
    pub(crate) worth: Units,
    pub(crate) expires: Timestamp,
    signed: Box<str>,
    signature: [u8; 32],
}

impl Press {
    /// A press under this key, as long as a block of SHA-256. Everyone who has it prints money.
    pub(crate) fn new(key: [u8; 64]) -> Self {
        Self(Hmac::new(&key.into()))
    }

    /// One more voucher, to be sold by whatever way vouchers are sold.
    pub(crate) fn print(
        &self,
        worth: Units,
        now: Timestamp,
        good_for: Duration,
    ) -> Result<String, getrandom::Error> {
        let mut serial = [0; 16];
        getrandom::fill(&mut serial)?;
        let serial = URL_SAFE_NO_PAD.encode(serial);
        let signed = format!("{serial}.{worth}.{}", now.plus(good_for).seconds());
        let signature = self.signing(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether we have printed it. In constant time.
    pub(crate) fn knows(&self, voucher: &Voucher) -> bool {
        let signing = self.signing(&voucher.signed);
        signing.verify_slice(&voucher.signature).is_ok()
    }

    fn signing(&self, text: &str) -> Hmac<Sha256> {
        self.0.clone().chain_update(text)
    }
}

impl Voucher {
    /// Reads what came in the header. `None` for what is no voucher of any press.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (signed, signature) = text.rsplit_once('.')?;
        let mut parts = signed.split('.');
        let (_serial, worth, expires) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            worth: worth.parse().ok()?,
            expires: Timestamp::from_seconds(expires.parse().ok()?),
            signed: signed.into(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?.try_into().ok()?,
        })
    }

    /// What is used up by paying with it. All that is signed, so that no spelling of one voucher
    /// is another.
    pub(crate) fn key(&self) -> ReplayKey {
        ReplayKey::new("voucher", &[self.signed.as_bytes()])
    }

    /// The name of the voucher.
    pub(crate) fn serial(&self) -> &str {
        self.signed.split('.').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn print(press: &Press) -> String {
        press
            .print(Units::from(10_000), NOW, Duration::from_secs(60))
            .unwrap()
    }

    #[test]
    fn a_press_knows_its_own_vouchers_and_no_others() {
        let press = Press::new([1; 64]);
        let text = print(&press);
        let voucher = Voucher::read(text.as_bytes()).unwrap();
        assert!(press.knows(&voucher));
        assert!(!Press::new([2; 64]).knows(&voucher));
        assert_eq!(voucher.worth, Units::from(10_000));
        assert_eq!(voucher.expires, Timestamp::from_seconds(1_060));
        assert!(text.starts_with(voucher.serial()));
        for richer in [
            text.replace(".10000.", ".90000."),
            text.replace(".1060.", ".9060."),
        ] {
            assert!(!press.knows(&Voucher::read(richer.as_bytes()).unwrap()));
        }
        let other = Voucher::read(print(&press).as_bytes()).unwrap().key();
        assert_ne!(voucher.key(), other);
    }

    #[test]
    fn what_is_no_voucher_is_not_read() {
        let text = print(&Press::new([1; 64]));
        let signature = text.rsplit_once('.').unwrap().1;
        for text in [
            String::new(),
            "....".into(),
            text[1 + text.find('.').unwrap()..].to_owned(),
            format!("{text}A"),
            format!("a.{text}"),
            format!("a.01.1060.{signature}"),
            format!("a.-1.1060.{signature}"),
            format!("a.1.99999999999999999999.{signature}"),
            text[..text.len() - 1].to_owned(),
        ] {
            assert!(Voucher::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
