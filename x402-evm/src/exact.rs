use std::sync::Arc;

use alloy_primitives::{Address, U256};
use payment_core::{
    Account, Asset, ConfigError, Money, Network, Refusal, ReplayKey, Route, Timestamp, Units,
};
use payment_evm::{Authorization, Domain, EvmSignature, Token};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use x402_core::{
    Code, Offer, Presented, Scheme, SchemePayment, Settlement, Version, Window, refuse,
};

use crate::payload::{self, ExactPayload};
use crate::terms::{Terms, in_time, pays};

/// The scheme `exact` on an EVM chain, paid by an EIP-3009 authorization of one token.
///
/// Takes signatures of accounts with a key. Those of contract wallets are refused by name
/// (`unsupported_contract_signature`, `eip6492_factory_not_allowed`), not guessed at.
#[derive(Clone, Debug)]
pub struct ExactEvm(Arc<Terms>);

/// The name of the scheme on the wire.
pub(crate) const EXACT: &str = "exact";

impl ExactEvm {
    /// Payments in this token to this account.
    #[must_use]
    pub fn new(token: Token, pay_to: Address) -> Self {
        Self(Arc::new(Terms::new(token, pay_to)))
    }

    /// Finds the base units of a price by this parser, where it says any: see
    /// [`payment_evm::MoneyParsers`]. Several are asked in the order they are added.
    #[must_use]
    pub fn money_parser(
        mut self,
        parser: impl Fn(Money, &Token) -> Option<Units> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.0).parsers.add(parser);
        self
    }
}

impl Scheme for ExactEvm {
    fn name(&self) -> &str {
        EXACT
    }

    fn network(&self) -> &Network {
        self.0.network()
    }

    fn asset(&self) -> &Asset {
        self.0.asset()
    }

    fn takes_v1(&self) -> bool {
        true
    }

    fn offer(&self, route: &Route) -> Result<Offer, ConfigError> {
        self.0.offer(EXACT, route)
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        // scheme_exact_evm, verification, without time and signature, which come later: 3, 6, 9.
        let (authorization, signature) = payload::read(presented.payload)?;
        let price = presented.offer.amount().get();
        let values = match presented.version {
            // Names no offer. What is less may have been the price when it was begun.
            Version::V1 => U256::ONE..=U256::MAX,
            _ => price..=price,
        };
        pays(&authorization, presented.offer, values)?;
        let payload = ExactPayload {
            signature: &signature,
            authorization: &authorization,
        };
        let payload = payload.to_raw().map_err(|_| refuse(Code::Malformed))?;
        Ok(Box::new(ExactPayment {
            keys: [self.0.replay_key(&authorization)],
            domain: *self.0.domain(),
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
        let ends = U256::from(window.earliest_end)..=U256::from(window.latest_end);
        in_time(&self.authorization, window.now, ends)
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
