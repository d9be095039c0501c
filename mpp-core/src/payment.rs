use std::sync::Arc;

use payment_core::{
    Account, Ask, BoxFuture, Denied, Paid, Payment, Purpose, Receipt as Stamp, Refusal, ReplayKey,
    Soon, Timestamp, Units,
};

use crate::key::Slots;
use crate::offer::{Offer, RouteOffers};
use crate::opaque::Opaque;
use crate::{
    Asks, ChallengeUse, CredentialError, EchoedChallenge, MethodPayment, PAYMENT_RECEIPT,
    Presented, RawCredential, Receipt, Settled, refuse, time,
};

/// A credential whose challenge is ours and this route's, with the method's part bound to our
/// terms.
pub(crate) struct ChallengePayment {
    id: Box<str>,
    method: Arc<str>,
    now: Timestamp,
    expires: Timestamp,
    keys: Vec<ReplayKey>,
    inner: Box<dyn MethodPayment>,
}

impl RouteOffers {
    /// Decodes a credential and proves that it answers a challenge of ours for this route.
    /// Nothing of the method's payload is looked at before that.
    pub(crate) fn bound(&self, ask: &Ask, token: &[u8]) -> Result<ChallengePayment, Refusal> {
        let raw = RawCredential::decode(token).map_err(malformed)?;
        let credential = raw.read().map_err(malformed)?;
        let echo = &credential.challenge;
        let offer = self.answered(echo)?;
        self.is_ours(offer, echo, ask)?;
        // Ours always say when they expire.
        let expires = echo.expires.as_deref().and_then(time::parse);
        let expires = expires.ok_or_else(|| not_ours("the challenge does not expire"))?;
        let pay_within = self.pay_within.as_secs();
        let inner = offer.terms.bind(Presented {
            challenge: echo,
            issued: Timestamp::from_seconds(expires.seconds().saturating_sub(pay_within)),
            expires,
            source: credential.source.as_deref().filter(|text| !text.is_empty()),
            payload: credential.payload,
            now: ask.now,
            margin_seconds: self.margin_seconds,
            asks: asks(ask),
            idempotency_key: ask.idempotency_key.as_deref(),
        })?;
        let mut keys = Vec::new();
        if inner.challenge_use() == ChallengeUse::Once {
            let challenge = [echo.realm.as_bytes(), echo.id.as_bytes()];
            keys.reserve_exact(1 + inner.keys().len());
            keys.push(ReplayKey::new("mpp-challenge", &challenge));
        }
        keys.extend_from_slice(inner.keys());
        Ok(ChallengePayment {
            id: (&*echo.id).into(),
            method: Arc::clone(&offer.method),
            now: ask.now,
            expires,
            keys,
            inner,
        })
    }

    /// The offer that a challenge claims to be of.
    fn answered(&self, echo: &EchoedChallenge<'_>) -> Result<&Offer, Refusal> {
        let mut of_method = self
            .offers
            .iter()
            .filter(|offer| *offer.method == *echo.method && *offer.intent == *echo.intent)
            .peekable();
        if of_method.peek().is_none() {
            return Err(refuse::method_unsupported(
                "this route does not take this method",
            ));
        }
        // Our requests are canonical, so another text is another request: another price, another
        // payee, another token.
        of_method
            .find(|offer| offer.request.as_str() == echo.request)
            .ok_or_else(|| not_ours("the challenge is not of this route"))
    }

    /// Whether the id proves that all texts are ours, and the texts are those of this route.
    fn is_ours(&self, offer: &Offer, echo: &EchoedChallenge<'_>, ask: &Ask) -> Result<(), Refusal> {
        if *echo.realm != *self.shared.realm {
            return Err(not_ours("the challenge is of another realm"));
        }
        let opaque = echo.opaque.as_deref().unwrap_or_default();
        let slots = Slots {
            expires: echo.expires.as_deref().unwrap_or_default(),
            digest: echo.digest.as_deref().unwrap_or_default(),
            header: echo.header.as_deref(),
            opaque: opaque.as_bytes(),
        };
        if !offer.is_id(&echo.id, slots) {
            return Err(not_ours("the challenge is not one of ours"));
        }
        // What follows is in our own hand, and may still be another route's or another service's
        // with the same key, or for another body. (T05, T07)
        let same = echo.header.as_deref() == self.shared.header
            && echo.digest.as_deref() == self.digest.as_deref();
        if !same || !Opaque::is_for(opaque, &self.scopes.of(ask)) {
            return Err(not_ours("the challenge is not of this route"));
        }
        Ok(())
    }
}

/// What a request asks for (mpp, 13.2). The query and the body are what a `POST` is told apart by
/// that does nothing but bring a voucher.
fn asks(ask: &Ask) -> Asks {
    match &*ask.method {
        "HEAD" => Asks::Nothing,
        "POST" if ask.query.is_none() && !ask.has_body => Asks::Nothing,
        _ => Asks::Content,
    }
}

fn not_ours(detail: &'static str) -> Refusal {
    refuse::invalid_challenge(detail)
}

fn malformed(error: CredentialError) -> Refusal {
    refuse::malformed_credential(match error {
        CredentialError::TooLong => "the credential is too long",
        CredentialError::Encoding => "the credential is not base64",
        CredentialError::Json => "the credential is not one JSON object with distinct members",
        CredentialError::Shape | CredentialError::Several => {
            "a member of the credential is missing or wrong"
        }
    })
}

impl Payment for ChallengePayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        self.expires.max(self.inner.keep_until())
    }

    fn spent(&self) -> Refusal {
        self.inner.spent()
    }

    fn in_time(&self) -> Result<(), Refusal> {
        if self.expires <= self.now {
            return Err(refuse::payment_expired("the challenge has expired"));
        }
        self.inner.in_time()
    }

    fn purpose(&self) -> Purpose {
        self.inner.purpose()
    }

    fn check(&mut self) -> Result<(), Refusal> {
        self.inner.check()
    }

    fn payer(&self) -> Option<&Account> {
        self.inner.payer()
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        self.inner.verify()
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        self.inner.resume()
    }

    fn is_delivered_later(&self) -> bool {
        self.inner.is_delivered_later()
    }

    fn is_proven_by_settling(&self) -> bool {
        self.inner.is_proven_by_settling()
    }

    fn has_moved(&self) -> bool {
        self.inner.has_moved()
    }

    fn paid(&self) -> Paid {
        self.inner.paid()
    }

    fn charge(&mut self, units: Units) {
        self.inner.charge(units);
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Stamp, Denied>> {
        let Self {
            id,
            method,
            now,
            inner,
            ..
        } = self;
        stamped(inner.settle(), id, method, *now)
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Stamp, Denied>> {
        let Self {
            id,
            method,
            now,
            inner,
            ..
        } = self;
        stamped(inner.reconcile(evidence), id, method, *now)
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        self.inner.release()
    }
}

fn stamped<'a>(
    answer: Soon<'a, Result<Settled, Denied>>,
    id: &'a str,
    method: &'a str,
    now: Timestamp,
) -> Soon<'a, Result<Stamp, Denied>> {
    let stamp = move |settled: Settled| {
        let value = Receipt::value_of(&settled, method, id, now);
        let stamp = Stamp::new(settled.reference, &PAYMENT_RECEIPT, value);
        match settled.answer {
            Some(reply) => stamp.answering(reply),
            None => stamp,
        }
    };
    match answer {
        Soon::Now(answer) => Soon::Now(answer.map(|answer| answer.map(stamp))),
        Soon::Later(answer) => Soon::later(async move { answer.await.map(stamp) }),
    }
}
