//! The environment, read once. Whatever is missing or wrong stops the shop with one line that
//! names the variable and never shows its value.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::Address;
use payment_core::{Money, Network, Price, Secret};
use payment_evm::Token;

/// What the shop runs on.
pub(crate) struct Config {
    pub(crate) bind: SocketAddr,
    pub(crate) token: Token,
    pub(crate) pay_to: Address,
    pub(crate) price: Money,
    pub(crate) dear: Money,
    pub(crate) settlement: Settlement,
    pub(crate) mpp_realm: String,
    pub(crate) mpp_secret: Secret,
    pub(crate) origin: Option<String>,
}

/// Who moves the money.
pub(crate) enum Settlement {
    /// An x402 facilitator, for both protocols.
    Facilitator(String),
    /// The seller's own key over JSON-RPC, for both protocols.
    OwnKey {
        rpc_url: String,
        key: Secret,
        sessions: Option<Sessions>,
    },
}

/// MPP sessions: buyers deposit in an escrow contract and sign a voucher for each call.
pub(crate) struct Sessions {
    pub(crate) escrow: Address,
    /// Where channels are kept, with the vouchers that are not settled yet.
    pub(crate) channels: PathBuf,
    /// The key of the account that is paid, where another one sends the transactions.
    pub(crate) payee_key: Option<Secret>,
    /// How long vouchers wait until they are settled.
    pub(crate) settle_after: Duration,
    /// The least deposit that is worth the gas of bringing it to the chain.
    pub(crate) min_deposit: Option<Money>,
}

/// A variable that is missing or wrong.
#[derive(Debug)]
pub(crate) struct Wrong {
    name: &'static str,
    reason: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// Looks a variable up; an empty one counts as missing.
struct Environment<L>(L);

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str, what: &str) -> Result<String, Wrong> {
        self.optional(name)
            .ok_or_else(|| wrong(name, format!("is missing: {what}")))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &'static str, what: &str) -> Result<T, Wrong> {
        let text = self.required(name, what)?;
        text.parse()
            .map_err(|_| wrong(name, format!("is not {what}")))
    }
}

fn wrong(name: &'static str, reason: impl Into<String>) -> Wrong {
    Wrong {
        name,
        reason: reason.into(),
    }
}

impl Config {
    /// Reads the configuration through `look_up`, `std::env::var` in the real shop.
    pub(crate) fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let environment = Environment(look_up);
        let bind = match environment.optional("BIND") {
            None => SocketAddr::from(([127, 0, 0, 1], 4020)),
            Some(_) => environment.parsed("BIND", "an address and port, such as 0.0.0.0:4020")?,
        };
        let price: Price = environment.parsed("PRICE", "an amount of money, such as 0.01")?;
        let pay_to = environment.parsed("PAY_TO", "an address: 0x and 40 hex digits")?;
        let token = token(&environment)?;
        let dear = price
            .money
            .checked_mul(100)
            .ok_or_else(|| wrong("PRICE", "is too large"))?;
        if price.money.is_zero() || price.money.to_units(token.decimals).is_err() {
            return Err(wrong("PRICE", "can't be charged exactly in the token"));
        }
        let settlement = settlement(&environment, token.decimals)?;
        let mpp_secret = environment.required("MPP_SECRET_KEY", "at least 32 bytes")?;
        Ok(Self {
            bind,
            token,
            pay_to,
            price: price.money,
            dear,
            settlement,
            mpp_realm: environment.required("MPP_REALM", "the name of this service")?,
            mpp_secret: Secret::new(mpp_secret),
            origin: environment.optional("ORIGIN"),
        })
    }
}

fn token<L: Fn(&str) -> Option<String>>(environment: &Environment<L>) -> Result<Token, Wrong> {
    let network: Network = environment.parsed("NETWORK", "a CAIP-2 name, such as eip155:84532")?;
    let chain_id = network
        .chain_id()
        .ok_or_else(|| wrong("NETWORK", "is not an EVM chain (eip155:<id>)"))?;
    let address: Address = environment.parsed("ASSET", "a token address")?;
    let said = ["ASSET_NAME", "ASSET_VERSION", "ASSET_DECIMALS"];
    if said.iter().all(|name| environment.optional(name).is_none()) {
        return Token::known(chain_id, address).ok_or_else(|| {
            wrong(
                "ASSET",
                "is not in the token table: set ASSET_NAME, ASSET_VERSION and ASSET_DECIMALS",
            )
        });
    }
    let name = environment.required("ASSET_NAME", "the name in the token's EIP-712 domain")?;
    let version = environment.required("ASSET_VERSION", "the version in its EIP-712 domain")?;
    let decimals = environment.parsed("ASSET_DECIMALS", "a number of decimals")?;
    Ok(Token::custom(
        chain_id,
        address,
        name.clone(),
        decimals,
        name,
        version,
    ))
}

fn settlement<L: Fn(&str) -> Option<String>>(
    environment: &Environment<L>,
    decimals: u8,
) -> Result<Settlement, Wrong> {
    let sessions = sessions(environment, decimals)?;
    if let Some(url) = environment.optional("FACILITATOR_URL") {
        return match sessions {
            None => Ok(Settlement::Facilitator(url)),
            Some(_) => Err(wrong(
                "SESSION_ESCROW",
                "is not for a facilitator: set RPC_URL and SETTLER_KEY, and no FACILITATOR_URL",
            )),
        };
    }
    let Some(rpc_url) = environment.optional("RPC_URL") else {
        return Err(wrong(
            "FACILITATOR_URL",
            "is missing: set it, or RPC_URL and SETTLER_KEY",
        ));
    };
    let key = environment.required("SETTLER_KEY", "the private key that sends settlements")?;
    Ok(Settlement::OwnKey {
        rpc_url,
        key: Secret::new(key),
        sessions,
    })
}

fn sessions<L: Fn(&str) -> Option<String>>(
    environment: &Environment<L>,
    decimals: u8,
) -> Result<Option<Sessions>, Wrong> {
    if environment.optional("SESSION_ESCROW").is_none() {
        let lost = ["CHANNELS_DIR", "PAY_TO_KEY", "SETTLE_AFTER", "MIN_DEPOSIT"]
            .into_iter()
            .find(|name| environment.optional(name).is_some());
        return match lost {
            None => Ok(None),
            Some(name) => Err(wrong(name, "is for sessions: set SESSION_ESCROW too")),
        };
    }
    let escrow = environment.parsed("SESSION_ESCROW", "an address: 0x and 40 hex digits")?;
    // Vouchers are money: in memory they would be gone with the process.
    let channels = environment.required("CHANNELS_DIR", "a directory for channels and vouchers")?;
    let settle_after = match environment.optional("SETTLE_AFTER") {
        None => 86_400,
        Some(_) => environment.parsed("SETTLE_AFTER", "a number of seconds")?,
    };
    let min_deposit = match environment.optional("MIN_DEPOSIT") {
        None => None,
        Some(_) => {
            let least: Price =
                environment.parsed("MIN_DEPOSIT", "an amount of money, such as 1")?;
            let exact = least.money.to_units(decimals).is_ok();
            exact
                .then_some(Some(least.money))
                .ok_or_else(|| wrong("MIN_DEPOSIT", "can't be had exactly in the token"))?
        }
    };
    Ok(Some(Sessions {
        min_deposit,
        escrow,
        channels: channels.into(),
        payee_key: environment.optional("PAY_TO_KEY").map(Secret::new),
        settle_after: Duration::from_secs(settle_after),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 7] = [
        ("NETWORK", "eip155:84532"),
        ("ASSET", "0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        ("PAY_TO", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
        ("PRICE", "0.01"),
        ("FACILITATOR_URL", "http://127.0.0.1:1"),
        ("MPP_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("MPP_REALM", "shop.example"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Config, Wrong> {
        Config::read(|name| {
            let changed = changes.iter().find(|(key, _)| *key == name);
            let value = changed.or_else(|| GOOD.iter().find(|(key, _)| *key == name));
            value.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_wrong_setting_is_named_and_not_shown() {
        assert!(read(&[]).is_ok());
        for (name, value) in [
            ("NETWORK", "base"),
            ("NETWORK", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
            ("ASSET", "0x1234"),
            ("ASSET", "0x0000000000000000000000000000000000000001"),
            ("PAY_TO", "somebody"),
            ("PRICE", "0"),
            ("PRICE", "0.0000001"),
            ("PRICE", "1e3"),
            ("BIND", "here"),
            ("MPP_REALM", ""),
            ("MPP_SECRET_KEY", ""),
            ("FACILITATOR_URL", ""),
        ] {
            let error = read(&[(name, value)]).err().map(|wrong| wrong.to_string());
            let error = error.unwrap_or_else(|| panic!("{name}={value} was taken"));
            assert!(error.starts_with(name), "{error}");
            assert!(value.len() < 4 || !error.contains(value), "{error}");
        }
        let own_key = [("FACILITATOR_URL", ""), ("RPC_URL", "http://127.0.0.1:1")];
        let error = read(&own_key).err().map(|wrong| wrong.to_string());
        assert!(error.is_some_and(|text| text.starts_with("SETTLER_KEY")));
    }

    const SESSIONS: [(&str, &str); 5] = [
        ("FACILITATOR_URL", ""),
        ("RPC_URL", "http://127.0.0.1:1"),
        ("SETTLER_KEY", "0x01"),
        (
            "SESSION_ESCROW",
            "0xE5C2000000000000000000000000000000000001",
        ),
        ("CHANNELS_DIR", "/var/lib/shop"),
    ];

    #[test]
    fn sessions_are_had_by_the_own_key_and_with_a_directory() {
        let read = |changes: &[(&str, &str)]| {
            let settings = [changes, &SESSIONS].concat();
            read(&settings).map(|config| match config.settlement {
                Settlement::OwnKey { sessions, .. } => sessions,
                Settlement::Facilitator(_) => None,
            })
        };
        let sessions = read(&[]).ok().flatten().expect("sessions");
        assert_eq!(sessions.channels, PathBuf::from("/var/lib/shop"));
        assert_eq!(sessions.settle_after, Duration::from_secs(86_400));
        assert!(sessions.payee_key.is_none() && sessions.min_deposit.is_none());
        let more = [
            ("SETTLE_AFTER", "60"),
            ("PAY_TO_KEY", "0x02"),
            ("MIN_DEPOSIT", "1"),
        ];
        let sessions = read(&more).ok().flatten().expect("sessions");
        assert!(
            sessions
                .min_deposit
                .is_some_and(|least| least.to_string() == "1")
        );
        assert_eq!(sessions.settle_after, Duration::from_secs(60));
        assert!(sessions.payee_key.is_some());
        let off = [("SESSION_ESCROW", ""), ("CHANNELS_DIR", "")];
        assert!(read(&off).is_ok_and(|sessions| sessions.is_none()));

        for (name, changes) in [
            ("SESSION_ESCROW", &[("SESSION_ESCROW", "0x1234")][..]),
            (
                "SESSION_ESCROW",
                &[("FACILITATOR_URL", "http://127.0.0.1:1")],
            ),
            ("CHANNELS_DIR", &[("CHANNELS_DIR", "")]),
            ("CHANNELS_DIR", &[("SESSION_ESCROW", "")]),
            ("PAY_TO_KEY", &[off[0], off[1], ("PAY_TO_KEY", "0x5ec3e7")]),
            ("SETTLE_AFTER", &[off[0], off[1], ("SETTLE_AFTER", "60")]),
            ("SETTLE_AFTER", &[("SETTLE_AFTER", "a day")]),
            ("MIN_DEPOSIT", &[off[0], off[1], ("MIN_DEPOSIT", "1")]),
            ("MIN_DEPOSIT", &[("MIN_DEPOSIT", "some")]),
            ("MIN_DEPOSIT", &[("MIN_DEPOSIT", "0.0000001")]),
            ("SETTLER_KEY", &[("SETTLER_KEY", "")]),
        ] {
            let error = read(changes).err().map(|wrong| wrong.to_string());
            let error = error.unwrap_or_else(|| panic!("{changes:?} was taken"));
            assert!(error.starts_with(&format!("{name}: ")), "{error}");
            assert!(
                !error.contains("5ec3e7") && !error.contains("1234"),
                "{error}"
            );
        }
    }
}
