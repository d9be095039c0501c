//! A shop with a payment method that needs no chain: its proof is a word.

#![allow(clippy::unwrap_used)]

pub(crate) mod visit;

use std::sync::Arc;
use std::time::Duration;

use mpp_core::{
    Challenge, ChallengeUse, MPP, Method, MethodPayment, Mpp, MppBuilder, Presented, Settled,
    Terms, buyer, refuse,
};
use payment_core::{
    Account, BoxFuture, Claim, ConfigError, Denied, Offering, Paid, Payment, PaymentOption,
    PaymentProtocol, Purpose, Refusal, ReplayKey, Route, Secret, Soon, Timestamp, Units,
};
use serde_json::{Map, Value, json};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_768_478_400);
pub(crate) const REALM: &str = "api.example.com";

/// Takes `{"proof":"good"}`. `{"proof":"bad"}` fails the check, anything else is unreadable.
/// `{"proof":"lost"}` settles with an unknown outcome.
#[derive(Clone)]
pub(crate) struct Word {
    pub(crate) method: &'static str,
    pub(crate) intent: &'static str,
    pub(crate) payee: &'static str,
}

pub(crate) const WORD: Word = Word {
    method: "word",
    intent: "charge",
    payee: "alice",
};

impl Method for Word {
    fn method(&self) -> &str {
        self.method
    }

    fn intent(&self) -> &str {
        self.intent
    }

    fn takes(&self, option: &PaymentOption) -> bool {
        let names = |text: &Option<std::borrow::Cow<'_, str>>, name: &str| {
            text.as_deref().is_none_or(|text| text == name)
        };
        option.protocol.is_none_or(|name| name == MPP) && names(&option.scheme, self.intent)
    }

    fn terms(&self, route: &Route) -> Result<Box<dyn Terms>, ConfigError> {
        let amount = route.price.to_units(6)?;
        if amount == Units::from(404) {
            return Err(ConfigError::NoAsset);
        }
        let request = json!({ "recipient": self.payee, "amount": amount, "currency": "USD" });
        Ok(Box::new(WordTerms {
            request: request.as_object().unwrap().clone(),
            amount,
        }))
    }
}

struct WordTerms {
    request: Map<String, Value>,
    amount: Units,
}

impl Terms for WordTerms {
    fn request(&self) -> &Map<String, Value> {
        &self.request
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn MethodPayment>, Refusal> {
        let payload: Value = serde_json::from_str(presented.payload.get()).unwrap();
        let proof = payload["proof"].as_str();
        let proof = proof.ok_or_else(|| refuse::invalid_payload("there is no proof"))?;
        let keep = payload["keep"].as_u64().unwrap_or_default();
        Ok(Box::new(WordPayment {
            proof: proof.to_owned(),
            keys: vec![ReplayKey::new("word", &[proof.as_bytes()])],
            keep_until: Timestamp::from_seconds(keep),
            amount: self.amount,
            payer: Account::Other("bob".into()),
            seen: Arc::from(format!(
                "{} {} {} {} {:?}",
                &presented.challenge.realm,
                presented.issued.seconds(),
                presented.expires.seconds(),
                presented.margin_seconds,
                presented.source,
            )),
        }))
    }
}

struct WordPayment {
    proof: String,
    keys: Vec<ReplayKey>,
    keep_until: Timestamp,
    amount: Units,
    payer: Account,
    seen: Arc<str>,
}

impl WordPayment {
    fn settled(&self) -> Result<Settled, Denied> {
        match &*self.proof {
            "lost" => Err(Denied::Unknown(payment_core::Pending {
                evidence: "evidence".into(),
                headers: Vec::new(),
                code: "lost",
                cause: "lost".into(),
            })),
            "broke" => Err(refuse::payment_insufficient("there is no money").into()),
            _ => Ok(Settled::new("0xabab").member("seen", &*self.seen)),
        }
    }
}

impl MethodPayment for WordPayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn challenge_use(&self) -> ChallengeUse {
        ChallengeUse::Once
    }

    fn spent(&self) -> Refusal {
        refuse::invalid_challenge("the challenge was used")
    }

    fn keep_until(&self) -> Timestamp {
        self.keep_until
    }

    fn in_time(&self) -> Result<(), Refusal> {
        if self.proof == "late" {
            return Err(refuse::verification_failed("the word is too late"));
        }
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        if self.proof == "bad" {
            return Err(refuse::verification_failed("the word is wrong"));
        }
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        Paid::new(MPP, self.amount).by(self.payer.clone())
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Settled, Denied>> {
        if self.proof == "slow" {
            return Soon::later(async move { self.settled() });
        }
        Soon::now(self.settled())
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Settled, Denied>> {
        Soon::now(Ok(Settled::new(String::from_utf8_lossy(evidence))))
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

pub(crate) fn key(byte: u8) -> Secret {
    Secret::new([byte; 32])
}

pub(crate) fn builder() -> MppBuilder {
    Mpp::builder(REALM, key(1)).method(WORD)
}

pub(crate) fn route(cents: &str) -> Route {
    Route::priced(cents.parse().unwrap())
}

/// A route of a shop, and the words to speak with it.
pub(crate) struct Counter(pub(crate) Box<dyn Offering>);

impl Counter {
    pub(crate) fn of(builder: MppBuilder, route: &Route) -> Self {
        Self(builder.build().unwrap().offer(route).unwrap().unwrap())
    }

    pub(crate) fn open() -> Self {
        Self::of(builder(), &route("0.01"))
    }

    /// What a 402 says.
    pub(crate) async fn challenges(&self, ask: &payment_core::Ask) -> Vec<Challenge> {
        let challenge = self.0.challenge(ask, None).await.unwrap();
        assert!(challenge.members.is_empty());
        let lines = challenge.headers.iter();
        assert!(
            lines
                .clone()
                .all(|(name, _)| name == http::header::WWW_AUTHENTICATE)
        );
        let read: Vec<_> = lines
            .map(|(_, value)| Challenge::parse(value.to_str().unwrap()).unwrap())
            .collect();
        assert_eq!(read.len(), challenge.headers.len());
        read
    }

    pub(crate) async fn challenge(&self, ask: &payment_core::Ask) -> Challenge {
        self.challenges(ask).await.remove(0)
    }

    /// Recognises a credential in a header of a request and binds it.
    pub(crate) fn pay(
        &self,
        ask: &payment_core::Ask,
        header: &str,
        value: &[u8],
    ) -> Result<Box<dyn Payment>, Refusal> {
        let claim = self
            .claim(header, &[value])?
            .expect("a credential is recognised");
        match self.0.bind(ask, claim) {
            Ok(payment) => Ok(payment),
            Err(Denied::Refused(refusal)) => Err(refusal),
            Err(denied) => panic!("{denied:?}"),
        }
    }

    pub(crate) fn claim(&self, header: &str, values: &[&[u8]]) -> Result<Option<Claim>, Refusal> {
        let mut request = http::Request::builder().uri("/weather");
        for value in values {
            request = request.header(header, *value);
        }
        self.0.claim(&request.body(()).unwrap().into_parts().0)
    }

    /// Pays a challenge with a good word, on this route.
    pub(crate) fn take(
        &self,
        ask: &payment_core::Ask,
        challenge: &Challenge,
    ) -> Result<Box<dyn Payment>, Refusal> {
        self.take_with(ask, challenge, &json!({ "proof": "good" }))
    }

    pub(crate) fn take_with(
        &self,
        ask: &payment_core::Ask,
        challenge: &Challenge,
        payload: &Value,
    ) -> Result<Box<dyn Payment>, Refusal> {
        let value = buyer::answer(challenge, Some("bob"), payload).unwrap();
        self.pay(
            ask,
            challenge.credential_header().as_str(),
            value.as_bytes(),
        )
    }
}

/// The type of a refusal without its base.
pub(crate) fn kind<T>(result: Result<T, Refusal>) -> (String, u16) {
    let Err(refusal) = result else {
        return ("ok".to_owned(), 200);
    };
    let problem = refusal.problem();
    let kind = problem
        .kind
        .strip_prefix("https://paymentauth.org/problems/")
        .unwrap();
    (kind.to_owned(), problem.status.as_u16())
}

pub(crate) fn is(kind: &str, status: u16) -> (String, u16) {
    (kind.to_owned(), status)
}

pub(crate) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}
