//! A gate in front of one route, for tests: a scheme that takes any payload, one that can't tell
//! who signed it, a facilitator that says what it is told to say.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use alloy_primitives::address;
use http::{HeaderMap, Request, StatusCode, request};
use payment_core::{
    Account, Admission, Asset, BoxFuture, ChargeError, ConfigError, Gate, HoldError, Limits,
    ManualClock, Network, Outcome, Paid, Refusal, ReplayKey, Reply, Route, RouteGate, Served,
    Spawn, Timer, Timestamp, Units, usd,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::wire::{SupportedResponse, decode, encode};
use crate::{
    Code, Facilitator, FacilitatorFault, Offer, PaymentRequest, Presented, Scheme, SchemePayment,
    SettleAnswer, Settlement, VerifyAnswer, Window, X402,
};

pub(crate) const NOW: u64 = 1_740_672_100;
pub(crate) const TRANSACTION: &str =
    "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

/// An offer as the JSON of a vector has it.
pub(crate) fn offer_of(json: &Value) -> Offer {
    let text = |key: &str| json[key].as_str().unwrap();
    let seconds = json["maxTimeoutSeconds"].as_u64().unwrap();
    let route = Route::priced(usd!("0.01"))
        .pay_within(std::time::Duration::from_secs(seconds))
        .description("Access to premium market data")
        .mime_type("application/json");
    Offer::new(
        text("scheme").to_owned(),
        text("network").parse::<Network>().unwrap(),
        Asset::parse(text("asset")),
        Account::parse(text("payTo")),
        text("amount").parse().unwrap(),
        json["extra"].as_object().cloned().unwrap_or_default(),
        &route,
    )
    .unwrap()
}

/// The offer of most vectors.
pub(crate) fn base_offer() -> Value {
    vectors::load("x402_core.json")["matching"]["advertised"][0].clone()
}

/// A scheme that offers what it is told to and takes any payload.
pub(crate) struct Anything(pub(crate) Offer);

pub(crate) struct AnyPayment {
    keys: Vec<ReplayKey>,
    proven: bool,
    amount: Units,
    payload: Box<RawValue>,
    echoed: Option<Map<String, Value>>,
    settlement: Settlement,
}

/// A scheme of version 2 that can't tell who signed a payload (`{nonce, signature}`), and whose
/// payments are settled in batches. Lets all of the echo's `extra` through.
pub(crate) struct Unproven(pub(crate) Offer);

pub(crate) static PAYER: Account =
    Account::Evm(address!("0x857b06519E91e3A54538791bDbb0E22373e36b66"));

impl AnyPayment {
    pub(crate) fn new(amount: Units, payload: &RawValue) -> Self {
        Self {
            keys: vec![ReplayKey::new("test", &[payload.get().as_bytes()])],
            proven: true,
            amount,
            payload: payload.to_owned(),
            echoed: None,
            settlement: Settlement::Transaction,
        }
    }

    /// Of which the handler says how much is charged.
    pub(crate) fn up_to(self) -> Self {
        Self {
            settlement: Settlement::UpTo,
            ..self
        }
    }

    /// What is known by its nonce, and whole.
    pub(crate) fn unproven(presented: Presented<'_>) -> Self {
        let payload: Value = serde_json::from_str(presented.payload.get()).unwrap();
        let extra = presented.extra.unwrap().get();
        let whole = [presented.payload.get().as_bytes(), extra.as_bytes()];
        let nonce = payload["nonce"].to_string();
        Self {
            keys: vec![
                ReplayKey::new("nonce", &[nonce.as_bytes()]),
                ReplayKey::new("whole", &whole),
            ],
            proven: false,
            echoed: serde_json::from_str(extra).unwrap(),
            settlement: Settlement::Batch,
            ..Self::new(presented.offer.amount(), presented.payload)
        }
    }
}

impl Scheme for Anything {
    fn name(&self) -> &str {
        self.0.scheme()
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

    fn offer(&self, _: &Route) -> Result<Offer, ConfigError> {
        Ok(self.0.clone())
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        let payment = AnyPayment::new(presented.offer.amount(), presented.payload);
        Ok(Box::new(payment))
    }
}

impl Scheme for Unproven {
    fn name(&self) -> &str {
        self.0.scheme()
    }

    fn network(&self) -> &Network {
        self.0.network()
    }

    fn asset(&self) -> &Asset {
        self.0.asset()
    }

    fn takes_v1(&self) -> bool {
        false
    }

    fn offer(&self, _: &Route) -> Result<Offer, ConfigError> {
        Ok(self.0.clone())
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        Ok(Box::new(AnyPayment::unproven(presented)))
    }
}

impl SchemePayment for AnyPayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        Timestamp::from_seconds(NOW + 60)
    }

    fn spent(&self) -> Code {
        Code::NonceUsed
    }

    fn in_time(&self, _: Window) -> Result<(), Refusal> {
        Ok(())
    }

    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        self.proven.then_some(&PAYER)
    }

    fn claimed_payer(&self) -> Option<&Account> {
        Some(&PAYER)
    }

    fn amount(&self) -> Units {
        self.amount
    }

    fn payload(&self) -> &RawValue {
        &self.payload
    }

    fn echoed_extra(&self) -> Option<&Map<String, Value>> {
        self.echoed.as_ref()
    }

    fn settlement(&self) -> Settlement {
        self.settlement
    }
}

type Said<T> = Mutex<VecDeque<Result<T, FacilitatorFault>>>;

/// A facilitator that says what it is told to, and yes when told nothing. Keeps what it is asked.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) verify: Said<VerifyAnswer>,
    pub(crate) settle: Said<SettleAnswer>,
    pub(crate) reconcile: Said<SettleAnswer>,
    pub(crate) supported: Mutex<SupportedResponse>,
    pub(crate) asked: Mutex<Vec<(&'static str, Value)>>,
    /// Whether it does not answer `verify` now.
    pub(crate) silent: watch::Sender<bool>,
}

impl Scripted {
    fn note(&self, call: &'static str, request: &PaymentRequest) {
        let body = serde_json::from_str(&request.body()).unwrap();
        self.asked.lock().unwrap().push((call, body));
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(call, _)| *call)
            .collect()
    }

    pub(crate) fn settles(&self, answer: Result<SettleAnswer, FacilitatorFault>) {
        self.settle.lock().unwrap().push_back(answer);
    }

    pub(crate) fn reconciles(&self, answer: Result<SettleAnswer, FacilitatorFault>) {
        self.reconcile.lock().unwrap().push_back(answer);
    }

    pub(crate) fn verifies(&self, answer: Result<VerifyAnswer, FacilitatorFault>) {
        self.verify.lock().unwrap().push_back(answer);
    }
}

pub(crate) fn settled(request: &PaymentRequest) -> SettleAnswer {
    SettleAnswer::Settled {
        transaction: TRANSACTION.into(),
        network: request.offer().network().clone(),
        payer: None,
        amount: None,
    }
}

impl Facilitator for Scripted {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        self.note("verify", request);
        let mut silent = self.silent.subscribe();
        silent.wait_for(|silent| !silent).await.unwrap();
        let said = self.verify.lock().unwrap().pop_front();
        said.unwrap_or(Ok(VerifyAnswer::Valid { payer: None }))
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        self.note("settle", request);
        let said = self.settle.lock().unwrap().pop_front();
        said.unwrap_or_else(|| Ok(settled(request)))
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        self.note("reconcile", request);
        let known = json!({ "transaction": transaction });
        self.asked.lock().unwrap().push(("evidence", known));
        let said = self.reconcile.lock().unwrap().pop_front();
        said.unwrap_or_else(|| Ok(settled(request)))
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(self.supported.lock().unwrap().clone())
    }
}

/// One priced route and who settles for it.
pub(crate) struct Shop {
    pub(crate) route: RouteGate,
    pub(crate) facilitator: Arc<Scripted>,
    /// Who was served, by what the handler was told.
    pub(crate) served: Mutex<Vec<Paid>>,
    /// What the handler answers with.
    pub(crate) status: Mutex<StatusCode>,
    /// What the handler charges, where it does.
    pub(crate) charge: Mutex<Option<Units>>,
    /// What came of that.
    pub(crate) charged: Mutex<Vec<Result<(), ChargeError>>>,
}

#[derive(Clone)]
struct Here;

impl Spawn for Here {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Here {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Page(StatusCode);

impl Served for Page {
    fn status(&self) -> StatusCode {
        self.0
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) raw: bytes::Bytes,
}

impl Got {
    pub(crate) fn message(&self, name: &str) -> Value {
        decode(self.headers[name].as_bytes()).unwrap()
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Shop {
    /// `GET /premium-data` of `https://api.example.com` at these offers.
    pub(crate) fn at(offers: &[Value]) -> Self {
        Self::with(offers, |x402| x402)
    }

    pub(crate) fn with(
        offers: &[Value],
        change: impl FnOnce(X402<Arc<Scripted>>) -> X402<Arc<Scripted>>,
    ) -> Self {
        Self::on(usd!("0.01"), Limits::default(), |mut x402| {
            for offer in offers {
                x402 = x402.accept(Anything(offer_of(offer)));
            }
            change(x402)
        })
    }

    pub(crate) fn on(
        route: impl Into<Route>,
        limits: Limits,
        accepting: impl FnOnce(X402<Arc<Scripted>>) -> X402<Arc<Scripted>>,
    ) -> Self {
        let facilitator = Arc::new(Scripted::default());
        let gate = Gate::builder(accepting(X402::new(Arc::clone(&facilitator))))
            .clock(ManualClock::at(Timestamp::from_seconds(NOW)))
            .limits(limits)
            .origin("https://api.example.com")
            .build()
            .unwrap();
        Self {
            route: gate.route(route).unwrap(),
            facilitator,
            served: Mutex::default(),
            status: Mutex::new(StatusCode::OK),
            charge: Mutex::default(),
            charged: Mutex::default(),
        }
    }

    pub(crate) async fn get(&self, headers: &[(&str, &[u8])]) -> Got {
        self.get_at("/premium-data", headers).await
    }

    pub(crate) async fn get_at(&self, path: &str, headers: &[(&str, &[u8])]) -> Got {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        self.run(head).await
    }

    async fn run(&self, head: request::Parts) -> Got {
        let reply = match self.route.admit(&head) {
            Admission::Answer(reply) => reply,
            Admission::Priced(job) => {
                let status = *self.status.lock().unwrap();
                let serve = |paid: Paid| {
                    if let Some(units) = *self.charge.lock().unwrap() {
                        self.charged.lock().unwrap().push(paid.charge(units));
                    }
                    self.served.lock().unwrap().push(paid);
                    async move { Ok::<_, ()>(Page(status)) }
                };
                match job.run(Here, serve).await.unwrap() {
                    Outcome::Reply(reply) => reply,
                    Outcome::Served { stamps, response } => {
                        let mut reply = Reply::empty(response.0);
                        reply.headers.extend(stamps);
                        reply
                    }
                }
            }
        };
        Got {
            status: reply.status,
            headers: reply.headers,
            body: serde_json::from_slice(&reply.body).unwrap_or_default(),
            raw: reply.body,
        }
    }
}

/// A v2 payment header for this echo, with a payload of its own.
pub(crate) fn pay_v2(accepted: &Value, nonce: u64) -> String {
    encode(&json!({
        "x402Version": 2, "accepted": accepted, "payload": { "nonce": nonce },
    }))
    .unwrap()
}

/// A v1 payment header.
pub(crate) fn pay_v1(scheme: &str, network: &str, nonce: u64) -> String {
    encode(&json!({
        "x402Version": 1, "scheme": scheme, "network": network, "payload": { "nonce": nonce },
    }))
    .unwrap()
}

/// The same JSON with one member changed; `null` removes it.
pub(crate) fn changed(json: &Value, member: &str, value: Value) -> Value {
    let mut map: Map<String, Value> = json.as_object().unwrap().clone();
    match value {
        Value::Null => map.remove(member),
        value => map.insert(member.to_owned(), value),
    };
    Value::Object(map)
}
