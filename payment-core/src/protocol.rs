use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::stamp::RECEIPTS;
use crate::{
    Account, Ask, BoxFuture, ConfigError, Denied, Fault, Meter, Paid, Refusal, ReplayKey, Reply,
    RequestHead, Route, Soon, Timestamp, Units,
};

/// The name of a protocol, such as `x402` or `mpp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProtocolName(&'static str);

impl ProtocolName {
    /// A name, in lower case.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A way to be paid: x402, MPP, or several behind a router.
pub trait PaymentProtocol: Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> ProtocolName;

    /// Where it stands among others when nobody says otherwise; lower is asked, and stands in a
    /// 402, first. It decides the order and nothing else.
    fn priority(&self) -> u32 {
        100
    }

    /// Makes the offers of one route, when the route is built; and of a route that is priced for
    /// each request, with each of them. Where the route has options, an offer for each of them that
    /// this protocol takes, in their order: see [`Route::with_option`]. `None` when this protocol is
    /// not taken there.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the route can't be offered as it is said: a price that the token can't
    /// represent, a text that can't go into a header.
    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError>;
}

/// What one protocol offers on one route. Made of our own values alone.
pub trait Offering: Send + Sync {
    /// Does this request speak to us? Headers only, cheap, sync.
    ///
    /// # Errors
    ///
    /// `Refusal` for a credential that is ours and can't be read as exactly one.
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal>;

    /// The sealed quote that a claim brings back, where our offers carry one: see
    /// [`Route::quote`]. The buyer's word until the gate has opened it. Without it a price that
    /// moved between 402 and payment counts as it is now.
    fn quote(&self, _claim: &Claim) -> Option<Box<str>> {
        None
    }

    /// The response headers of its receipts. Where a handler or an upstream sets them, they are
    /// removed: nobody but the gate says what was paid. `PAYMENT-RESPONSE`, `X-PAYMENT-RESPONSE`
    /// and `Payment-Receipt` need not be named.
    fn receipt_headers(&self) -> &[HeaderName] {
        &[]
    }

    /// How this request can be paid.
    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>>;

    /// Decodes the credential and binds it to one of our own offers for this request. Cheap
    /// checks only, each before any that costs more; no signature yet, and no time: see
    /// [`Payment::in_time`].
    ///
    /// # Errors
    ///
    /// `Denied` with the first check that failed.
    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied>;
}

/// A credential that one protocol recognised. Nothing in it has been looked at.
#[derive(Clone)]
#[non_exhaustive]
pub struct Claim {
    /// Who recognised it.
    pub protocol: ProtocolName,
    /// The protocol's own mark, such as the version of the envelope.
    pub kind: u8,
    /// The header value as it came.
    pub credential: Bytes,
}

impl Claim {
    /// A claim of this protocol.
    #[must_use]
    pub const fn new(protocol: ProtocolName, kind: u8, credential: Bytes) -> Self {
        Self {
            protocol,
            kind,
            credential,
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("protocol", &self.protocol)
            .field("kind", &self.kind)
            .field("credential", &"[redacted]")
            .finish()
    }
}

/// What one protocol adds to a 402.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Challenge {
    /// Header lines, each appended.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Members of the one JSON body, encoded, without braces: `"x402Version":1,"accepts":[…]`.
    /// Empty for none. `type`, `title`, `status`, `detail` and `code` are taken.
    pub members: Bytes,
}

impl Challenge {
    /// A challenge of these header lines and body members.
    #[must_use]
    pub const fn new(headers: Vec<(HeaderName, HeaderValue)>, members: Bytes) -> Self {
        Self { headers, members }
    }
}

/// A credential bound to our own offer. The gate calls its methods in the order they stand here,
/// and stores every step that must survive before it takes the next.
pub trait Payment: Send + Sync {
    /// All that this credential uses up. Empty for payments that keep their own account, such as
    /// vouchers of a channel.
    fn keys(&self) -> &[ReplayKey];

    /// Until when anyone could still accept the credential.
    fn keep_until(&self) -> Timestamp;

    /// The refusal for a credential that was used up, in the protocol's own words.
    fn spent(&self) -> Refusal;

    /// Whether the validity that the credential claims covers this request: not yet expired, with
    /// time left to serve and settle. Not asked of a credential whose settlement has begun: what
    /// was paid in time is delivered late rather than not at all.
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

    /// Whether [`settle`](Self::settle) alone proves the payment, so that a seller's hook may go on
    /// when `verify` gave no yes. Not where `verify` is what takes the money or proves that it has
    /// moved.
    fn is_proven_by_settling(&self) -> bool {
        false
    }

    /// Whether the buyer has moved the money before it asked, so that a refusal gives nothing back.
    /// A quote that has run out is no reason for one then: how long it may take is what
    /// [`in_time`](Self::in_time) says.
    fn has_moved(&self) -> bool {
        false
    }

    /// What the handler may know.
    fn paid(&self) -> Paid;

    /// Settles so much and not the whole amount. Asked before `settle`, with at most the amount,
    /// and only of a payment whose [`paid`](Self::paid) leaves that to the handler
    /// ([`Paid::up_to`]).
    fn charge(&mut self, _units: Units) {}

    /// Moves the money. Only a definite success is `Ok`, only a definite no is
    /// `Denied::Refused` or `Denied::Failed`; everything else is `Denied::Unknown`.
    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>>;

    /// Finds out what became of a settlement that may have been sent, from the evidence that
    /// [`Denied::Unknown`] gave (empty when the process died before there was any). Answers as
    /// `settle` does; may settle if that cannot move money twice.
    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>>;

    /// Gives back what `verify` took. Called when nothing will be settled.
    fn release(&mut self) -> BoxFuture<'_, ()>;
}

/// What a payment is for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Purpose {
    /// The handler's response, at the price of the route.
    Content,
    /// The handler's response, paid by what the meter counts.
    Metered(Meter),
    /// Nothing that the handler gives: to open, fund or close an account. It is settled and
    /// answered by the gate, and never reaches the handler.
    Management,
}

/// Proof of a settlement, and what the buyer gets to see of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Receipt {
    /// What names the settlement, such as a transaction hash.
    pub reference: String,
    /// The response headers that tell the buyer, as text pairs.
    pub headers: Vec<(String, String)>,
    /// Whether the headers go with an error of the handler too, when the money has moved before.
    #[serde(default)]
    pub on_errors: bool,
    /// What has moved, where that may differ from what the credential says: the handler is told
    /// this. A credential that is shown again may be another one of the same keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Units>,
    /// The answer to a payment whose purpose is [`Purpose::Management`]. Empty with 204 without
    /// one. Not stored.
    #[serde(skip)]
    pub answer: Option<Reply>,
}

impl Receipt {
    /// A receipt with one response header.
    #[must_use]
    pub fn new(reference: impl Into<String>, name: &HeaderName, value: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            headers: vec![(name.as_str().to_owned(), value.into())],
            on_errors: false,
            amount: None,
            answer: None,
        }
    }

    /// Answers a management request with this; the headers of the receipt are added.
    #[must_use]
    pub fn answering(mut self, reply: Reply) -> Self {
        self.answer = Some(reply);
        self
    }

    /// Says how much has moved.
    #[must_use]
    pub const fn moving(mut self, amount: Units) -> Self {
        self.amount = Some(amount);
        self
    }

    /// The same, shown with an error of the handler too.
    #[must_use]
    pub const fn with_errors(mut self) -> Self {
        self.on_errors = true;
        self
    }

    /// The stored form.
    pub(crate) fn to_bytes(&self) -> Bytes {
        // Strings always serialize; an empty record would read as "no receipt headers".
        serde_json::to_vec(self)
            .map(Bytes::from)
            .unwrap_or_default()
    }

    /// Reads the stored form.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The headers that can stand in a response.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers.iter().filter_map(|(name, value)| {
            // Those that are mostly there are known, and need not be made anew.
            let mut known = RECEIPTS.iter().cloned();
            let name = match known.find(|known| known.as_str() == name) {
                Some(known) => known,
                None => name.parse().ok()?,
            };
            Some((name, HeaderValue::from_str(value).ok()?))
        })
    }
}
