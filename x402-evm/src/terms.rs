use std::ops::RangeBounds;

use alloy_primitives::{Address, U256};
use payment_core::{Account, Asset, ConfigError, Network, Refusal, ReplayKey, Route};
use payment_evm::{Authorization, Domain, Token, TransferMethod};
use serde_json::{Map, Value};
use x402_core::{Code, Offer, refuse};

/// A token and who is paid in it: what every scheme offers and compares that is paid by EIP-3009
/// authorizations.
#[derive(Debug)]
pub(crate) struct Terms {
    token: Token,
    network: Network,
    domain: Domain,
    pay_to: Address,
}

impl Terms {
    pub(crate) fn new(token: Token, pay_to: Address) -> Self {
        let (network, domain) = (token.network(), token.domain());
        Self {
            token,
            network,
            domain,
            pay_to,
        }
    }

    pub(crate) const fn network(&self) -> &Network {
        &self.network
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
        if self.pay_to.is_zero() || self.pay_to == token.address {
            let reason = "must be an account of the seller's";
            return Err(ConfigError::setting("pay_to", reason));
        }
        let amount = route.price.to_units(token.decimals)?;
        let mut extra = Map::new();
        extra.insert("name".into(), Value::String(token.name.to_string()));
        extra.insert("version".into(), Value::String(token.version.to_string()));
        let (network, asset) = (self.network.clone(), Asset::from(token.address));
        let pay_to = Account::from(self.pay_to);
        Offer::new(scheme, network, asset, pay_to, amount, extra, route)
    }

    /// Whether an authorization pays us, one of these values.
    pub(crate) fn is_paid_by(
        &self,
        authorization: &Authorization,
        values: impl RangeBounds<U256>,
    ) -> Result<(), Refusal> {
        if authorization.to != self.pay_to {
            return Err(refuse(Code::Recipient));
        }
        if !values.contains(&authorization.value) {
            return Err(refuse(Code::Value));
        }
        Ok(())
    }

    /// The name of an authorization, whichever scheme it comes by.
    pub(crate) fn replay_key(&self, authorization: &Authorization) -> ReplayKey {
        authorization.replay_key(self.token.chain_id, self.token.address)
    }
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
