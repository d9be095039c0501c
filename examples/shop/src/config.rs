//! The environment, read once. Whatever is missing or wrong stops the shop with one line that
//! names the variable and never shows its value.

use std::net::SocketAddr;

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
    OwnKey { rpc_url: String, key: Secret },
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
        let mpp_secret = environment.required("MPP_SECRET_KEY", "at least 32 bytes")?;
        Ok(Self {
            bind,
            token,
            pay_to,
            price: price.money,
            dear,
            settlement: settlement(&environment)?,
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
) -> Result<Settlement, Wrong> {
    if let Some(url) = environment.optional("FACILITATOR_URL") {
        return Ok(Settlement::Facilitator(url));
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
    })
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
}
