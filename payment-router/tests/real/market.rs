//! A market on a chain of its own, that counts who was asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use devnet::Devnet;
use devnet::facilitator::Facilitator as Hosted;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, Request, StatusCode};
use mpp_core::{Challenge, Mpp};
use mpp_evm::buyer::{Bill, Consent};
use mpp_evm::session::{MemoryChannelStore, OnchainEscrow, Session};
use mpp_evm::{Charge, OnchainCharge};
use payment_core::{
    Admission, BoxFuture, Gate, HoldError, MemoryReplayGuard, Outcome, ReplayGuard, ReplayKey,
    Reservation, Reserve, Route, RouteGate, Secret, Served, Spawn, Stage, Standing, StoreFault,
    Ticket, Timer, Timestamp, Units, usd,
};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::PaymentRouter;
use serde_json::Value;
use x402_core::wire::{
    PaymentRequiredAnswer, SupportedResponse, encode, encode_ascii, read_payment_required,
};
use x402_core::{
    Facilitator, FacilitatorFault, HttpFacilitator, HttpOptions, PaymentRequest, SettleAnswer,
    VerifyAnswer, X402,
};
use x402_evm::{ExactEvm, buyer};

use crate::coupon::Coupons;

/// What one visit costs, in base units.
pub const PRICE: u64 = 10_000;

/// The facilitator, and how often it was called.
pub struct Counted<F>(F, Arc<AtomicUsize>);

impl<F> Counted<F> {
    fn inner(&self) -> &F {
        self.1.fetch_add(1, Ordering::SeqCst);
        &self.0
    }
}

impl<F: Facilitator> Facilitator for Counted<F> {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        self.inner().verify(request).await
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        self.inner().settle(request).await
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        self.inner().reconcile(request, transaction).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        self.inner().supported().await
    }
}

impl ReplayGuard for Counted<MemoryReplayGuard> {
    async fn look(&self, keys: &[ReplayKey], now: Timestamp) -> Result<Standing, StoreFault> {
        self.inner().look(keys, now).await
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, StoreFault> {
        self.inner().reserve(wish).await
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), StoreFault> {
        self.inner().advance(ticket, stage).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreFault> {
        self.inner().release(ticket).await
    }
}

#[derive(Clone)]
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Tokio {
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

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Got {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The MPP challenges in their order.
    pub fn mpp(&self) -> Vec<Challenge> {
        let lines = self.headers.get_all(WWW_AUTHENTICATE).iter();
        Challenge::parse_all(lines.map(http::HeaderValue::as_bytes))
    }

    pub fn intents(&self) -> Vec<String> {
        self.mpp()
            .iter()
            .map(|one| one.intent.to_string())
            .collect()
    }

    pub fn has_x402(&self) -> bool {
        self.headers.contains_key("payment-required") && self.body["accepts"].is_array()
    }
}

/// Everything of it.
pub struct Market {
    pub net: Devnet,
    /// Who stands where.
    pub placed: String,
    token: Token,
    gate: Gate<Counted<MemoryReplayGuard>>,
    asked: [Arc<AtomicUsize>; 2],
    served: AtomicUsize,
    _facilitator: Hosted,
}

pub type Stall = RouteGate<Counted<MemoryReplayGuard>>;

impl Market {
    /// Takes MPP charges and sessions, x402 and coupons.
    pub async fn open() -> Self {
        let net = Devnet::start().await.unwrap();
        let facilitator = Hosted::start(&net, 0).await.unwrap();
        let token = Token::known(net.chain.chain_id(), net.token.address).unwrap();
        let pay_to = net.seller.address;
        let asked: [Arc<AtomicUsize>; 2] = Default::default();

        let hosted = HttpFacilitator::new(facilitator.url(), HttpOptions::default()).unwrap();
        let hosted = Counted(hosted, Arc::clone(&asked[0]));
        let x402 = X402::new(hosted).accept(ExactEvm::new(token.clone(), pay_to));

        let key = LocalSigner::from_hex(&net.seller.key.to_string()).unwrap();
        let settler = Settler::connect(&net.rpc_url, key, SettlerOptions::default());
        let settler = settler.await.unwrap();
        let escrow = OnchainEscrow::connect(settler.clone(), net.escrow);
        let escrow = escrow.await.unwrap();
        let charge = Charge::new(token.clone(), pay_to).settle_with(OnchainCharge::new(settler));
        let session: Session<_, MemoryChannelStore> = Session::new(token.clone(), pay_to, escrow);
        let mpp = Mpp::builder("market.example", Secret::new([7; 32]))
            .method(charge)
            .method(session)
            .build()
            .unwrap();

        let router = PaymentRouter::new().with(Coupons).with(x402).with(mpp);
        let placed = format!("{router:?}");
        let store = Counted(MemoryReplayGuard::default(), Arc::clone(&asked[1]));
        let gate = Gate::builder(router)
            .origin("https://market.example")
            .guard(store)
            .build()
            .unwrap();
        Self {
            net,
            placed,
            token,
            gate,
            asked,
            served: AtomicUsize::new(0),
            _facilitator: facilitator,
        }
    }

    /// A route of this market.
    pub fn stall(&self, route: Route) -> Stall {
        self.gate.route(route).unwrap()
    }

    /// A route that takes everything.
    pub fn of_all(&self) -> Stall {
        self.stall(Route::priced(usd!("0.01")))
    }

    pub async fn get(&self, stall: &Stall, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::get("/weather");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let Admission::Priced(job) = stall.admit(&head) else {
            panic!("not a preflight");
        };
        let serve = |_| async {
            self.served.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Page)
        };
        match job.run(Tokio, serve).await.unwrap() {
            Outcome::Reply(reply) => Got {
                status: reply.status.as_u16(),
                headers: reply.headers,
                body: serde_json::from_slice(&reply.body).unwrap(),
            },
            Outcome::Served { stamps, .. } => Got {
                status: 200,
                headers: stamps.into_iter().collect(),
                body: Value::Null,
            },
        }
    }

    /// Good payments for one visit each, signed for what a stall that takes everything says.
    pub async fn sign(&self) -> Signed {
        let got = self.get(&self.of_all(), &[]).await;
        let now = Timestamp::from_seconds(self.net.chain.now());
        let [first, second] = [0, 1]
            .map(|at: usize| LocalSigner::from_hex(&self.net.buyers[at].key.to_string()).unwrap());
        let body = serde_json::to_vec(&got.body).unwrap();
        let read = |headers| read_payment_required(headers, &body).unwrap();
        let PaymentRequiredAnswer::V2(v2) = read(&got.headers) else {
            panic!("no v2");
        };
        let PaymentRequiredAnswer::V1(v1) = read(&HeaderMap::new()) else {
            panic!("no v1");
        };
        let v2 = buyer::pay_v2(&v2.resource, &v2.accepts[0], &first, now);
        let v1 = buyer::pay_v1(&v1.accepts[0], &first, now);

        let challenge = &got.mpp()[0];
        let bill = Bill::read(challenge, std::slice::from_ref(&self.token)).unwrap();
        let mpp = bill.authorize(&second, Consent::up_to(Units::from(PRICE), now));
        Signed {
            v2: encode(&v2.await.unwrap()).unwrap(),
            v1: encode_ascii(&v1.await.unwrap()).unwrap(),
            mpp: mpp.await.unwrap().to_str().unwrap().to_owned(),
        }
    }

    /// How often facilitator, store and handler were called, and what the seller has.
    pub fn tally(&self) -> (usize, usize, usize, u64) {
        let [facilitator, store] = &self.asked;
        let income = self
            .net
            .chain
            .balance_of(self.token.address, self.net.seller.address);
        (
            facilitator.load(Ordering::SeqCst),
            store.load(Ordering::SeqCst),
            self.served.load(Ordering::SeqCst),
            income.try_into().unwrap(),
        )
    }

    /// The seller's income.
    pub fn income(&self) -> u64 {
        self.tally().3
    }
}

/// A good payment of each kind, as header values.
pub struct Signed {
    pub v2: String,
    pub v1: String,
    pub mpp: String,
}
