use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use devnet::Devnet;
use devnet::okx::{Call, Endpoint, Okx, OkxBuilder, SessionBuyer};
use gateways::okx::{OkxFacilitator, OkxKeys, OkxOptions, SettleMode};
use http::Request;
use payment_core::{
    Clock as _, Gate, Limits, ManualClock, MemoryReplayGuard, Route, Timestamp, Timing, usd,
};
use payment_evm::{LocalSigner, Token};
use payment_tower::GateExt as _;
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;
use x402_core::X402;
use x402_evm::{AggrDeferred, ExactEvm};

use crate::answer::Answer;
use crate::kitchen::{Kitchen, cook};
use crate::purse::By;

/// The price of every route, in base units.
pub const CENT: u64 = 10_000;
const START: u64 = 1_800_000_000;

/// A request header, by name and value.
pub type Header = (&'static str, String);

/// How a service is to be.
#[derive(Clone)]
pub struct Plan {
    pub options: OkxOptions,
    pub mode: SettleMode,
    pub limits: Limits,
}

impl Default for Plan {
    /// One that asks OKX once, and lets the buyer come back.
    fn default() -> Self {
        Self {
            options: OkxOptions::default()
                .attempts(1)
                .backoff(Duration::from_millis(1))
                .poll_every(Duration::from_millis(1))
                .poll_for(Duration::ZERO)
                .ask_timeout(Duration::from_secs(60))
                .settle_timeout(Duration::from_secs(60)),
            mode: SettleMode::Synchronous,
            limits: Limits::default(),
        }
    }
}

impl Plan {
    pub fn options(mut self, change: impl FnOnce(OkxOptions) -> OkxOptions) -> Self {
        self.options = change(self.options);
        self
    }
}

/// Routes behind one gate, on a chain of their own that OKX settles on, and a buyer for each way
/// to pay.
///
/// `/cheap`, `/twin` and `/first` (which settles first) are paid either way, `/exact` and
/// `/deferred` in one way alone; each costs a cent.
pub struct Shop {
    pub clock: Arc<ManualClock>,
    pub net: Devnet,
    pub okx: Okx,
    pub kitchen: Arc<Kitchen>,
    pub guard: Arc<MemoryReplayGuard>,
    pub buyer: LocalSigner,
    pub session: SessionBuyer,
    pub app: Router,
    purses: u64,
}

impl Shop {
    pub async fn open() -> Self {
        Self::planned(Plan::default(), Okx::builder()).await
    }

    pub async fn planned(plan: Plan, okx: OkxBuilder) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let hand = Arc::clone(&clock);
        let net = Devnet::x_layer().clock(Arc::new(move || hand.now().seconds()));
        let net = net.build().unwrap();
        let okx = okx.start(&net).await.unwrap();
        let [exact, batched] = [&net.buyers[0], &net.buyers[1]];
        let mut shop = Self {
            clock,
            kitchen: Arc::default(),
            guard: Arc::default(),
            buyer: LocalSigner::from_hex(&exact.key.to_string()).unwrap(),
            session: okx.session_wallet(batched).unwrap(),
            app: Router::new(),
            purses: 0,
            net,
            okx,
        };
        shop.purses = shop.held();
        shop.app = shop.another(&plan, &shop.guard).await;
        shop
    }

    /// Another service on the same chain, with the same kitchen and clock.
    pub async fn another(&self, plan: &Plan, guard: &Arc<MemoryReplayGuard>) -> Router {
        let account = self.okx.account();
        let keys = OkxKeys::new(&account.key, &account.secret, &account.passphrase).unwrap();
        let okx = OkxFacilitator::at(self.okx.url(), keys, plan.options.clone()).unwrap();
        let okx = okx.settles(plan.mode);
        let seller = self.net.seller.address;
        let x402 = || X402::new(okx.clone()).v2_only();
        let exact = || ExactEvm::new(self.token(), seller);
        let deferred = || AggrDeferred::new(self.token(), seller);
        let both = x402().accept(exact()).accept(deferred());
        both.check_supported().await.unwrap();
        let gate = |protocol: X402<OkxFacilitator>| {
            let gate = Gate::builder(protocol);
            let gate = gate.origin("https://api.example.com");
            let gate = gate.guard(Arc::clone(guard)).clock(Arc::clone(&self.clock));
            gate.limits(plan.limits.clone()).build().unwrap()
        };
        let (both, exact, deferred) = (
            gate(both),
            gate(x402().accept(exact())),
            gate(x402().accept(deferred())),
        );
        let cent = || Route::priced(usd!("0.01"));
        let first = || cent().timing(Timing::BeforeServing);
        let sold = |path: &str, gate: &Gate<Arc<MemoryReplayGuard>>, route: Route| {
            let layer = gate.priced(route).unwrap();
            Router::new().route(path, axum::routing::get(cook).layer(layer))
        };
        Router::new()
            .merge(sold("/cheap", &both, cent()))
            .merge(sold("/twin", &both, cent()))
            .merge(sold("/first", &both, first()))
            .merge(sold("/exact", &exact, cent()))
            .merge(sold("/deferred", &deferred, cent()))
            .with_state(Arc::clone(&self.kitchen))
    }

    pub fn token(&self) -> Token {
        Token::known(196, self.net.token.address).unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn get(&self, path: &str, headers: &[Header]) -> Answer {
        Self::get_of(&self.app, path, headers).await
    }

    /// Pays for a route of this service.
    pub async fn pay(&self, path: &str, header: &Header) -> Answer {
        Self::get_of(&self.app, path, std::slice::from_ref(header)).await
    }

    /// The same of another service, in a request that needs nothing of the shop while it runs.
    pub fn get_of(
        app: &Router,
        path: &str,
        headers: &[Header],
    ) -> impl Future<Output = Answer> + Send + use<> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::empty()).unwrap();
        let app = app.clone();
        async move { Answer::of(app.oneshot(request).await.unwrap()).await }
    }

    /// Pays, again and again while another request holds the payment.
    pub async fn pay_once_free(&self, path: &str, header: &Header) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.pay(path, header).await;
            if answer.status != 409 {
                return answer;
            }
            answer.refused(409, "payment_in_progress");
            assert!(Instant::now() < deadline, "held for ever");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many requests of a kind OKX got.
    pub fn asked(&self, endpoint: Endpoint) -> usize {
        self.calls_of(endpoint).len()
    }

    pub fn calls_of(&self, endpoint: Endpoint) -> Vec<Call> {
        let calls = self.okx.calls().into_iter();
        calls.filter(|call| call.endpoint == endpoint).collect()
    }

    /// What the seller has got, once all that was promised has landed.
    pub fn earned(&self, by: By) -> u64 {
        if by == By::Deferred {
            for landing in self.okx.land_batch() {
                assert!(landing.transaction.is_some(), "{landing:?}");
            }
        }
        self.on_chain()
    }

    /// What the token contract says that the seller has got, and nobody but the buyers has paid.
    #[track_caller]
    pub fn on_chain(&self) -> u64 {
        let earned = self.balance(self.net.seller.address);
        assert_eq!(self.purses - self.held(), earned);
        earned
    }

    /// Waits until the seller has got this much.
    pub async fn until_earned(&self, by: By, units: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.earned(by) < units {
            assert!(Instant::now() < deadline, "never paid");
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn held(&self) -> u64 {
        let in_use = &self.net.buyers[..3];
        in_use.iter().map(|buyer| self.balance(buyer.address)).sum()
    }

    fn balance(&self, account: alloy_primitives::Address) -> u64 {
        let chain = &self.net.chain;
        chain
            .balance_of(self.net.token.address, account)
            .to::<u64>()
    }
}

/// How long to wait for what is sure to come, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);
