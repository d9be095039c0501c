use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use axum::Router;
use axum::body::Body;
use devnet::{Devnet, ESCROW};
use http::Request;
use mpp_core::Mpp;
use mpp_evm::session::{Channel, ChannelId, Desk, Ledger, OnchainEscrow};
use mpp_evm::{Charge, CredentialType, OnchainCharge, Session};
use payment_core::{
    Clock as _, Gate, Limits, ManualClock, Money, On, Route, Secret, Tariff, Timestamp, Timing, usd,
};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::{GateExt as _, PaymentLayer};
use tower::ServiceExt as _;
use x402_core::X402;
use x402_evm::{ExactEvm, OnchainFacilitator};

use crate::answer::{Answer, Streaming};
use crate::kitchen::{Kitchen, cook};
use crate::stage::Stage;
use crate::store::{Guard, Store};

pub const ORIGIN: &str = "https://api.example.com";
pub const REALM: &str = "api.example.com";
pub const KEY: &str = "an hmac key of at least thirty-two bytes";
/// The price of most routes, in base units.
pub const CENT: u128 = 10_000;
/// The price of one unit of the metered routes, in base units.
pub const TOKEN: u128 = 100;
/// Units that a held response of a metered route may use.
pub const MOST: u64 = 10;
pub const START: u64 = 1_800_000_000;

/// How a shop is to be.
#[derive(Clone)]
pub struct Plan {
    pub types: Option<Vec<CredentialType>>,
    pub least_delta: Option<Money>,
    pub least_deposit: Option<Money>,
    pub lease: Duration,
    pub limits: Limits,
    /// How long a transaction of the seller's is waited for.
    pub mined_within: Duration,
    /// How long a transaction of the buyer's is waited for.
    pub patience: Duration,
    /// Sells this instead of a cent's worth on `/cheap`.
    pub cheap: Money,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            types: None,
            least_delta: None,
            least_deposit: None,
            lease: Duration::from_secs(120),
            limits: Limits::default(),
            mined_within: Duration::from_secs(30),
            patience: Duration::from_secs(10),
            cheap: usd!("0.01"),
        }
    }
}

/// Routes behind one gate, on a chain of their own, and a buyer.
///
/// `/cheap`, `/twin` and `/first` (which settles first) cost a cent, `/dear` a dollar; `/metered`
/// and `/stream` sell units at 100 base units, `/metered-dear` at twice as much.
pub struct Shop {
    pub clock: Arc<ManualClock>,
    pub stage: Stage,
    pub kitchen: Arc<Kitchen>,
    pub guard: Arc<Guard>,
    pub store: Arc<Store>,
    pub ledger: Arc<Ledger<Arc<Store>>>,
    pub escrow: OnchainEscrow,
    pub desk: Desk<OnchainEscrow, Arc<Store>>,
    pub app: Router,
    /// What buyer, seller and escrow hold together.
    whole: u128,
}

/// The chain of a shop, and the hand of its clock.
pub async fn chain() -> (Devnet, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
    let hand = Arc::clone(&clock);
    let net = Devnet::builder()
        .clock(Arc::new(move || hand.now().seconds()))
        .start()
        .await
        .unwrap();
    (net, clock)
}

impl Shop {
    pub async fn open() -> Self {
        Self::planned(Plan::default()).await
    }

    pub async fn planned(plan: Plan) -> Self {
        Self::staffed(plan, None).await
    }

    /// A shop with the seller's own code.
    pub async fn staffed(plan: Plan, hooks: Option<On>) -> Self {
        let (net, clock) = chain().await;
        let stage = Stage::on(net);
        let settler = settler(&stage.net, plan.mined_within).await;
        let escrow = OnchainEscrow::connect(settler.clone(), ESCROW)
            .await
            .unwrap();
        let escrow = escrow.clock(Arc::clone(&clock)).patience(plan.patience);
        let store = Arc::new(Store::default());
        let token = token(&stage.net);
        let seller = stage.payee.address;
        let mut session = Session::new(token.clone(), seller, escrow.clone())
            .store(Arc::clone(&store))
            .clock(Arc::clone(&clock))
            .lease(plan.lease);
        if let Some(types) = &plan.types {
            session = session.deposits(types.clone());
        }
        if let Some(least) = plan.least_delta {
            session = session.min_voucher_delta(least);
        }
        if let Some(least) = plan.least_deposit {
            session = session.min_deposit(least);
        }
        let (ledger, desk) = (Arc::clone(session.ledger()), session.desk());
        let charge = OnchainCharge::new(settler.clone()).clock(Arc::clone(&clock));
        let charge = Charge::new(token.clone(), seller).settle_with(charge);
        let mpp = Mpp::builder(REALM, Secret::new(KEY));
        let mpp = mpp.method(session).method(charge).build().unwrap();
        let x402 = OnchainFacilitator::new(settler).clock(Arc::clone(&clock));
        let x402 = X402::new(x402).accept(ExactEvm::new(token, seller));
        let protocols = PaymentRouter::new()
            .add(MPP_PRIORITY, mpp)
            .add(X402_PRIORITY, x402);
        let guard = Arc::new(Guard::new());
        let gate = Gate::builder(protocols)
            .origin(ORIGIN)
            .guard(Arc::clone(&guard))
            .clock(Arc::clone(&clock))
            .limits(plan.limits);
        let gate = match hooks {
            Some(hooks) => gate.hooks(hooks),
            None => gate,
        };
        let gate = gate.build().unwrap();
        let kitchen = Arc::new(Kitchen::default());
        let whole = stage.purses().iter().sum();
        Self {
            app: routes(&gate, plan.cheap).with_state(Arc::clone(&kitchen)),
            clock,
            stage,
            kitchen,
            guard,
            store,
            ledger,
            escrow,
            desk,
            whole,
        }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a request to the service.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let answer = async { Answer::of(self.app.clone().oneshot(request).await.unwrap()).await };
        soon(answer).await
    }

    pub async fn get(&self, path: &str, headers: &[Header]) -> Answer {
        self.send(request("GET", path, headers)).await
    }

    pub async fn head(&self, path: &str, headers: &[Header]) -> Answer {
        self.send(request("HEAD", path, headers)).await
    }

    /// A request that needs nothing of the shop while it runs.
    pub fn send_owned(
        &self,
        path: &str,
        headers: &[Header],
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (app, request) = (self.app.clone(), request("GET", path, headers));
        async move { Answer::of(app.oneshot(request).await.unwrap()).await }
    }

    /// A response that is read bit by bit.
    pub async fn stream(&self, path: &str, headers: &[Header]) -> Streaming {
        let request = request("GET", path, headers);
        Streaming::of(self.app.clone().oneshot(request).await.unwrap())
    }

    /// The channel as the seller keeps it.
    pub async fn channel(&self, id: B256) -> Channel {
        let channel = self.ledger.load(ChannelId::new(id)).await.unwrap();
        channel.unwrap()
    }

    /// What the seller keeps of a channel: what is accepted, spent, and held.
    pub async fn counters(&self, id: B256, accepted: u128, spent: u128) {
        let channel = self.channel(id).await;
        assert_eq!(
            (channel.accepted(), channel.spent(), channel.holds().len()),
            (accepted, spent, 0),
            "accepted, spent, holds of {channel:?}"
        );
    }

    /// What the token contract says: nothing was made or lost; the seller got this much, so much
    /// is in the escrow, and the handler ran so often.
    #[track_caller]
    pub fn books(&self, runs: usize, sold_for: u128, locked: u128) {
        let [buyer, seller, escrow] = self.stage.purses();
        assert_eq!(
            buyer + seller + escrow,
            self.whole,
            "money was made or lost"
        );
        assert_eq!(seller, sold_for, "what the seller got");
        assert_eq!(escrow, locked, "what the escrow holds");
        assert_eq!(self.kitchen.runs(), runs, "runs of the handler");
    }
}

pub async fn settler(net: &Devnet, mined_within: Duration) -> Settler {
    let key = LocalSigner::from_hex(&net.seller.key.to_string()).unwrap();
    let options = SettlerOptions::default()
        .poll_every(Duration::from_millis(5))
        .mined_within(mined_within);
    Settler::connect(&net.rpc_url, key, options).await.unwrap()
}

pub fn token(net: &Devnet) -> Token {
    Token::known(net.chain.chain_id(), net.token.address).unwrap()
}

fn routes(gate: &Gate<Arc<Guard>>, cheap: Money) -> Router<Arc<Kitchen>> {
    let cent = || Route::priced(usd!("0.01"));
    let layer = |route: Route| -> PaymentLayer<_> { gate.priced(route).unwrap() };
    let sold = |path: &str, route: Route| {
        Router::new().route(path, axum::routing::any(cook).layer(layer(route)))
    };
    let tokens = || Tariff::per("token", usd!("0.0001")).up_to(MOST);
    Router::new()
        .merge(sold("/cheap", Route::priced(cheap)))
        .merge(sold("/twin", cent()))
        .merge(sold("/dear", Route::priced(usd!("1"))))
        .merge(sold("/first", cent().timing(Timing::BeforeServing)))
        .merge(sold("/metered", tokens().into()))
        .merge(sold("/stream", tokens().deposit(usd!("0.5")).into()))
        .merge(sold(
            "/metered-dear",
            Tariff::per("token", usd!("0.0002")).up_to(MOST).into(),
        ))
        .merge(sold("/byte", Tariff::per("byte", usd!("0.000001")).into()))
}

/// Waits for what must come soon. How long it takes decides nothing: a test that would wait for
/// ever fails.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(120), what);
    waited.await.expect("it does not come")
}

/// A request header, by name and value.
pub type Header = (&'static str, String);

pub fn request(method: &str, path: &str, headers: &[Header]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request = request.header(*name, value);
    }
    request.body(Body::empty()).unwrap()
}

/// Lets every task that is ready go on until none is. For work without sockets.
pub async fn settle_down() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
