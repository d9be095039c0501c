use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use axum::Router;
use axum::body::Body;
use devnet::IPaymentChannelEscrow::{Channel as OnChain, getChannelCall};
use devnet::okx::{Okx, Repeats};
use devnet::{Devnet, Wallet};
use gateways::okx::{
    Compat, OkxCharge, OkxEscrow, OkxFacilitator, OkxKeys, OkxOptions, SaClient, USDT0,
};
use http::Request;
use mpp_core::Mpp;
use mpp_evm::session::{Channel, ChannelId, ChannelStore, Desk, Ledger, MemoryChannelStore};
use mpp_evm::{Charge, CredentialType, Session, Split};
use payment_core::{
    Clock as _, Gate, ManualClock, MemoryReplayGuard, Route, Secret, Tariff, Timestamp, Timing, usd,
};
use payment_evm::{LocalSigner, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::{GateExt as _, PaymentLayer};
use tower::ServiceExt as _;
use x402_core::X402;
use x402_evm::ExactEvm;

use crate::answer::Answer;
use crate::kitchen::{Kitchen, cook};

pub const ORIGIN: &str = "https://api.example.com";
pub const REALM: &str = "api.example.com";
pub const KEY: &str = "an hmac key of at least thirty-two bytes";
/// The price of most routes, in base units.
pub const CENT: u128 = 10_000;
pub const START: u64 = 1_800_000_000;

/// The seller's key at OKX's escrow.
pub type Hand = OkxEscrow<LocalSigner>;

/// By what a shop is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    Mpp,
    /// MPP, and x402 by OKX's facilitator.
    Both,
}

/// How a shop is to be.
#[derive(Clone)]
pub struct Plan {
    pub compat: Compat,
    /// A part of each charge that is a partner's.
    pub split: bool,
    pub charges: Option<Vec<CredentialType>>,
    /// How long a call that moves money may take.
    pub settle_within: Duration,
    pub protocols: Protocols,
    pub okx: OkxOptions,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            compat: Compat::Draft,
            split: false,
            charges: None,
            protocols: Protocols::Mpp,
            settle_within: Duration::from_secs(60),
            okx: OkxOptions::default()
                .ask_timeout(Duration::from_secs(60))
                .backoff(Duration::from_millis(1))
                .attempts(2)
                .poll_every(Duration::from_millis(1))
                .poll_for(Duration::from_millis(50)),
        }
    }
}

/// A chain with an escrow, OKX before it, and those who pay.
pub struct Town {
    pub clock: Arc<ManualClock>,
    pub net: Devnet,
    pub okx: Okx,
    pub payer: LocalSigner,
    pub stranger: LocalSigner,
    pub partner: Address,
    /// What all of them hold together.
    whole: u128,
}

impl Town {
    pub async fn found(repeats: Repeats) -> Arc<Self> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let hand = Arc::clone(&clock);
        let net = Devnet::x_layer()
            .buyers(2)
            .clock(Arc::new(move || hand.now().seconds()))
            .build()
            .unwrap();
        let okx = Okx::builder().repeats(repeats).start(&net).await.unwrap();
        let mut town = Self {
            clock,
            okx,
            payer: signer(&net.buyers[0]),
            stranger: signer(&net.buyers[1]),
            partner: Wallet::named("partner").address,
            whole: 0,
            net,
        };
        town.whole = town.purses().iter().sum::<u128>() + town.balance(town.stranger.address());
        Arc::new(town)
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn seller(&self) -> Address {
        self.net.seller.address
    }

    pub fn balance(&self, account: Address) -> u128 {
        let balance = self.net.chain.balance_of(USDT0, account);
        balance.try_into().unwrap()
    }

    /// What payer, seller, partner and escrow hold.
    pub fn purses(&self) -> [u128; 4] {
        let accounts = [
            self.payer.address(),
            self.seller(),
            self.partner,
            self.net.escrow,
        ];
        accounts.map(|account| self.balance(account))
    }

    /// What the contract holds of a channel.
    pub fn on_chain(&self, id: ChannelId) -> OnChain {
        let call = getChannelCall {
            channelId: id.word(),
        };
        self.net.chain.read(self.net.escrow, &call).unwrap()
    }

    /// A transaction of the payer's to the escrow that must succeed.
    #[track_caller]
    pub fn run(&self, call: &impl SolCall) -> alloy_primitives::B256 {
        self.run_at(self.net.escrow, call)
    }

    #[track_caller]
    pub fn run_at(&self, contract: Address, call: &impl SolCall) -> alloy_primitives::B256 {
        let sent = self
            .net
            .chain
            .send(&self.net.buyers[0], contract, call.abi_encode());
        let receipt = sent.unwrap();
        assert!(receipt.status());
        receipt.transaction_hash
    }

    /// What the token contract says: nothing was made or lost; the seller got this much, the
    /// partner that much, and so much is in the escrow.
    #[track_caller]
    pub fn holds(&self, seller: u128, partner: u128, escrow: u128) {
        let [payer, ..] = self.purses();
        let held = self.purses();
        assert_eq!(
            &held[1..],
            [seller, partner, escrow],
            "seller, partner, escrow"
        );
        let stranger = self.balance(self.stranger.address());
        assert_eq!(
            payer + stranger + seller + partner + escrow,
            self.whole,
            "money was made or lost"
        );
    }

    /// How often OKX was asked this.
    pub fn asked(&self, endpoint: devnet::okx::Endpoint) -> usize {
        let calls = self.okx.calls();
        calls
            .iter()
            .filter(|call| call.endpoint == endpoint)
            .count()
    }
}

/// Routes behind one gate that takes charges and sessions.
///
/// `/cheap`, `/twin` and `/first` (which settles first) cost a cent, `/dear` a dollar; `/metered`
/// sells up to ten units at a hundredth of a cent.
pub struct Shop<S = Arc<MemoryChannelStore>> {
    pub town: Arc<Town>,
    pub kitchen: Arc<Kitchen>,
    pub app: Router,
    pub ledger: Arc<Ledger<S>>,
    pub desk: Desk<Hand, S>,
    pub escrow: Hand,
}

impl<S> Deref for Shop<S> {
    type Target = Town;

    fn deref(&self) -> &Town {
        &self.town
    }
}

impl Shop {
    pub async fn open() -> Self {
        Self::planned(Plan::default()).await
    }

    pub async fn planned(plan: Plan) -> Self {
        Self::where_repeats_are(Repeats::SameAnswer, plan).await
    }

    pub async fn where_repeats_are(repeats: Repeats, plan: Plan) -> Self {
        let town = Town::found(repeats).await;
        Self::keeping(town, &plan, Arc::default())
    }
}

impl<S: ChannelStore> Shop<S> {
    /// A shop of this town with these books.
    pub fn keeping(town: Arc<Town>, plan: &Plan, store: S) -> Self {
        let account = town.okx.account();
        let keys = OkxKeys::new(
            account.key.clone(),
            account.secret.clone(),
            account.passphrase.clone(),
        );
        let options = plan.okx.clone().settle_timeout(plan.settle_within);
        let (keys, url) = (keys.unwrap(), town.okx.url());
        let facilitator = OkxFacilitator::at(url, keys.clone(), options.clone()).unwrap();
        let sa = SaClient::at(url, keys, options).unwrap();
        let hand = OkxEscrow::new(sa.clone(), signer(&town.net.seller))
            .clock(Arc::clone(&town.clock))
            .compat(plan.compat);
        let token = token();
        let session = Session::new(token.clone(), town.seller(), hand.clone())
            .store(store)
            .clock(Arc::clone(&town.clock));
        let (ledger, desk) = (Arc::clone(session.ledger()), session.desk());
        let exact = ExactEvm::new(token.clone(), town.seller());
        let mut charge = Charge::okx(token, town.seller());
        if plan.split {
            charge = charge.split(Split::new(town.partner, usd!("0.003")));
        }
        if let Some(types) = &plan.charges {
            charge = charge.credential_types(types.clone());
        }
        let charge = charge.settle_with(
            OkxCharge::new(sa)
                .clock(Arc::clone(&town.clock))
                .compat(plan.compat),
        );
        let mpp = Mpp::builder(REALM, Secret::new(KEY));
        let mpp = mpp.method(session).method(charge).build().unwrap();
        let gate = match plan.protocols {
            Protocols::Mpp => Gate::builder(mpp),
            Protocols::Both => {
                let x402 = X402::new(facilitator).v2_only().accept(exact);
                let both = PaymentRouter::new().add(MPP_PRIORITY, mpp);
                Gate::builder(both.add(X402_PRIORITY, x402))
            }
        };
        let gate = gate
            .origin(ORIGIN)
            .clock(Arc::clone(&town.clock))
            .build()
            .unwrap();
        let kitchen = Arc::new(Kitchen::default());
        Self {
            app: routes(&gate).with_state(Arc::clone(&kitchen)),
            town,
            kitchen,
            ledger,
            desk,
            escrow: hand,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let answer = async { Answer::of(self.app.clone().oneshot(request).await.unwrap()).await };
        soon(answer).await
    }

    pub async fn get(&self, path: &str, headers: &[Header]) -> Answer {
        self.send(request(path, headers)).await
    }

    /// The same once no request before is in work any more.
    pub async fn settled(&self, path: &str, header: &Header) -> Answer {
        let answer = async {
            loop {
                let answer = self.get(path, std::slice::from_ref(header)).await;
                if answer.code() != "payment_in_progress" {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        soon(answer).await
    }

    /// A request that needs nothing of the shop while it runs.
    pub fn send_owned(
        &self,
        path: &str,
        header: &Header,
    ) -> impl Future<Output = Answer> + Send + use<S> {
        let (app, request) = (
            self.app.clone(),
            request(path, std::slice::from_ref(header)),
        );
        async move { Answer::of(app.oneshot(request).await.unwrap()).await }
    }

    /// The channel as the seller keeps it.
    pub async fn channel(&self, id: ChannelId) -> Channel {
        self.ledger.load(id).await.unwrap().unwrap()
    }

    /// What the seller keeps of a channel: what is in it, accepted, spent and settled, and nothing
    /// held.
    pub async fn counters(&self, id: ChannelId, [deposit, accepted, spent, settled]: [u128; 4]) {
        let channel = self.channel(id).await;
        assert_eq!(
            [
                channel.deposit(),
                channel.accepted(),
                channel.spent(),
                channel.settled(),
                channel.holds().len() as u128
            ],
            [deposit, accepted, spent, settled, 0],
            "deposit, accepted, spent, settled, holds of {channel:?}"
        );
    }
}

fn routes(gate: &Gate<MemoryReplayGuard>) -> Router<Arc<Kitchen>> {
    let cent = || Route::priced(usd!("0.01"));
    let layer = |route: Route| -> PaymentLayer<_> { gate.priced(route).unwrap() };
    let sold = |path: &str, route: Route| {
        Router::new().route(path, axum::routing::any(cook).layer(layer(route)))
    };
    Router::new()
        .merge(sold("/cheap", cent()))
        .merge(sold("/twin", cent()))
        .merge(sold("/first", cent().timing(Timing::BeforeServing)))
        .merge(sold("/dear", Route::priced(usd!("1"))))
        .merge(sold(
            "/metered",
            Tariff::per("token", usd!("0.0001")).up_to(10).into(),
        ))
}

pub fn token() -> Token {
    Token::known(196, USDT0).unwrap()
}

pub fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_hex(&wallet.key.to_string()).unwrap()
}

/// A request header, by name and value.
pub type Header = (&'static str, String);

pub fn request(path: &str, headers: &[Header]) -> Request<Body> {
    let mut request = Request::builder().method("GET").uri(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Body::empty()).unwrap()
}

/// Waits for what must come soon. How long it takes decides nothing: a test that would wait for
/// ever fails.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(120), what);
    waited.await.expect("it does not come")
}
