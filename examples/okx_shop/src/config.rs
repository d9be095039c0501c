//! The environment, read once. Whatever is missing or wrong stops the shop with one line that
//! names the variable and never shows its value.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::Address;
use gateways::okx::{BASE_URL, OkxKeys};
use payment_core::ConfigError;
use payment_evm::LocalSigner;

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
    /// Gets a part of what a report costs; nobody does without it.
    pub(crate) partner: Option<Address>,
    pub(crate) realm: String,
    /// Where channels are kept, with the vouchers that are not settled yet. Vouchers are money: in
    /// memory they would be gone with the process.
    pub(crate) channels: PathBuf,
    /// How long what a session has earned waits for more before it is settled.
    pub(crate) settle_after: Duration,
}

/// The four that make the shop OKX's.
const NEEDED: [&str; 4] = [
    "OKX_API_KEY",
    "OKX_SECRET_KEY",
    "OKX_PASSPHRASE",
    "PAYEE_KEY",
];

/// Who sets one of these means OKX too: a shop whose keys got lost on the way to it does not
/// fall back to selling for test money.
const OPTIONAL: [&str; 6] = [
    "OKX_BASE_URL",
    "ORIGIN",
    "PARTNER",
    "MPP_REALM",
    "CHANNELS_DIR",
    "SETTLE_AFTER",
];

/// Six hours.
const SETTLE_AFTER: Duration = Duration::from_secs(6 * 3600);

impl Config {
    /// Reads the configuration through `look_up`, `std::env::var` in the real shop.
    pub(crate) fn read(
        look_up: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let find = |name| look_up(name).filter(|value| !value.is_empty());
        let bind = find("BIND").unwrap_or_else(|| "127.0.0.1:4030".to_owned());
        let bind: SocketAddr = bind
            .parse()
            .map_err(|_| ConfigError::setting("BIND", "is not an address and port"))?;
        let mut settings = NEEDED.iter().chain(&OPTIONAL);
        let okx = match settings.any(|name| find(name).is_some()) {
            true => Some(Account::read(&find)?),
            false => None,
        };
        let origin = find("ORIGIN");
        if okx.is_none() && !bind.ip().is_loopback() {
            let reason = "is open to others, and without OKX's keys all is sold for test money";
            return Err(ConfigError::setting("BIND", reason));
        }
        if origin.is_none() && bind.ip().is_unspecified() {
            let reason = "is not set, and BIND does not say where buyers find the shop";
            return Err(ConfigError::setting("ORIGIN", reason));
        }
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
        let partner = find("PARTNER").map(|text| text.parse()).transpose();
        let partner = partner
            .ok()
            .filter(|partner| *partner != Some(Address::ZERO));
        let partner =
            partner.ok_or_else(|| ConfigError::setting("PARTNER", "is not an account"))?;
        let wait = find("SETTLE_AFTER").map(|text| text.parse()).transpose();
        let wait =
            wait.map_err(|_| ConfigError::setting("SETTLE_AFTER", "is not a number of seconds"))?;
        Ok(Self {
            url: find("OKX_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned()),
            keys,
            payee,
            partner,
            realm: find("MPP_REALM").unwrap_or_else(|| "okx-shop".to_owned()),
            channels: find("CHANNELS_DIR").map_or_else(|| "channels".into(), PathBuf::from),
            settle_after: wait.map_or(SETTLE_AFTER, Duration::from_secs),
        })
    }
}

/// What is found wrong only where a setting is used, by the name that the user gave it.
pub(crate) fn by_variable(wrong: ConfigError) -> ConfigError {
    match wrong {
        ConfigError::Origin => ConfigError::setting("ORIGIN", "is not an https origin"),
        ConfigError::Setting { setting, reason } => {
            let variable = match setting {
                "okx" => "OKX_BASE_URL",
                "realm" => "MPP_REALM",
                known => known,
            };
            ConfigError::setting(variable, reason)
        }
        other => other,
    }
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

    fn refused(settings: &[(&str, &str)]) -> String {
        let error = read(settings).err().map(|error| error.to_string());
        error.unwrap_or_else(|| panic!("taken: {settings:?}"))
    }

    #[test]
    fn without_settings_okx_is_stood_in_for_and_with_four_it_is_not() {
        assert!(read(&[]).is_ok_and(|config| config.okx.is_none()));
        assert!(read(&[("BIND", "[::1]:0")]).is_ok_and(|config| config.okx.is_none()));
        let four = NEEDED.map(|name| (name, if name == "PAYEE_KEY" { KEY } else { "x" }));
        let account = read(&four).ok().and_then(|config| config.okx);
        assert!(
            account.is_some_and(|account| account.url == "https://web3.okx.com"
                && account.partner.is_none()
                && account.settle_after == SETTLE_AFTER)
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_and_not_shown() {
        for missing in NEEDED {
            let three = NEEDED.into_iter().filter(|name| *name != missing);
            let three: Vec<_> = three.map(|name| (name, KEY)).collect();
            let error = refused(&three);
            assert!(error.contains(missing) && !error.contains(KEY), "{error}");
        }
        for wrong in ["PAYEE_KEY", "PARTNER", "SETTLE_AFTER", "BIND"] {
            let mut settings = vec![(wrong, "5ec3e7")];
            settings.extend(NEEDED.map(|name| (name, KEY)));
            let error = refused(&settings);
            assert!(
                error.starts_with(wrong) && !error.contains("5ec3e7"),
                "{error}"
            );
        }
    }

    #[test]
    fn keys_that_got_lost_do_not_make_a_shop_for_test_money() {
        for name in OPTIONAL {
            assert!(refused(&[(name, "x")]).starts_with("OKX_API_KEY"), "{name}");
        }
        for bind in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80"] {
            assert!(refused(&[("BIND", bind)]).starts_with("BIND"), "{bind}");
        }
    }

    #[test]
    fn a_shop_on_every_address_says_where_it_is_found() {
        let mut settings = vec![("BIND", "0.0.0.0:80")];
        settings.extend(NEEDED.map(|name| (name, KEY)));
        assert!(refused(&settings).starts_with("ORIGIN"));
        settings.push(("ORIGIN", "https://shop.example"));
        assert!(read(&settings).is_ok());
    }
}
