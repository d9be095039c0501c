//! Exact payments settled on a chain with the seller's own key.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code)]

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use devnet::{Devnet, Fault, Rpc, Wallet};
use http::StatusCode;
use payment_core::{Account, ManualClock, Secret, Timestamp};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use serde_json::Value;
use x402_core::wire::v2;
use x402_core::{
    Facilitator, FacilitatorFault, Offer, PaymentRequest, Presented, Scheme, SettleAnswer,
    VerifyAnswer, Version,
};
use x402_evm::{ExactEvm, OnchainFacilitator};

#[path = "../support/shop.rs"]
mod shop;

use shop::Shop;

/// A chain, a shop on it, and who settles for the shop.
struct Scene {
    net: Devnet,
    shop: Shop,
    facilitator: Arc<OnchainFacilitator>,
    token: Token,
}

fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_secret(&Secret::new(wallet.key.to_vec())).unwrap()
}

fn quick() -> SettlerOptions {
    let options = SettlerOptions::default().poll_every(Duration::from_millis(5));
    options.mined_within(Duration::from_secs(20))
}

fn usdc() -> Token {
    Token::default_on(84532).unwrap()
}

impl Scene {
    async fn new() -> Self {
        Self::with(usdc(), quick()).await
    }

    async fn with(token: Token, options: SettlerOptions) -> Self {
        let net = Devnet::start().await.unwrap();
        let settler = Settler::connect(&net.rpc_url, signer(&net.settler), options);
        let facilitator = Arc::new(OnchainFacilitator::new(settler.await.unwrap()));
        let (seller, buyer) = (net.seller.address, signer(&net.buyers[0]));
        let now = net.chain.now();
        let shop = Shop::new(Arc::clone(&facilitator), token.clone(), seller, buyer, now);
        Self {
            net,
            shop,
            facilitator,
            token,
        }
    }

    fn balance(&self, account: Address) -> U256 {
        self.net.chain.balance_of(self.net.token.address, account)
    }

    fn paid(&self) -> U256 {
        self.balance(self.net.seller.address)
    }

    /// What the facilitator is asked about a payment.
    fn request(&self, payment: &v2::PaymentPayload) -> PaymentRequest {
        let scheme = ExactEvm::new(self.token.clone(), self.net.seller.address);
        let route = payment_core::Route::priced(payment_core::usd!("0.01"));
        let offer = scheme.offer(&route).unwrap();
        let presented = Presented::new(
            &offer,
            Version::V2,
            &payment.payload,
            payment_core::Timestamp::from_seconds(0),
        );
        let mut bound = scheme.bind(presented).unwrap();
        bound.check().unwrap();
        PaymentRequest::new(
            Version::V2,
            offer.clone(),
            "https://api.example.com/x",
            &*bound,
        )
    }

    /// Someone else submits the same authorization.
    async fn preempt(&self, payment: &v2::PaymentPayload) {
        let payload: Value = serde_json::from_str(payment.payload.get()).unwrap();
        let authorization = serde_json::from_value(payload["authorization"].clone()).unwrap();
        let signature = serde_json::from_value(payload["signature"].clone()).unwrap();
        let key = signer(&self.net.buyers[6]);
        let other = Settler::connect(&self.net.rpc_url, key, quick())
            .await
            .unwrap();
        let token = self.net.token.address;
        other
            .transfer_with_authorization(token, &authorization, &signature)
            .await
            .unwrap();
    }
}

const PRICE: u64 = 10_000;

#[tokio::test]
async fn a_payment_moves_on_the_chain_once() {
    let scene = Scene::new().await;
    let buyer = scene.shop.buyer.address();
    let before = scene.balance(buyer);
    let payment = scene.shop.sign_v2().await;
    let got = scene.shop.pay_v2(&payment).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(scene.paid(), U256::from(PRICE));
    assert_eq!(before - scene.balance(buyer), U256::from(PRICE));
    let receipt = got.message("payment-response");
    assert_eq!(receipt["success"], true);
    assert_eq!(receipt["network"], "eip155:84532");
    let hash: B256 = receipt["transaction"].as_str().unwrap().parse().unwrap();
    assert!(scene.net.chain.receipt(hash).is_some());
    let again = scene.shop.pay_v2(&payment).await;
    assert_eq!(again.code(), "invalid_exact_evm_nonce_already_used");
    let got = scene.shop.pay_v1(&scene.shop.sign_v1().await).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(scene.paid(), U256::from(2 * PRICE));
}

#[tokio::test]
async fn an_authorization_that_was_used_elsewhere_is_not_served() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    scene.preempt(&payment).await;
    let got = scene.shop.pay_v2(&payment).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.code(), "invalid_exact_evm_nonce_already_used");
}

#[tokio::test]
async fn a_payment_preempted_before_settling_is_open_not_refused() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    let request = scene.request(&payment);
    let payer = Some(Account::from(scene.shop.buyer.address()));
    let verified = scene.facilitator.verify(&request).await.unwrap();
    assert_eq!(verified, VerifyAnswer::Valid { payer });
    scene.preempt(&payment).await;
    // The seller may have the money: telling the buyer to sign again would take it twice.
    let open = SettleAnswer::Pending { transaction: None };
    assert_eq!(scene.facilitator.settle(&request).await.unwrap(), open);
    let answer = scene.facilitator.reconcile(&request, None).await.unwrap();
    assert_eq!(answer, open);
}

#[tokio::test]
async fn a_transaction_overtaken_by_the_same_authorization_is_open() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    let request = scene.request(&payment);
    let chain = &scene.net.chain;
    let waiting = async |transactions| {
        while chain.waiting() < transactions {
            tokio::task::yield_now().await;
        }
    };
    chain.pause_mining(true);
    let settle = async {
        waiting(1).await;
        scene.facilitator.settle(&request).await
    };
    let mine = async {
        waiting(2).await;
        chain.mine();
    };
    let ((), answer, ()) = tokio::join!(scene.preempt(&payment), settle, mine);
    let transaction = match answer.unwrap() {
        SettleAnswer::Pending { transaction } => transaction.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scene.paid(), U256::from(PRICE));
    // The failed transaction is no proof of anything, whenever it is looked at.
    let answer = scene.facilitator.reconcile(&request, Some(&transaction));
    assert!(matches!(
        answer.await.unwrap(),
        SettleAnswer::Pending { .. }
    ));
}

#[tokio::test]
async fn refusals_say_why() {
    let scene = Scene::new().await;
    let poor = Shop::new(
        Arc::clone(&scene.facilitator),
        usdc(),
        scene.net.seller.address,
        LocalSigner::random().unwrap(),
        scene.net.chain.now(),
    );
    let got = poor.pay_v2(&poor.sign_v2().await).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.code(), "invalid_exact_evm_insufficient_balance");

    let at = |address, name: &'static str, version: &'static str| {
        Token::custom(84532, address, "USDC", 6, name, version)
    };
    let nowhere = Address::repeat_byte(0x77);
    for (token, code) in [
        (
            at(usdc().address, "USD Coin", "2"),
            "invalid_exact_evm_token_name_mismatch",
        ),
        (
            at(usdc().address, "USDC", "1"),
            "invalid_exact_evm_token_version_mismatch",
        ),
        (at(nowhere, "USDC", "2"), "asset_not_deployed_contract"),
        (
            at(devnet::PERMIT2, "USDC", "2"),
            "invalid_exact_evm_eip3009_not_supported",
        ),
    ] {
        let scene = Scene::with(token, quick()).await;
        let got = scene.shop.pay_v2(&scene.shop.sign_v2().await).await;
        assert_eq!(
            (got.status, got.code().as_str()),
            (StatusCode::PAYMENT_REQUIRED, code)
        );
        assert_eq!(scene.paid(), U256::ZERO);
    }
}

#[tokio::test]
async fn a_missing_receipt_is_503_and_found_by_the_same_header() {
    let options = quick().mined_within(Duration::from_millis(50));
    let scene = Scene::with(usdc(), options).await;
    scene.net.chain.hold_receipts(true);
    let payment = scene.shop.sign_v2().await;
    for _ in 0..2 {
        let got = scene.shop.pay_v2(&payment).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        let receipt = got.message("payment-response");
        assert_eq!(receipt["errorReason"], "settlement_pending");
        assert!(receipt["transaction"].as_str().unwrap().starts_with("0x"));
    }
    scene.net.chain.hold_receipts(false);
    assert_eq!(scene.shop.pay_v2(&payment).await.status, StatusCode::OK);
    assert_eq!(scene.paid(), U256::from(PRICE));
}

#[tokio::test]
async fn an_answer_lost_after_the_broadcast_pays_once() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    let rpc = &scene.net.rpc;
    rpc.fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let got = scene.shop.pay_v2(&payment).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(got.code(), "settlement_pending");
    assert_eq!(scene.shop.pay_v2(&payment).await.status, StatusCode::OK);
    assert_eq!(scene.paid(), U256::from(PRICE));
}

#[tokio::test]
async fn a_dead_node_is_a_fault_and_never_a_402() {
    let mut scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    scene.net.rpc = Rpc::default();
    let got = scene.shop.pay_v2(&payment).await;
    assert!(got.status.is_server_error(), "{}", got.status);
    assert!(!got.headers.contains_key("payment-required"));
}

#[tokio::test]
async fn an_unused_nonce_is_a_no_once_it_has_expired() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    let request = scene.request(&payment);
    let lost = B256::repeat_byte(9).to_string();
    let options = quick();
    let settler = Settler::connect(&scene.net.rpc_url, signer(&scene.net.settler), options);
    let settler = settler.await.unwrap();
    let at = |seconds| {
        let clock = ManualClock::at(Timestamp::from_seconds(seconds));
        OnchainFacilitator::new(settler.clone()).clock(clock)
    };
    let expires = request.expires().seconds();
    // A block may be late: expired by our clock alone is not enough.
    let soon = at(expires + 1)
        .reconcile(&request, Some(&lost))
        .await
        .unwrap();
    assert!(matches!(
        soon,
        SettleAnswer::Pending {
            transaction: Some(_)
        }
    ));
    let late = at(expires + 601)
        .reconcile(&request, Some(&lost))
        .await
        .unwrap();
    assert!(matches!(late, SettleAnswer::Refused { .. }));
    assert_eq!(scene.paid(), U256::ZERO);
    // Nothing was sent, as far as is known, and it is still good: it is settled.
    let again = at(expires - 30).reconcile(&request, None).await.unwrap();
    assert!(matches!(again, SettleAnswer::Settled { .. }));
    assert_eq!(scene.paid(), U256::from(PRICE));
}

#[tokio::test]
async fn another_chain_is_not_settled_on() {
    let scene = Scene::new().await;
    let base = Token::default_on(8453).unwrap();
    let seller = scene.net.seller.address;
    let shop = Shop::new(
        Arc::clone(&scene.facilitator),
        base,
        seller,
        signer(&scene.net.buyers[0]),
        scene.net.chain.now(),
    );
    let got = shop.pay_v2(&shop.sign_v2().await).await;
    assert!(got.status.is_server_error());
    let kinds = scene.facilitator.supported().await.unwrap().kinds;
    let networks: Vec<_> = kinds.iter().map(|kind| kind.network.as_str()).collect();
    assert_eq!(networks, ["eip155:84532", "base-sepolia"]);
}

/// The same payment, as if another scheme had bound it.
fn under_another_name(scene: &Scene, payment: &v2::PaymentPayload) -> PaymentRequest {
    let seller = scene.net.seller.address;
    let exact = ExactEvm::new(scene.token.clone(), seller);
    let route = payment_core::Route::priced(payment_core::usd!("0.01"));
    let offer = exact.offer(&route).unwrap();
    let (network, pay_to) = (offer.network().clone(), offer.pay_to().clone());
    let (asset, extra) = (offer.asset().clone(), offer.extra().clone());
    let (amount, now) = (offer.amount(), scene.shop.now());
    let other = Offer::new("upto", network, asset, pay_to, amount, extra, &route).unwrap();
    let presented = Presented::new(&other, Version::V2, &payment.payload, now);
    let bound = exact.bind(presented).unwrap();
    PaymentRequest::new(
        Version::V2,
        other.clone(),
        "https://api.example.com/x",
        &*bound,
    )
}

#[tokio::test]
async fn another_scheme_is_turned_away_before_the_chain_is_asked() {
    let scene = Scene::new().await;
    let payment = scene.shop.sign_v2().await;
    let request = under_another_name(&scene, &payment);
    let facilitator = &scene.facilitator;
    // Stays armed for whoever asks the chain first.
    scene.net.rpc.fail_next(1, Fault::CloseAfter);
    let turned_away = |fault| matches!(fault, FacilitatorFault::NotSent(_));
    assert!(turned_away(facilitator.verify(&request).await.unwrap_err()));
    assert!(turned_away(facilitator.settle(&request).await.unwrap_err()));
    for known in [None, Some("0xab")] {
        let answer = facilitator.reconcile(&request, known).await;
        assert!(turned_away(answer.unwrap_err()));
    }
    let honest = scene.request(&payment);
    let asked = facilitator.verify(&honest).await.unwrap_err();
    assert!(!turned_away(asked), "the first to ask");
    assert_eq!(scene.paid(), U256::ZERO);
    // It is the name alone that was wrong.
    assert!(facilitator.settle(&honest).await.is_ok());
    assert_eq!(scene.paid(), U256::from(PRICE));
}

#[tokio::test]
async fn a_quoted_price_reaches_the_payee_that_was_quoted_with_it() {
    use std::sync::atomic::{AtomicU64, Ordering};

    use payment_core::{Money, PaymentOption, Pricing, Quote, Route, usd};
    use x402_core::X402;
    use x402_evm::buyer;

    let scene = Scene::new().await;
    let (author, other) = (scene.net.buyers[3].address, scene.net.buyers[4].address);
    let visits = Arc::new(AtomicU64::new(0));
    let rising = {
        let visits = Arc::clone(&visits);
        // A cent more, to somebody else, each time that it is asked.
        Pricing::by(move |_| {
            let visit = visits.fetch_add(1, Ordering::SeqCst);
            let price: Money = usd!("0.01").checked_mul(visit + 1).unwrap();
            let payee = if visit == 0 { author } else { other };
            async move { Ok(Quote::from(PaymentOption::new(price).pay_to(payee.into()))) }
        })
    };
    let x402 = X402::new(Arc::clone(&scene.facilitator));
    let x402 = x402.accept(ExactEvm::new(scene.token.clone(), scene.net.seller.address));
    let route = Route::priced(usd!("1"))
        .pay_within(Duration::from_secs(60))
        .pricing(rising);
    let (buyer, now) = (signer(&scene.net.buyers[0]), scene.net.chain.now());
    let shop = Shop::on(x402, route, buyer, now);
    let before = [author, other, scene.net.seller.address].map(|account| scene.balance(account));
    let offers = shop.offers().await.v2;
    let sign = || {
        buyer::pay_v2(
            &offers.resource,
            &offers.accepts[0],
            &shop.buyer,
            shop.now(),
        )
    };
    let got = shop.pay_v2(&sign().await.unwrap()).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.code());
    let after = [author, other, scene.net.seller.address].map(|account| scene.balance(account));
    assert_eq!(after[0] - before[0], U256::from(10_000));
    assert_eq!(after[1..], before[1..]);
    // When the quote has run out, the price has risen and nothing moves.
    shop.clock.advance(Duration::from_secs(60));
    let late = sign().await.unwrap();
    assert_eq!(
        shop.pay_v2(&late).await.status,
        StatusCode::PAYMENT_REQUIRED
    );
    assert_eq!(visits.load(Ordering::SeqCst), 3);
    assert_eq!(scene.balance(author), after[0]);
}
