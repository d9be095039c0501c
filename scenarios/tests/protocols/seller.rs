use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use devnet::Devnet;
use mpp_core::Mpp;
use mpp_evm::{Charge, OnchainCharge};
use payment_core::{
    Clock as _, Gate, ManualClock, PaymentOption, Pricing, Route, Secret, Timestamp, Timing, usd,
};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use scenarios::{Handler, Shop, Till};
use x402_core::X402;
use x402_evm::{ExactEvm, OnchainFacilitator};

/// A seller who settles with the own key, on a chain of its own.
pub(crate) struct Seller {
    pub(crate) net: Devnet,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shop: Arc<Shop>,
    /// What `/moving` costs, in cents.
    pub(crate) cents: Arc<AtomicU64>,
}

impl Seller {
    pub(crate) async fn open() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_800_000_000)));
        let hand = Arc::clone(&clock);
        let net = Devnet::builder()
            .clock(Arc::new(move || hand.now().seconds()))
            .start()
            .await
            .unwrap();
        let gate = Gate::builder(protocols(&net, &clock).await)
            .origin("https://shop.example")
            .clock(Arc::clone(&clock))
            .build()
            .unwrap();
        let cent = || Route::priced(usd!("0.01"));
        let cents = Arc::new(AtomicU64::new(1));
        let moving = Pricing::by({
            let cents = Arc::clone(&cents);
            move |_| {
                let price = usd!("0.01").checked_mul(cents.load(Ordering::SeqCst));
                async move { Ok(price.ok_or("too dear")?.into()) }
            }
        });
        let either = [usd!("0.03"), usd!("0.02")].map(PaymentOption::new);
        let shop = Shop::new(Arc::<Till>::default(), gate)
            .sell("/weather", cent(), Handler::says("sunny"))
            .sell("/dear", usd!("1"), Handler::says("gold"))
            .sell("/fails", cent(), Handler::status(500, "no"))
            .sell(
                "/first",
                cent().timing(Timing::BeforeServing),
                Handler::says("first"),
            )
            .sell(
                "/x402",
                cent().only([x402_core::NAME]),
                Handler::says("x402"),
            )
            .sell("/mpp", cent().only([mpp_core::MPP]), Handler::says("mpp"))
            .sell("/moving", cent().pricing(moving), Handler::says("moving"))
            .sell("/either", cent().options(either), Handler::says("either"))
            .nest("/north", "/weather", cent(), Handler::says("snow"));
        Self {
            net,
            clock,
            shop: Arc::new(shop),
            cents,
        }
    }

    pub(crate) fn earned(&self) -> u64 {
        let (token, seller) = (self.net.token.address, self.net.seller.address);
        self.net.chain.balance_of(token, seller).to()
    }
}

async fn protocols(net: &Devnet, clock: &Arc<ManualClock>) -> PaymentRouter {
    let token = Token::known(net.chain.chain_id(), net.token.address).unwrap();
    let seller = net.seller.address;
    let key = LocalSigner::from_hex(&net.seller.key.to_string()).unwrap();
    let options = SettlerOptions::default().poll_every(Duration::from_millis(5));
    let settler = Settler::connect(&net.rpc_url, key, options).await.unwrap();
    let charge = OnchainCharge::new(settler.clone()).clock(Arc::clone(clock));
    let charge = Charge::new(token.clone(), seller).settle_with(charge);
    let secret = Secret::new("an hmac key of at least thirty-two bytes");
    let mpp = Mpp::builder("shop.example", secret).method(charge);
    let exact = OnchainFacilitator::new(settler).clock(Arc::clone(clock));
    let exact = X402::new(exact).accept(ExactEvm::new(token, seller));
    PaymentRouter::new()
        .add(MPP_PRIORITY, mpp.build().unwrap())
        .add(X402_PRIORITY, exact)
}
