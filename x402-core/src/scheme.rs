use payment_core::{
    Account, Asset, ConfigError, Network, Refusal, ReplayKey, Route, Timestamp, Units,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{Code, Offer, Version};

/// A way to be paid on one network: makes our offers, and binds what buyers present to them.
pub trait Scheme: Send + Sync + 'static {
    /// Its name on the wire, such as `exact`.
    fn name(&self) -> &str;

    /// Where it is paid.
    fn network(&self) -> &Network;

    /// What it is paid with.
    fn asset(&self) -> &Asset;

    /// Whether version 1 can pay it too, where version 1 has a name for the network. If not, no
    /// offer of version 1 is made, and no payment of version 1 comes to `bind`.
    fn takes_v1(&self) -> bool;

    /// The offer for a route, made when the route is built: at [`Route::price`], to
    /// [`Route::pay_to`] where it says whom. A route with several options comes once for each, and
    /// one that is priced for each request comes with each.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly, or to that account.
    fn offer(&self, route: &Route) -> Result<Offer, ConfigError>;

    /// Reads what was presented and binds it to our offer: shape, payee and amount. No
    /// signature and no time yet.
    ///
    /// Version 1 names no offer, and the price may have risen since it was asked: less may be bound
    /// for it. It is followed up where it has been settled, and nothing is begun with it.
    ///
    /// # Errors
    ///
    /// `Refusal` with the first check that failed.
    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal>;
}

/// What a buyer presented for one of our offers.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// The offer, ours.
    pub offer: &'a Offer,
    /// The version of the envelope.
    pub version: Version,
    /// The `payload` member: an object, nothing else known of it.
    pub payload: &'a RawValue,
    /// The `extra` of the buyer's echo, of version 2. What our offer has there is in it; the rest
    /// is the buyer's word.
    pub extra: Option<&'a RawValue>,
    /// When the request came in.
    pub now: Timestamp,
}

impl<'a> Presented<'a> {
    /// A payload presented for this offer.
    #[must_use]
    pub const fn new(
        offer: &'a Offer,
        version: Version,
        payload: &'a RawValue,
        now: Timestamp,
    ) -> Self {
        Self {
            offer,
            version,
            payload,
            extra: None,
            now,
        }
    }

    /// With the `extra` of the buyer's echo.
    #[must_use]
    pub const fn echoing(mut self, extra: Option<&'a RawValue>) -> Self {
        self.extra = extra;
        self
    }
}

/// The time that a payment must be valid at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// The present second.
    pub now: u64,
    /// The first second that it may expire in: time to serve and settle is left then.
    pub earliest_end: u64,
    /// The last second that it may expire in: nobody was asked for more.
    pub latest_end: u64,
}

/// Seconds by which a buyer's clock may be ahead when it sets an expiry.
const AHEAD: u64 = 60;

impl Window {
    /// The window at this moment, with so many seconds to serve and settle, of an offer that is
    /// good for so many seconds.
    #[must_use]
    pub const fn new(now: Timestamp, margin_seconds: u64, max_timeout_seconds: u64) -> Self {
        let now = now.seconds();
        Self {
            now,
            earliest_end: now.saturating_add(margin_seconds),
            latest_end: now
                .saturating_add(max_timeout_seconds)
                .saturating_add(AHEAD),
        }
    }
}

/// A payload bound to our offer. Its methods are called in the order they stand here.
pub trait SchemePayment: Send + Sync {
    /// All that it uses up.
    fn keys(&self) -> &[ReplayKey];

    /// Until when it is remembered: as long as anyone could still execute it. What stays good
    /// for ever and is settled in batches is remembered as long as it takes its facilitator to
    /// refuse it as used; that must be longer than it can be presented for.
    fn keep_until(&self) -> Timestamp;

    /// The code for a payment that was used up.
    fn spent(&self) -> Code;

    /// Whether it is valid throughout the window.
    ///
    /// # Errors
    ///
    /// `Refusal` when it is too early, too late, or good for too long.
    fn in_time(&self, window: Window) -> Result<(), Refusal>;

    /// The signature.
    ///
    /// # Errors
    ///
    /// `Refusal` when it is not the payer's.
    fn check(&mut self) -> Result<(), Refusal>;

    /// Who pays, proven by `check`.
    fn payer(&self) -> Option<&Account>;

    /// Who pays, by the payload's word: what a facilitator says of the payer is compared with it.
    /// Where `check` can't prove it, it counts once the facilitator has verified the payment, and
    /// `keys` name the payload to the last byte.
    fn claimed_payer(&self) -> Option<&Account>;

    /// What moves when it is settled; the most that can, where the handler says how much.
    fn amount(&self) -> Units;

    /// What a facilitator gets to see: exactly what was checked, nothing that was not.
    fn payload(&self) -> &RawValue;

    /// Members of the echo's `extra` that the facilitator needs to verify the payload. They stand
    /// in what it gets as the echo, never in our requirements.
    fn echoed_extra(&self) -> Option<&Map<String, Value>>;

    /// How it is settled.
    fn settlement(&self) -> Settlement;
}

/// How the payments of a scheme are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// Each by a transaction of its own: nothing is settled without one.
    Transaction,
    /// Many by one transaction, later: a facilitator that accepts a payment owes it.
    Batch,
    /// Each by a transaction of its own, of so much as the handler charges: the buyer has signed a
    /// maximum. Nothing is settled by none.
    UpTo,
}
