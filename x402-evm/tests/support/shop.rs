use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, address};
use http::{HeaderMap, Request, StatusCode, request};
use payment_core::{
    Admission, BoxFuture, Gate, HoldError, ManualClock, Outcome, Reply, RequestHead, Route,
    RouteGate, Served, Spawn, Timer, Timestamp, usd,
};
use payment_evm::{LocalSigner, Token};
use serde_json::Value;
use x402_core::wire::{
    PaymentRequiredAnswer, SupportedResponse, decode, encode, encode_ascii, read_payment_required,
    v1, v2,
};
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, X402};
use x402_evm::{ExactEvm, buyer};

pub const SELLER: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");

/// Says yes to everything, and keeps what it was asked to settle.
#[derive(Default)]
pub struct YesMan(pub Mutex<Vec<(&'static str, Value)>>);

impl YesMan {
    fn note(&self, call: &'static str, request: &PaymentRequest) {
        let body = serde_json::from_str(&request.body()).unwrap();
        self.0.lock().unwrap().push((call, body));
    }
}

impl Facilitator for YesMan {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        self.note("verify", request);
        let payer = request.payer().cloned();
        Ok(VerifyAnswer::Valid { payer })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        self.note("settle", request);
        Ok(SettleAnswer::Settled {
            transaction: "0xab".into(),
            network: request.offer().network().clone(),
            payer: request.payer().cloned(),
            amount: Some(request.amount()),
        })
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        self.settle(request).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

/// One route at one cent, and a buyer.
pub struct Shop {
    pub route: RouteGate,
    pub clock: Arc<ManualClock>,
    pub buyer: LocalSigner,
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

struct Page;

impl Served for Page {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

/// A request whose body was gathered.
struct Head {
    parts: request::Parts,
    body: Option<bytes::Bytes>,
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        self.parts.authority()
    }

    fn has_body(&self) -> bool {
        self.body.is_some()
    }

    fn body(&self) -> Option<&bytes::Bytes> {
        self.body.as_ref()
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.parts.each_value(name, visit);
    }
}

pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub raw: bytes::Bytes,
}

impl Got {
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.raw).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn message(&self, name: &str) -> Value {
        decode(self.headers[name].as_bytes()).unwrap()
    }
}

pub struct Offers {
    pub v2: v2::PaymentRequired,
    pub v1: v1::PaymentRequired,
}

impl Offers {
    /// What a 402 offers.
    pub fn of(got: &Got) -> Self {
        let PaymentRequiredAnswer::V2(v2) = read_payment_required(&got.headers, &got.raw).unwrap()
        else {
            panic!();
        };
        let none = HeaderMap::new();
        let PaymentRequiredAnswer::V1(v1) = read_payment_required(&none, &got.raw).unwrap() else {
            panic!();
        };
        Self { v2, v1 }
    }
}

impl Shop {
    pub fn new<F: Facilitator>(
        facilitator: F,
        token: Token,
        seller: Address,
        buyer: LocalSigner,
        now: u64,
    ) -> Self {
        let x402 = X402::new(facilitator).accept(ExactEvm::new(token, seller));
        Self::accepting(x402, buyer, now)
    }

    pub fn accepting<F: Facilitator>(x402: X402<F>, buyer: LocalSigner, now: u64) -> Self {
        let route = Route::priced(usd!("0.01")).pay_within(Duration::from_secs(60));
        Self::on(x402, route, buyer, now)
    }

    pub fn on<F: Facilitator>(x402: X402<F>, route: Route, buyer: LocalSigner, now: u64) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(now)));
        let gate = Gate::builder(x402)
            .clock(Arc::clone(&clock))
            .origin("https://api.example.com")
            .build()
            .unwrap();
        let route = gate.route(route).unwrap();
        Self {
            route,
            clock,
            buyer,
        }
    }

    pub fn now(&self) -> Timestamp {
        use payment_core::Clock as _;
        self.clock.now()
    }

    pub async fn get(&self, headers: &[(&str, &str)]) -> Got {
        self.send("GET", "/weather", None, headers).await
    }

    pub async fn send(
        &self,
        method: &str,
        uri: &str,
        body: Option<&'static str>,
        headers: &[(&str, &str)],
    ) -> Got {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = body.map(|text| text.into());
        let reply = match self.route.admit(&Head { parts, body }) {
            Admission::Answer(reply) => reply,
            Admission::Priced(job) => {
                let serve = |_| async { Ok::<_, ()>(Page) };
                match job.run(Here, serve).await.unwrap() {
                    Outcome::Reply(reply) => reply,
                    Outcome::Served { stamps, .. } => {
                        let mut reply = Reply::empty(StatusCode::OK);
                        reply.headers.extend(stamps);
                        reply
                    }
                }
            }
        };
        Got {
            status: reply.status,
            headers: reply.headers,
            raw: reply.body,
        }
    }

    /// What an unpaid request is told, read as each version reads it.
    pub async fn offers(&self) -> Offers {
        Offers::of(&self.get(&[]).await)
    }

    pub async fn sign_v2(&self) -> v2::PaymentPayload {
        let offers = self.offers().await.v2;
        buyer::pay_v2(
            &offers.resource,
            &offers.accepts[0],
            &self.buyer,
            self.now(),
        )
        .await
        .unwrap()
    }

    pub async fn sign_v1(&self) -> v1::PaymentPayload {
        let offers = self.offers().await.v1;
        buyer::pay_v1(&offers.accepts[0], &self.buyer, self.now())
            .await
            .unwrap()
    }

    pub async fn pay_v2(&self, payment: &impl serde::Serialize) -> Got {
        self.get(&[("payment-signature", &encode(payment).unwrap())])
            .await
    }

    pub async fn pay_v1(&self, payment: &impl serde::Serialize) -> Got {
        self.get(&[("x-payment", &encode_ascii(payment).unwrap())])
            .await
    }
}
