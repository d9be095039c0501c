use std::sync::Arc;

use alloy_primitives::{Address, U256};
use payment_core::{
    Account, Asset, ConfigError, Network, Refusal, ReplayKey, Route, Timestamp, Units,
};
use payment_evm::{Authorization, Domain, EvmSignature, Token, TransferMethod};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use x402_core::{
    Code, Offer, Presented, Scheme, SchemePayment, Settlement, Version, Window, refuse,
};

use crate::payload::{self, ExactPayload};

/// The scheme `exact` on an EVM chain, paid by an EIP-3009 authorization of one token.
///
/// Takes signatures of accounts with a key. Those of contract wallets are refused by name
/// (`unsupported_contract_signature`, `eip6492_factory_not_allowed`), not guessed at.
#[derive(Clone, Debug)]
pub struct ExactEvm(Arc<Terms>);

#[derive(Debug)]
struct Terms {
    token: Token,
    network: Network,
    domain: Domain,
    pay_to: Address,
}

const EXACT: &str = "exact";

impl ExactEvm {
    /// Payments in this token to this account.
    #[must_use]
    pub fn new(token: Token, pay_to: Address) -> Self {
        let (network, domain) = (token.network(), token.domain());
        Self(Arc::new(Terms {
            token,
            network,
            domain,
            pay_to,
        }))
    }
}

impl Scheme for ExactEvm {
    fn name(&self) -> &str {
        EXACT
    }

    fn network(&self) -> &Network {
        &self.0.network
    }

    fn offer(&self, route: &Route) -> Result<Offer, ConfigError> {
        let Terms {
            token,
            network,
            pay_to,
            ..
        } = &*self.0;
        if token.transfer != TransferMethod::Eip3009 {
            let reason = "the token takes no EIP-3009 authorizations";
            return Err(ConfigError::setting("token", reason));
        }
        if pay_to.is_zero() || *pay_to == token.address {
            let reason = "must be an account of the seller's";
            return Err(ConfigError::setting("pay_to", reason));
        }
        let amount = route.price.to_units(token.decimals)?;
        let mut extra = Map::new();
        extra.insert("name".into(), Value::String(token.name.to_string()));
        extra.insert("version".into(), Value::String(token.version.to_string()));
        let asset = Asset::from(token.address);
        let pay_to = Account::from(*pay_to);
        Offer::new(EXACT, network.clone(), asset, pay_to, amount, extra, route)
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        // scheme_exact_evm, verification, without time and signature, which come later: 3, 6, 9.
        let Terms {
            token,
            domain,
            pay_to,
            ..
        } = &*self.0;
        let (authorization, signature) = payload::read(presented.payload)?;
        if authorization.to != *pay_to {
            return Err(refuse(Code::Recipient));
        }
        let price = presented.offer.amount().get();
        let pays = match presented.version {
            Version::V1 => authorization.value >= price,
            _ => authorization.value == price,
        };
        if !pays {
            return Err(refuse(Code::Value));
        }
        let payload = ExactPayload {
            signature: &signature,
            authorization: &authorization,
        };
        let payload = payload.to_raw().map_err(|_| refuse(Code::Malformed))?;
        Ok(Box::new(ExactPayment {
            keys: [authorization.replay_key(token.chain_id, token.address)],
            domain: *domain,
            authorization,
            signature,
            payload,
            payer: Account::from(authorization.from),
            proven: false,
        }))
    }
}

/// An authorization bound to our offer.
struct ExactPayment {
    keys: [ReplayKey; 1],
    domain: Domain,
    authorization: Authorization,
    signature: EvmSignature,
    payload: Box<RawValue>,
    payer: Account,
    proven: bool,
}

impl SchemePayment for ExactPayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        self.authorization.valid_until()
    }

    fn spent(&self) -> Code {
        Code::NonceUsed
    }

    fn in_time(&self, window: Window) -> Result<(), Refusal> {
        // scheme_exact_evm, verification, 7 and 8; the far end by RULES.md, T40.
        let Authorization {
            valid_after,
            valid_before,
            ..
        } = self.authorization;
        let asked_for = U256::from(window.earliest_end)..=U256::from(window.latest_end);
        if !asked_for.contains(&valid_before) {
            return Err(refuse(Code::ValidBefore));
        }
        if valid_after > U256::from(window.now) {
            return Err(refuse(Code::ValidAfter));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Refusal> {
        // scheme_exact_evm, verification, 5.
        self.authorization
            .check_signature(&self.domain, &self.signature)
            .map_err(|_| refuse(Code::Signature))?;
        self.proven = true;
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        self.claimed_payer().filter(|_| self.proven)
    }

    fn claimed_payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn amount(&self) -> Units {
        Units::new(self.authorization.value)
    }

    fn payload(&self) -> &RawValue {
        &self.payload
    }

    fn echoed_extra(&self) -> Option<&Map<String, Value>> {
        None
    }

    fn settlement(&self) -> Settlement {
        Settlement::Transaction
    }
}

#[cfg(test)]
mod tests;
