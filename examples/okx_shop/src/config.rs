//! The environment, read once. Whatever is missing or wrong stops the shop with one line that
//! names the variable and never shows its value.

use std::net::SocketAddr;
use std::path::PathBuf;

use gateways::okx::{BASE_URL, OkxKeys};
use payment_core::{ConfigError, Secret};
use payment_evm::{LocalSigner, random_word};

/// What the shop runs on.
pub(crate) struct Config {
    pub(crate) bind: SocketAddr,
    /// The public origin, where it is not the address the shop listens on.
    pub(crate) origin: Option<String>,
    /// `None` where OKX is to be stood in for.
    pub(crate) okx: Option<Account>,
}

/// What the shop is at OKX.
pub(crate) struct Account {
    pub(crate) url: String,
    pub(crate) keys: OkxKeys,
    /// Is paid, and signs what settles sessions.
    pub(crate) payee: LocalSigner,
    pub(crate) realm: String,
    pub(crate) secret: Secret,
    /// Where channels are kept, with the vouchers that are not settled yet. Vouchers are money: in
    /// memory they would be gone with the process.
    pub(crate) channels: PathBuf,
}

/// The four that make the shop OKX's.
const NEEDED: [&str; 4] = [
    "OKX_API_KEY",
    "OKX_SECRET_KEY",
    "OKX_PASSPHRASE",
    "PAYEE_KEY",
];

impl Config {
    /// Reads the configuration through `look_up`, `std::env::var` in the real shop.
    pub(crate) fn read(
        look_up: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let find = |name| look_up(name).filter(|value| !value.is_empty());
        let bind = find("BIND").unwrap_or_else(|| "127.0.0.1:4030".to_owned());
        let bind = bind
            .parse()
            .map_err(|_| ConfigError::setting("BIND", "is not an address and port"))?;
        let okx = match NEEDED.iter().any(|name| find(name).is_some()) {
            true => Some(Account::read(&find)?),
            false => None,
        };
        let origin = find("ORIGIN");
        Ok(Self { bind, origin, okx })
    }
}

impl Account {
    fn read(find: &impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let keys = OkxKeys::from_lookup(find)?;
        let key = find("PAYEE_KEY");
        let key = key.ok_or_else(|| ConfigError::setting("PAYEE_KEY", "is not set"))?;
        let payee = LocalSigner::from_hex(&key)
            .map_err(|_| ConfigError::setting("PAYEE_KEY", "is not a private key"))?;
        Ok(Self {
            url: find("OKX_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned()),
            keys,
            payee,
            realm: find("MPP_REALM").unwrap_or_else(|| "okx-shop".to_owned()),
            secret: match find("MPP_SECRET_KEY") {
                Some(secret) => Secret::new(secret),
                None => random_secret()?,
            },
            channels: find("CHANNELS_DIR").map_or_else(|| "channels".into(), PathBuf::from),
        })
    }
}

/// A key for challenges of this process alone: those of an earlier one have to be asked for again.
pub(crate) fn random_secret() -> Result<Secret, ConfigError> {
    let word = random_word();
    let word = word.map_err(|_| ConfigError::setting("MPP_SECRET_KEY", "no randomness"))?;
    Ok(Secret::new(word.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0xda5a93b46bd22a3be5b79970e9cb4b7798f611ad4fa0e358c096449b159ca880";

    fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            let found = settings.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_settings_okx_is_stood_in_for_and_with_four_it_is_not() {
        assert!(read(&[]).is_ok_and(|config| config.okx.is_none()));
        let four = NEEDED.map(|name| (name, if name == "PAYEE_KEY" { KEY } else { "x" }));
        let account = read(&four).ok().and_then(|config| config.okx);
        assert!(account.is_some_and(|account| account.url == "https://web3.okx.com"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_not_shown() {
        for missing in NEEDED {
            let three = NEEDED.into_iter().filter(|name| *name != missing);
            let three: Vec<_> = three.map(|name| (name, KEY)).collect();
            let error = read(&three).err().map(|error| error.to_string());
            let error = error.unwrap_or_else(|| panic!("{missing} was not missed"));
            assert!(error.contains(missing), "{error}");
            assert!(!error.contains(KEY), "{error}");
        }
        let wrong = NEEDED.map(|name| (name, "5ec3e7"));
        let error = read(&wrong).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("PAYEE_KEY") && !text.contains("5ec3e7")));
        assert!(read(&[("BIND", "here")]).is_err());
    }
}
