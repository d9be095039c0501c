use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use devnet::Devnet;
use devnet::facilitator::Facilitator;
use http::Request;
use mpp_core::{Mpp, MppBuilder};
use mpp_evm::{Charge, CredentialType, OnchainCharge};
use payment_core::{
    Clock as _, Gate, Limits, ManualClock, Money, On, Route, Secret, Timestamp, Timing, usd,
};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::{GateExt as _, PaymentLayer};
use tower::ServiceExt as _;
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::{ExactEvm, OnchainFacilitator};

use crate::answer::Answer;
use crate::kitchen::{Kitchen, cook};
use crate::stepping::Stepping;
use crate::store::Store;

pub const ORIGIN: &str = "https://api.example.com";
pub const REALM: &str = "api.example.com";
pub const KEY: &str = "an hmac key of at least thirty-two bytes";
/// The price of most routes, in base units.
pub const CENT: u64 = 10_000;
const START: u64 = 1_800_000_000;

/// Who settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// A facilitator over HTTP for x402, the seller's own key for MPP.
    Facilitator,
    /// The seller's own key for both.
    Onchain,
    /// The chain itself, in steps that are the same in every run.
    Stepping,
}

/// How a shop is to be.
pub struct Plan {
    pub means: Means,
    pub http: HttpOptions,
    pub capacity: usize,
    pub limits: Limits,
    pub types: Option<Vec<CredentialType>>,
    pub mpp: fn(MppBuilder) -> MppBuilder,
    pub key: &'static str,
    pub serve_within: Duration,
    /// How long a transaction of the seller's is waited for.
    pub mined_within: Duration,
    /// The time of the gate, when it is not the chain's.
    pub clock: Option<Arc<ManualClock>>,
    /// What `/first` costs.
    pub first: Money,
    /// The seller's own code.
    pub hooks: Option<On>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            means: Means::Facilitator,
            http: HttpOptions::default(),
            capacity: 1000,
            limits: Limits::default(),
            types: None,
            mpp: |builder| builder,
            key: KEY,
            serve_within: Duration::from_secs(6),
            mined_within: Duration::from_secs(30),
            clock: None,
            first: usd!("0.01"),
            hooks: None,
        }
    }
}

/// Routes behind one gate, on a chain of their own, and a buyer.
///
/// `/cheap`, `/twin` and `/first` (which settles first) cost a cent, `/dear` a dollar, `/x402` and
/// `/mpp` a cent by one protocol alone; `/free` costs nothing.
pub struct Shop {
    pub clock: Arc<ManualClock>,
    pub net: Devnet,
    pub facilitator: Facilitator,
    pub kitchen: Arc<Kitchen>,
    pub guard: Arc<Store>,
    pub buyer: LocalSigner,
    pub app: Router,
    purse: u64,
}

impl Shop {
    pub async fn open() -> Self {
        Self::planned(Plan::default()).await
    }

    pub async fn settling(means: Means) -> Self {
        Self::planned(Plan {
            means,
            ..Plan::default()
        })
        .await
    }

    pub async fn planned(plan: Plan) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let hand = Arc::clone(&clock);
        let net = Devnet::builder()
            .clock(Arc::new(move || hand.now().seconds()))
            .start()
            .await
            .unwrap();
        let facilitator = Facilitator::start(&net, 0).await.unwrap();
        let buyer = LocalSigner::from_hex(&net.buyers[0].key.to_string()).unwrap();
        let kitchen = Arc::new(Kitchen::default());
        let guard = Arc::new(Store::with_capacity(plan.capacity));
        let mut shop = Self {
            clock,
            facilitator,
            kitchen,
            guard,
            buyer,
            app: Router::new(),
            purse: 1_000_000_000,
            net,
        };
        shop.app = shop.another(plan).await;
        shop
    }

    /// Another service on the same chain, with the same replay guard, kitchen and clock.
    pub async fn another(&self, plan: Plan) -> Router {
        let protocols = self.protocols(&plan).await;
        let gate = Gate::builder(protocols)
            .origin(ORIGIN)
            .guard(Arc::clone(&self.guard))
            .clock(plan.clock.unwrap_or_else(|| Arc::clone(&self.clock)))
            .limits(plan.limits);
        let gate = match plan.hooks {
            Some(hooks) => gate.hooks(hooks),
            None => gate,
        };
        let gate = gate.build().unwrap();
        self.routes(&gate, plan.serve_within, plan.first)
    }

    async fn protocols(&self, plan: &Plan) -> PaymentRouter {
        let (token, seller) = (self.token(), self.net.seller.address);
        let exact = ExactEvm::new(token.clone(), seller);
        let own_key = LocalSigner::from_hex(&self.net.seller.key.to_string()).unwrap();
        let options = SettlerOptions::default()
            .poll_every(Duration::from_millis(5))
            .mined_within(plan.mined_within);
        let settler = Settler::connect(&self.net.rpc_url, own_key, options)
            .await
            .unwrap();
        let stepping = Stepping::new(&self.net);
        let mut charge = Charge::new(token, seller);
        if let Some(types) = &plan.types {
            charge = charge.credential_types(types.clone());
        }
        let mpp = (plan.mpp)(Mpp::builder(REALM, Secret::new(plan.key)));
        let mpp = match plan.means {
            Means::Stepping => mpp.method(charge.settle_with(stepping.clone())),
            _ => {
                let own = OnchainCharge::new(settler.clone()).clock(Arc::clone(&self.clock));
                mpp.method(charge.settle_with(own))
            }
        };
        let router = PaymentRouter::new().add(MPP_PRIORITY, mpp.build().unwrap());
        match plan.means {
            Means::Facilitator => {
                let http = HttpFacilitator::new(self.facilitator.url(), plan.http.clone());
                router.add(X402_PRIORITY, X402::new(http.unwrap()).accept(exact))
            }
            Means::Onchain => {
                let own = OnchainFacilitator::new(settler).clock(Arc::clone(&self.clock));
                router.add(X402_PRIORITY, X402::new(own).accept(exact))
            }
            Means::Stepping => router.add(X402_PRIORITY, X402::new(stepping).accept(exact)),
        }
    }

    fn routes(&self, gate: &Gate<Arc<Store>>, serve_within: Duration, first: Money) -> Router {
        let priced = |price| Route::priced(price).serve_within(serve_within);
        let cent = || priced(usd!("0.01"));
        let layer = |route: Route| -> PaymentLayer<_> { gate.priced(route).unwrap() };
        let sold = |path: &str, route: Route| {
            Router::new().route(path, axum::routing::any(cook).layer(layer(route)))
        };
        Router::new()
            .merge(sold("/cheap", cent()))
            .merge(sold("/twin", cent()))
            .merge(sold("/dear", Route::priced(usd!("1"))))
            .merge(sold("/first", priced(first).timing(Timing::BeforeServing)))
            .merge(sold("/x402", cent().only([x402_core::NAME])))
            .merge(sold("/mpp", cent().only([mpp_core::MPP])))
            .merge(sold("/files/{*path}", cent()))
            .route("/free", axum::routing::any(cook))
            .with_state(Arc::clone(&self.kitchen))
    }

    pub fn token(&self) -> Token {
        let chain_id = self.net.chain.chain_id();
        Token::known(chain_id, self.net.token.address).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a request to the service.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        Self::send_to(&self.app, request).await
    }

    pub async fn send_to(app: &Router, request: Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        let response = app.clone().oneshot(request).await.unwrap();
        Answer::of(path, response).await
    }

    /// A request that needs nothing of the shop while it runs.
    pub fn send_owned(
        app: &Router,
        path: &str,
        header: &Header,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (app, request) = (
            app.clone(),
            request("GET", path, std::slice::from_ref(header)),
        );
        async move { Self::send_to(&app, request).await }
    }

    pub async fn get(&self, path: &str, headers: &[Header]) -> Answer {
        self.send(request("GET", path, headers)).await
    }

    /// What the token contract says of buyer and seller, and how often the handler ran.
    #[track_caller]
    pub fn books(&self, runs: usize, sold_for: u64) {
        let (token, chain) = (self.net.token.address, &self.net.chain);
        let seller = chain.balance_of(token, self.net.seller.address).to::<u64>();
        let buyer = chain.balance_of(token, self.buyer.address()).to::<u64>();
        assert_eq!(self.kitchen.runs(), runs, "runs of the handler");
        assert_eq!(seller, sold_for, "what the seller got");
        assert_eq!(self.purse - buyer, sold_for, "what the buyer paid");
    }
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

/// Lets every task that is ready go on until none is. For services without sockets.
pub async fn settle_down() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
