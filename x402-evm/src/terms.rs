use std::ops::RangeBounds;

use alloy_primitives::{Address, U256};
use payment_core::{Account, Asset, ConfigError, Network, Refusal, ReplayKey, Route};
use payment_evm::{Authorization, Domain, MoneyParsers, Token, TransferMethod};
use serde_json::{Map, Value};
use x402_core::{Code, Offer, refuse};

/// A token and who is paid in it: what every scheme offers and compares that is paid by EIP-3009
/// authorizations.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    token: Token,
    network: Network,
    asset: Asset,
    domain: Domain,
    pay_to: Address,
    pub(crate) parsers: MoneyParsers,
}

impl Terms {
    pub(crate) fn new(token: Token, pay_to: Address) -> Self {
        let (network, domain) = (token.network(), token.domain());
        let asset = Asset::from(token.address);
        Self {
            token,
            network,
            asset,
            domain,
            pay_to,
            parsers: MoneyParsers::default(),
        }
    }

    pub(crate) const fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) const fn asset(&self) -> &Asset {
        &self.asset
    }

    pub(crate) const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The offer of this scheme for a route.
    pub(crate) fn offer(&self, scheme: &'static str, route: &Route) -> Result<Offer, ConfigError> {
        let token = &self.token;
        if token.transfer != TransferMethod::Eip3009 {
            let reason = "the token takes no EIP-3009 authorizations";
            return Err(ConfigError::setting("token", reason));
        }
        let pay_to = match &route.pay_to {
            Some(account) => account.evm(),
            None => Some(self.pay_to),
        };
        let pay_to = pay_to.filter(|account| !account.is_zero() && *account != token.address);
        let pay_to = pay_to.ok_or_else(|| {
            ConfigError::setting("pay_to", "must be an account of the seller's on this chain")
        })?;
        let amount = self.parsers.units(route.price, token)?;
        let mut extra = Map::new();
        extra.insert("name".into(), Value::String(token.name.to_string()));
        extra.insert("version".into(), Value::String(token.version.to_string()));
        let (network, asset) = (self.network.clone(), self.asset.clone());
        let pay_to = Account::from(pay_to);
        Offer::new(scheme, network, asset, pay_to, amount, extra, route)
    }

    /// The name of an authorization, whichever scheme it comes by.
    pub(crate) fn replay_key(&self, authorization: &Authorization) -> ReplayKey {
        authorization.replay_key(self.token.chain_id, self.token.address)
    }
}

/// Whether an authorization pays whom our offer names, one of these values.
pub(crate) fn pays(
    authorization: &Authorization,
    offer: &Offer,
    values: impl RangeBounds<U256>,
) -> Result<(), Refusal> {
    if offer.pay_to().evm() != Some(authorization.to) {
        return Err(refuse(Code::Recipient));
    }
    if !values.contains(&authorization.value) {
        return Err(refuse(Code::Value));
    }
    Ok(())
}

/// Whether an authorization is valid now, and ends at one of these moments.
pub(crate) fn in_time(
    authorization: &Authorization,
    now: u64,
    ends: impl RangeBounds<U256>,
) -> Result<(), Refusal> {
    if !ends.contains(&authorization.valid_before) {
        return Err(refuse(Code::ValidBefore));
    }
    if authorization.valid_after > U256::from(now) {
        return Err(refuse(Code::ValidAfter));
    }
    Ok(())
}
