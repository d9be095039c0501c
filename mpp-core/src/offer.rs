use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use payment_core::{
    Ask, Challenge, Claim, ConfigError, Denied, Fault, Offering, Payment, Refusal, RequestHead,
    Route, Soon, Timestamp,
};

use crate::challenge::MAX_SENT;
use crate::key::{Id, OfferKey, Slots};
use crate::mpp::Shared;
use crate::opaque::{Opaque, Scopes};
use crate::{
    AcceptPayment, EncodedRequest, MPP, Method, PAYMENT_AUTHORIZATION, RawCredential, Terms,
    credential, header, refuse, time,
};

/// What one method asks for on one route, with everything encoded that does not change.
pub(crate) struct Offer {
    pub(crate) method: Arc<str>,
    pub(crate) intent: Box<str>,
    pub(crate) request: EncodedRequest,
    pub(crate) terms: Box<dyn Terms>,
    key: OfferKey,
    previous: Vec<OfferKey>,
    /// The text between the id and the expiry.
    middle: Box<str>,
    /// The text between the expiry and `opaque`.
    joint: Box<str>,
    /// Letters of `opaque`.
    opaque: usize,
    /// The text behind `opaque`.
    end: Box<str>,
}

const START: &str = "Payment id=\"";

/// Letters of an expiry that we write.
const EXPIRES: usize = "2026-01-15T12:05:00Z".len();

impl Offer {
    pub(crate) fn new(
        shared: &Shared,
        method: &dyn Method,
        terms: Box<dyn Terms>,
        route: &Route,
    ) -> Result<Self, ConfigError> {
        let (name, intent) = (method.method(), method.intent());
        let request = EncodedRequest::encode(terms.request())
            .map_err(|error| ConfigError::setting("request", error.to_string()))?;
        let mut middle = String::from("\"");
        let params = [
            ("realm", &*shared.realm),
            ("method", name),
            ("intent", intent),
            ("request", request.as_str()),
        ];
        for (name, text) in params {
            push_param(&mut middle, name, text)?;
        }
        middle.push_str(", expires=\"");
        let mut joint = String::from("\"");
        if let Some(digest) = &route.body_digest {
            push_param(&mut joint, "digest", digest)?;
        }
        if let Some(header) = shared.header {
            push_param(&mut joint, "header", header)?;
        }
        joint.push_str(", opaque=\"");
        let mut end = String::from("\"");
        if let Some(text) = &route.description {
            push_param(&mut end, "description", text)?;
        }
        let key = |key: &crate::key::ChallengeKey| {
            key.for_offer(&shared.realm, name, intent, request.as_str())
        };
        let offer = Self {
            method: name.into(),
            intent: intent.into(),
            key: key(&shared.key),
            previous: shared.previous.iter().map(key).collect(),
            request,
            terms,
            middle: middle.into(),
            joint: joint.into(),
            opaque: Opaque::length(route.quote.as_deref()),
            end: end.into(),
        };
        if offer.length() > MAX_SENT {
            return Err(ConfigError::setting(
                "route",
                "its challenge is larger than 8 KiB",
            ));
        }
        Ok(offer)
    }

    /// Whether a challenge of this offer has this id, under the current key or an older one.
    pub(crate) fn is_id(&self, id: &str, slots: Slots<'_>) -> bool {
        let mut keys = std::iter::once(&self.key).chain(&self.previous);
        keys.any(|key| key.is_id(id, slots))
    }

    /// Whether both ask for the same by the same method.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.method == other.method && self.intent == other.intent && self.request == other.request
    }

    /// Bytes of a challenge, at most.
    fn length(&self) -> usize {
        let fixed = START.len() + size_of::<Id>() + EXPIRES + self.opaque;
        fixed + self.middle.len() + self.joint.len() + self.end.len()
    }

    fn issue(&self, slots: Slots<'_>) -> Result<HeaderValue, Fault> {
        let id = self.key.id(slots);
        let mut line = Vec::with_capacity(self.length());
        let parts = [
            START.as_bytes(),
            &id,
            self.middle.as_bytes(),
            slots.expires.as_bytes(),
            self.joint.as_bytes(),
            slots.opaque,
            self.end.as_bytes(),
        ];
        parts.iter().for_each(|part| line.extend_from_slice(part));
        HeaderValue::from_maybe_shared(Bytes::from(line))
            .map_err(|error| Fault::internal("challenge", error))
    }
}

fn push_param(to: &mut String, name: &'static str, text: &str) -> Result<(), ConfigError> {
    to.push_str(", ");
    to.push_str(name);
    to.push('=');
    header::quote(text, to).ok_or_else(|| ConfigError::setting(name, "has control characters"))
}

/// The offers of one route.
pub(crate) struct RouteOffers {
    pub(crate) shared: Arc<Shared>,
    pub(crate) offers: Vec<Offer>,
    pub(crate) pay_within: Duration,
    pub(crate) margin_seconds: u64,
    pub(crate) scopes: Scopes,
    /// The sealed quote that challenges carry.
    quote: Option<Box<str>>,
    /// The digest of the body that they are good for.
    pub(crate) digest: Option<Box<str>>,
}

impl RouteOffers {
    pub(crate) fn new(shared: Arc<Shared>, offers: Vec<Offer>, route: &Route) -> Self {
        Self {
            shared,
            offers,
            pay_within: route.pay_within,
            margin_seconds: route.margin_seconds(),
            scopes: Scopes::default(),
            quote: route.quote.clone(),
            digest: route.body_digest.clone(),
        }
    }

    fn issue(&self, ask: &Ask) -> Result<Challenge, Fault> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| Fault::internal("randomness", error))?;
        let scope = self.scopes.of(ask);
        let expires = time::format(expiry(ask.now, self.pay_within));
        let (short, long);
        let opaque = match &self.quote {
            None => {
                short = Opaque::write(nonce, &scope);
                short.as_slice()
            }
            Some(quote) => {
                long = Opaque::write_quoted(nonce, quote, &scope);
                long.as_bytes()
            }
        };
        let slots = Slots {
            expires: &expires,
            digest: self.digest.as_deref().unwrap_or_default(),
            header: self.shared.header,
            opaque,
        };
        let issue = |offer: &Offer| Ok((WWW_AUTHENTICATE, offer.issue(slots)?));
        let ranked = self.ranked(ask);
        let headers = if ranked.is_empty() {
            self.offers.iter().map(issue).collect::<Result<_, Fault>>()
        } else {
            ranked.iter().map(|at| issue(&self.offers[*at])).collect()
        };
        Ok(Challenge::new(headers?, Bytes::new()))
    }

    /// What the client would rather pay with. Empty when it says nothing we could follow.
    fn ranked(&self, ask: &Ask) -> Vec<usize> {
        let Some(text) = ask
            .accept_payment
            .as_deref()
            .filter(|_| self.offers.len() > 1)
        else {
            return Vec::new();
        };
        let offers = self
            .offers
            .iter()
            .map(|offer| (&*offer.method, &*offer.intent));
        AcceptPayment::parse(text)
            .map(|accept| accept.rank(offers))
            .unwrap_or_default()
    }
}

/// When a challenge that is issued now expires: in whole seconds, as it is written.
fn expiry(now: Timestamp, pay_within: Duration) -> Timestamp {
    Timestamp::from_seconds(now.plus(pay_within).seconds())
}

impl Offering for RouteOffers {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let name = match self.shared.header {
            Some(_) => PAYMENT_AUTHORIZATION,
            None => AUTHORIZATION,
        };
        let mut found = None;
        let mut scanned = Ok(());
        head.each_value(name.as_str(), &mut |value| {
            if scanned.is_ok() {
                scanned = credential::scan(value, &mut found);
            }
        });
        scanned.map_err(|_| refuse::bad_request("there are several Payment credentials"))?;
        Ok(found.map(|token| Claim::new(MPP, 0, Bytes::copy_from_slice(token))))
    }

    fn quote(&self, claim: &Claim) -> Option<Box<str>> {
        let raw = RawCredential::decode(&claim.credential).ok()?;
        Opaque::quote(raw.read().ok()?.challenge.opaque.as_deref()?)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        Soon::now(self.issue(ask))
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        Ok(Box::new(self.bound(ask, &claim.credential)?))
    }
}
