use std::borrow::Cow;
use std::fmt;

use payment_core::{
    Account, BoxFuture, ConfigError, Denied, Paid, PaymentOption, Purpose, Refusal, ReplayKey,
    Reply, Route, Soon, Timestamp, Units,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::EchoedChallenge;

/// A way to pay under the `Payment` scheme, such as `evm`/`charge`.
pub trait Method: Send + Sync + 'static {
    /// The method identifier, `[a-z][a-z0-9:_-]*`.
    fn method(&self) -> &str;

    /// The intent, such as `charge`, in lower case.
    fn intent(&self) -> &str;

    /// Whether this method is one of those that an option of a route means: protocol, intent,
    /// network, asset. See [`PaymentOption::takes`].
    fn takes(&self, option: &PaymentOption) -> bool;

    /// What is asked for on one route, at [`Route::price`], to [`Route::pay_to`] where it says
    /// whom. Called when the route is built, once for each of its options that this method takes;
    /// and with each request of a route that is priced for each.
    ///
    /// # Errors
    ///
    /// `ConfigError::NoAsset` when this method can't take the route's price, or not for that
    /// account: it is left out then, and other methods may take the route. Any other error ends
    /// the building of the route.
    fn terms(&self, route: &Route) -> Result<Box<dyn Terms>, ConfigError>;
}

/// What one method asks for on one route. Made of our own values alone.
pub trait Terms: Send + Sync {
    /// The request object of the challenge. Read once, encoded once; what a buyer echoes is
    /// compared with it before [`Terms::bind`] is called. Amounts are decimal strings, absent
    /// members are left out.
    fn request(&self) -> &Map<String, Value>;

    /// Reads the payload of a credential for these terms. Cheap checks only, no signature yet.
    ///
    /// # Errors
    ///
    /// `Refusal` with the first check that failed; see [`crate::refuse`].
    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn MethodPayment>, Refusal>;
}

/// A credential whose challenge is proven to be ours and to ask for these very terms.
///
/// Only `source` and `payload` are the buyer's words.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The challenge: ours to the letter, but for `description`, which nothing protects.
    pub challenge: &'a EchoedChallenge<'a>,
    /// When the challenge was issued: its expiry less the time the route gives to pay.
    pub issued: Timestamp,
    /// When the challenge expires. Not yet compared with `now`.
    pub expires: Timestamp,
    /// Who the buyer claims to be; a claim until a signature proves it.
    pub source: Option<&'a str>,
    /// The method's own part of the credential: a JSON object with distinct members.
    pub payload: &'a RawValue,
    /// When the request came in.
    pub now: Timestamp,
    /// Validity in seconds that an authorization must have left, for the handler and the
    /// settlement.
    pub margin_seconds: u64,
    /// What the request asks for.
    pub asks: Asks,
    /// The `Idempotency-Key` of the request: what bears the same is one request, sent again.
    pub idempotency_key: Option<&'a str>,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("id", &self.challenge.id)
            .finish_non_exhaustive()
    }
}

/// A payload bound to our own terms. Its methods are called in the order they stand here; see
/// [`payment_core::Payment`], which they serve.
pub trait MethodPayment: Send + Sync {
    /// What this payload uses up beside the challenge: token nonces, transaction hashes.
    fn keys(&self) -> &[ReplayKey];

    /// Whether the challenge is used up by it. A session's is not: vouchers keep their own
    /// account, and may come on one challenge until it expires.
    fn challenge_use(&self) -> ChallengeUse;

    /// The refusal for a payload whose keys were used up.
    fn spent(&self) -> Refusal;

    /// Until when anyone could still accept the payload.
    fn keep_until(&self) -> Timestamp;

    /// Whether the validity that the payload claims covers this request. The expiry of the
    /// challenge has been checked before.
    ///
    /// # Errors
    ///
    /// `Refusal` when it is too early or too late.
    fn in_time(&self) -> Result<(), Refusal>;

    /// What it is for, by our own reading of the request.
    fn purpose(&self) -> Purpose;

    /// The costly local checks: signatures.
    ///
    /// # Errors
    ///
    /// `Refusal` when the proof is wrong.
    fn check(&mut self) -> Result<(), Refusal>;

    /// Who pays, proven by `check`.
    fn payer(&self) -> Option<&Account>;

    /// Verifies what can't be known locally. Must not move money that `release` can't give back.
    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>>;

    /// Proves that whoever presents it may have what was paid for earlier and not delivered.
    /// Asked in the place of `verify`, after `check`.
    ///
    /// # Errors
    ///
    /// As `verify`.
    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>>;

    /// Whether what was paid and could not be delivered waits for the same credential. Where it
    /// does not, as [`resume`](Self::resume) refuses all the same, it counts as delivered: a record
    /// that waits is never forgotten, and must not be had by hanging up.
    fn is_delivered_later(&self) -> bool {
        true
    }

    /// Whether [`settle`](Self::settle) alone proves the payment; see
    /// [`payment_core::Payment::is_proven_by_settling`].
    fn is_proven_by_settling(&self) -> bool {
        false
    }

    /// Whether the buyer has moved the money before it asked; see
    /// [`payment_core::Payment::has_moved`].
    fn has_moved(&self) -> bool {
        false
    }

    /// What the handler may know.
    fn paid(&self) -> Paid;

    /// Settles so much and not the whole amount; see [`payment_core::Payment::charge`].
    fn charge(&mut self, _units: Units) {}

    /// Moves the money. Only a definite success is `Ok`, only a definite no is
    /// `Denied::Refused` or `Denied::Failed`; everything else is `Denied::Unknown`.
    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Settled, Denied>>;

    /// Finds out what became of a settlement that may have been sent, from the evidence that
    /// `Denied::Unknown` gave (empty when there was none). Answers as `settle` does.
    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Settled, Denied>>;

    /// Gives back what `verify` took. Called when nothing will be settled.
    fn release(&mut self) -> BoxFuture<'_, ()>;
}

/// How often one challenge may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeUse {
    /// Once.
    Once,
    /// As often as the method's own account allows, until it expires.
    ManyTimes,
}

/// What a request asks for beside its payment, by our reading of it. A buyer who sends another
/// kind of request pays for what it asks; none gets content without paying for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// The content of the route.
    Content,
    /// Nothing but that its voucher be taken: `HEAD`, and `POST` without query and body.
    Nothing,
}

/// A definite settlement, as it goes into the receipt.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settled {
    /// What names the settlement, such as a transaction hash.
    pub reference: String,
    /// The method's own members of the receipt, such as `chainId`; each name once.
    pub members: Vec<(Cow<'static, str>, Value)>,
    /// When it settled, where that is known; else the receipt bears the time of the request.
    pub at: Option<Timestamp>,
    /// The answer to a management request; see [`payment_core::Receipt::answer`].
    pub answer: Option<Reply>,
}

impl Settled {
    /// A settlement of this name.
    #[must_use]
    pub fn new(reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            members: Vec::with_capacity(8),
            at: None,
            answer: None,
        }
    }

    /// Adds a member to the receipt. `status`, `method`, `timestamp`, `reference` and
    /// `challengeId` are taken and stay as they are.
    #[must_use]
    pub fn member(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.members.retain(|(known, _)| *known != name);
        self.members.push((name, value));
        self
    }

    /// Answers a management request with this.
    #[must_use]
    pub fn answering(mut self, reply: Reply) -> Self {
        self.answer = Some(reply);
        self
    }

    /// Sets when it settled.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }
}
