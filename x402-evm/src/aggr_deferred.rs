use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use payment_core::{
    Account, Asset, ConfigError, Money, Network, Refusal, ReplayKey, Route, Timestamp, Units,
};
use payment_evm::{Authorization, Token};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use x402_core::{
    Code, Offer, Presented, Scheme, SchemePayment, Settlement, Version, Window, refuse,
};

use crate::payload;
use crate::terms::{Terms, in_time, pays};

/// The scheme `aggr_deferred` on an EVM chain: a session key of the buyer's signs an EIP-3009
/// authorization, and the facilitator settles many of them by one transaction, later. Version 2
/// only.
///
/// Offers are those of [`ExactEvm`](crate::ExactEvm) under another name; both can stand on one
/// route. What a buyer presents is bound to the offer as with `exact`: payee, value, time, single
/// use. Its signature is *not* checked here: it is by a session key (Ed25519) whose certificate
/// only the facilitator can judge. So every well-formed payment costs one call to the
/// facilitator's `verify`, whoever sends it, and who pays is known only after that call. The
/// payload goes to the facilitator as it came, with no member that was not read, and so does the
/// certificate (`sessionCert`); nothing else of the buyer's echo does.
///
/// Needs a facilitator that settles in batches, and owes what it has accepted.
#[derive(Clone, Debug)]
pub struct AggrDeferred {
    terms: Arc<Terms>,
    remember_for: Duration,
}

const AGGR_DEFERRED: &str = "aggr_deferred";

/// Bytes of a certificate, as text. Certificates of a key are much shorter, and a payment with a
/// longer one would not fit into a header that a gate reads.
const MAX_CERTIFICATE: usize = 8 * 1024;

/// Bytes of an Ed25519 signature.
const SIGNATURE: usize = 64;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl AggrDeferred {
    /// Payments in this token to this account.
    #[must_use]
    pub fn new(token: Token, pay_to: Address) -> Self {
        Self {
            terms: Arc::new(Terms::new(token, pay_to)),
            remember_for: DAY,
        }
    }

    /// Finds the base units of a price by this parser, where it says any: see
    /// [`payment_evm::MoneyParsers`]. Several are asked in the order they are added.
    #[must_use]
    pub fn money_parser(
        mut self,
        parser: impl Fn(Money, &Token) -> Option<Units> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.terms).parsers.add(parser);
        self
    }

    /// How long a payment is remembered after it was used; a day unless set.
    ///
    /// These authorizations are made to be good for ever, and no replay guard has room for ever:
    /// each takes two of its places for this time, and a guard that is full refuses payments.
    /// Later than this, the facilitator alone refuses a payment that was used, so this must be
    /// longer than it may take to notice. The same goes for what was used before a restart, where
    /// the guard is in memory: the chain knows nothing of a payment before its batch has landed.
    #[must_use]
    pub const fn remember_for(mut self, time: Duration) -> Self {
        self.remember_for = time;
        self
    }
}

impl Scheme for AggrDeferred {
    fn name(&self) -> &str {
        AGGR_DEFERRED
    }

    fn network(&self) -> &Network {
        self.terms.network()
    }

    fn asset(&self) -> &Asset {
        self.terms.asset()
    }

    fn takes_v1(&self) -> bool {
        false
    }

    fn offer(&self, route: &Route) -> Result<Offer, ConfigError> {
        if self.remember_for < route.pay_within {
            let reason = "must be no shorter than the time to pay";
            return Err(ConfigError::setting("remember_for", reason));
        }
        self.terms.offer(AGGR_DEFERRED, route)
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        if presented.version != Version::V2 {
            return Err(refuse(Code::Version));
        }
        let (authorization, signature) = payload::read_whole(presented.payload)?;
        if !is_session_signature(&signature) {
            return Err(refuse(Code::Signature));
        }
        let certificate = certificate(presented.extra)?;
        let price = presented.offer.amount().get();
        pays(&authorization, presented.offer, price..=price)?;
        let forgotten = presented.now.plus(self.remember_for);
        Ok(Box::new(DeferredPayment {
            keys: self.keys(&authorization, presented.payload, &certificate),
            keep_until: authorization.valid_until().min(forgotten),
            authorization,
            payload: presented.payload.to_owned(),
            payer: Account::from(authorization.from),
            echoed: Map::from_iter([(SESSION_CERT.to_owned(), Value::String(certificate))]),
        }))
    }
}

impl AggrDeferred {
    /// The authorization is used up, by whatever signature it comes. But only these very bytes
    /// are what the facilitator has verified: with the second key, whoever knows the nonce and no
    /// more can't take up what another has paid for.
    fn keys(
        &self,
        authorization: &Authorization,
        payload: &RawValue,
        certificate: &str,
    ) -> [ReplayKey; 2] {
        let used = self.terms.replay_key(authorization);
        let presented = [payload.get().as_bytes(), certificate.as_bytes()];
        let whole = ReplayKey::new(AGGR_DEFERRED, &[used.bytes(), presented[0], presented[1]]);
        [used, whole]
    }
}

/// An authorization bound to our offer, signed by whom only the facilitator can tell.
struct DeferredPayment {
    keys: [ReplayKey; 2],
    keep_until: Timestamp,
    authorization: Authorization,
    payload: Box<RawValue>,
    payer: Account,
    echoed: Map<String, Value>,
}

impl SchemePayment for DeferredPayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        self.keep_until
    }

    fn spent(&self) -> Code {
        Code::NonceUsed
    }

    fn in_time(&self, window: Window) -> Result<(), Refusal> {
        // Good for ever is what these are meant to be.
        let ends = U256::from(window.earliest_end)..;
        in_time(&self.authorization, window.now, ends)
    }

    fn check(&mut self) -> Result<(), Refusal> {
        // Nothing more can be proven here.
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        None
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
        Some(&self.echoed)
    }

    fn settlement(&self) -> Settlement {
        Settlement::Batch
    }
}

const SESSION_CERT: &str = "sessionCert";

/// The certificate of the session key, as it stands in the echo. What it says is the
/// facilitator's to judge.
fn certificate(extra: Option<&RawValue>) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Echoed {
        session_cert: String,
    }
    let malformed = || refuse(Code::Malformed);
    let object = extra
        .map(RawValue::get)
        .filter(|json| json.starts_with('{'))
        .ok_or_else(malformed)?;
    let Echoed { session_cert } = serde_json::from_str(object).map_err(|_| malformed())?;
    if (1..=MAX_CERTIFICATE).contains(&session_cert.len()) && is_base64(&session_cert) {
        Ok(session_cert)
    } else {
        Err(malformed())
    }
}

/// The standard alphabet, with its padding or without any.
fn is_base64(text: &str) -> bool {
    STANDARD.decode(text).is_ok() || STANDARD_NO_PAD.decode(text).is_ok()
}

fn is_session_signature(text: &str) -> bool {
    // The length first: nothing long is decoded.
    text.len() == SIGNATURE.div_ceil(3) * 4
        && STANDARD
            .decode(text)
            .is_ok_and(|bytes| bytes.len() == SIGNATURE)
}

#[cfg(test)]
mod tests;
