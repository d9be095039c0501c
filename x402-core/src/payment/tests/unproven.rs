//! Payments of a scheme that can't tell who signed them, settled in batches.

use std::future::Future as _;
use std::task::{Context, Waker};

use payment_core::{Limits, Route, Timestamp, Timing, usd};
use serde_json::Value;

use super::*;
use crate::shop::{Got, Scripted, Unproven, changed, offer_of};
use crate::wire::{SupportedKind, SupportedResponse, encode};
use crate::{Presented, Scheme, SchemePayment, Version, X402};

const USED: &str = "invalid_exact_evm_nonce_already_used";

fn offer() -> Value {
    changed(&base_offer(), "scheme", json!("deferred"))
}

fn accepting(x402: X402<std::sync::Arc<Scripted>>) -> X402<std::sync::Arc<Scripted>> {
    x402.accept(Unproven(offer_of(&offer())))
}

fn shop() -> Shop {
    Shop::on(usd!("0.01"), Limits::default(), accepting)
}

/// The offer echoed with more in its `extra`.
fn echo(name: &str, value: &str) -> Value {
    let mut echo = offer();
    echo["extra"][name] = json!(value);
    echo
}

async fn pay(shop: &Shop, accepted: &Value, signature: &str) -> Got {
    pay_by(shop, accepted, 1, signature).await
}

async fn pay_by(shop: &Shop, accepted: &Value, nonce: u64, signature: &str) -> Got {
    let payment = json!({
        "x402Version": 2, "accepted": accepted,
        "payload": { "nonce": nonce, "signature": signature },
    });
    shop.get(&[(V2, encode(&payment).unwrap().as_bytes())])
        .await
}

/// Waits out the request before, whose end is recorded on its own.
async fn pay_settled(shop: &Shop, accepted: &Value, signature: &str) -> Got {
    for _ in 0..1000 {
        let got = pay(shop, accepted, signature).await;
        if got.status != StatusCode::CONFLICT {
            return got;
        }
        tokio::task::yield_now().await;
    }
    panic!("the request before does not end");
}

fn deferred() -> SettleAnswer {
    deferred_by(None, 84532, None)
}

fn deferred_by(
    payer: Option<payment_core::Account>,
    chain: u64,
    amount: Option<u64>,
) -> SettleAnswer {
    SettleAnswer::Deferred {
        network: Network::eip155(chain),
        payer,
        amount: amount.map(Units::from),
    }
}

fn other() -> payment_core::Account {
    payment_core::Account::parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
}

fn served(shop: &Shop) -> usize {
    shop.served.lock().unwrap().len()
}

#[tokio::test]
async fn what_is_accepted_for_a_batch_is_served_with_a_receipt_that_says_so() {
    let shop = shop();
    let payer = Some(PAYER.clone());
    shop.facilitator
        .settles(Ok(deferred_by(payer, 84532, Some(10_000))));
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        got.message("payment-response"),
        json!({
            "success": true, "status": "success", "transaction": "",
            "network": "eip155:84532", "payer": PAYER.to_string(), "amount": "10000",
        })
    );
    let paid = shop.served.lock().unwrap()[0].clone();
    assert_eq!(paid.payer(), Some(&PAYER), "the facilitator has proven it");
    assert_eq!(paid.transaction(), None);
    assert_eq!(pay(&shop, &offer(), "good").await.code(), USED);
    assert_eq!(shop.facilitator.calls(), ["verify", "settle"]);
}

#[tokio::test]
async fn a_transaction_settles_a_batch_of_one_too() {
    let shop = shop();
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::OK);
    let receipt = got.message("payment-response");
    assert_eq!(receipt["transaction"], TRANSACTION);
    assert!(receipt.get("status").is_none());
}

#[tokio::test]
async fn what_settles_at_once_is_not_settled_by_a_promise() {
    let shop = super::shop();
    shop.facilitator.settles(Ok(deferred()));
    for _ in 0..3 {
        shop.facilitator.reconciles(Ok(deferred()));
        let got = paid(&shop).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(got.code(), "settlement_pending");
        assert!(!got.headers.contains_key("payment-required"));
        assert_eq!(got.message("payment-response")["success"], false);
    }
}

#[tokio::test]
async fn a_promise_of_another_payment_is_none() {
    for wrong in [
        deferred_by(None, 8453, None),
        deferred_by(Some(other()), 84532, None),
        deferred_by(None, 84532, Some(9_999)),
    ] {
        let shop = shop();
        shop.facilitator.settles(Ok(wrong.clone()));
        let got = pay(&shop, &offer(), "good").await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{wrong:?}");
        assert_eq!(got.code(), "settlement_pending");
        shop.facilitator.reconciles(Ok(deferred()));
        assert_eq!(pay(&shop, &offer(), "good").await.status, StatusCode::OK);
        assert_eq!(served(&shop), 2, "run twice, delivered once");
    }
}

#[tokio::test]
async fn another_payer_at_verify_is_a_fault_and_nobody_is_named() {
    let shop = shop();
    let payer = Some(other());
    shop.facilitator.verifies(Ok(VerifyAnswer::Valid { payer }));
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::BAD_GATEWAY);
    assert_eq!(shop.facilitator.calls(), ["verify"]);
    assert_eq!(served(&shop), 0);
    // Released: the same payment may try again.
    assert_eq!(pay(&shop, &offer(), "good").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_no_of_the_facilitator_leaves_nothing_behind() {
    let shop = shop();
    let code = "invalid_signature".into();
    shop.facilitator
        .verifies(Ok(VerifyAnswer::Invalid { code }));
    let got = pay(&shop, &offer(), "junk").await;
    assert_eq!(
        (got.status, got.code()),
        (StatusCode::PAYMENT_REQUIRED, "invalid_signature")
    );
    assert_eq!(served(&shop), 0);
    // Junk has not used up the nonce.
    assert_eq!(pay(&shop, &offer(), "good").await.status, StatusCode::OK);
}

/// Whoever knows the nonce and not the payload: another signature, or another echo.
async fn strangers_get_nothing(shop: &Shop) {
    let (calls, serves) = (shop.facilitator.calls(), served(shop));
    for (accepted, signature) in [
        (offer(), "junk"),
        (offer(), "good "),
        (echo("note", "x"), "good"),
    ] {
        let got = pay_settled(shop, &accepted, signature).await;
        assert_eq!(
            (got.status, got.code()),
            (StatusCode::PAYMENT_REQUIRED, USED)
        );
        assert!(!got.headers.contains_key("payment-response"));
    }
    assert_eq!(shop.facilitator.calls(), calls, "nobody was asked");
    assert_eq!(served(shop), serves);
}

#[tokio::test]
async fn a_stranger_with_the_nonce_can_not_take_up_an_open_settlement() {
    let shop = shop();
    shop.facilitator.settles(Err(FacilitatorFault::TimedOut));
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.code(), "settlement_pending");
    strangers_get_nothing(&shop).await;
    shop.facilitator.reconciles(Ok(deferred()));
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        got.message("payment-response")["payer"],
        PAYER.to_string(),
        "verified before, by these very bytes"
    );
    strangers_get_nothing(&shop).await;
}

#[tokio::test]
async fn a_stranger_with_the_nonce_can_not_take_what_was_paid_and_not_delivered() {
    let route = Route::priced(usd!("0.01")).timing(Timing::BeforeServing);
    let shop = Shop::on(route, Limits::default(), accepting);
    shop.facilitator.settles(Ok(deferred()));
    *shop.status.lock().unwrap() = StatusCode::INTERNAL_SERVER_ERROR;
    let got = pay(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(got.message("payment-response")["success"], true);
    strangers_get_nothing(&shop).await;
    *shop.status.lock().unwrap() = StatusCode::OK;
    let got = pay_settled(&shop, &offer(), "good").await;
    assert_eq!(got.status, StatusCode::OK);
    let receipt = got.message("payment-response");
    assert_eq!(receipt["transaction"], "");
    assert_eq!(receipt["status"], "success");
    let paid = shop.served.lock().unwrap().last().unwrap().clone();
    assert_eq!(paid.payer(), Some(&PAYER));
    assert_eq!(
        shop.facilitator.calls(),
        ["verify", "settle"],
        "settled once"
    );
    strangers_get_nothing(&shop).await;
}

#[tokio::test]
async fn a_payer_is_not_counted_by_its_word() {
    // With room for nobody, whoever is counted is turned away.
    let mut limits = Limits::default();
    limits.in_flight_per_payer = 0;
    let proven = Shop::on(usd!("0.01"), limits.clone(), |x402| {
        x402.accept(crate::shop::Anything(offer_of(&base_offer())))
    });
    assert_eq!(paid(&proven).await.code(), "too_many_payments");
    let shop = Shop::on(usd!("0.01"), limits, accepting);
    assert_eq!(pay(&shop, &offer(), "good").await.status, StatusCode::OK);
}

/// Whoever makes them up gets few places, and takes none of those who can prove themselves.
#[tokio::test]
async fn unproven_payments_are_verified_a_few_at_once() {
    let shop = Shop::on(usd!("0.01"), Limits::default(), |x402| {
        let proven = crate::shop::Anything(offer_of(&base_offer()));
        accepting(x402).accept(proven)
    });
    shop.facilitator.silent.send_replace(true);
    let offer = offer();
    let mut crowd: Vec<_> = (0..64)
        .map(|nonce| Box::pin(pay_by(&shop, &offer, nonce, "junk")))
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for waiting in &mut crowd {
        assert!(waiting.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(shop.facilitator.calls().len(), 64);
    let turned_away = pay_by(&shop, &offer, 64, "junk").await;
    assert_eq!(turned_away.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(turned_away.code(), "too_many_payments");
    // Who has proven itself is asked about all the same.
    let mut proven = Box::pin(paid(&shop));
    assert!(proven.as_mut().poll(&mut context).is_pending());
    assert_eq!(shop.facilitator.calls().len(), 65);
    shop.facilitator.silent.send_replace(false);
    assert_eq!(proven.await.status, StatusCode::OK);
    // Their places are free when they have been asked about.
    for waiting in crowd {
        assert_eq!(waiting.await.status, StatusCode::OK);
    }
    let served = pay_by(&shop, &offer, 65, "good").await;
    assert_eq!(served.status, StatusCode::OK);
}

#[tokio::test]
async fn the_echo_adds_to_our_extra_and_changes_nothing() {
    let shop = shop();
    let got = pay(&shop, &echo("sessionCert", "abc"), "good").await;
    assert_eq!(got.status, StatusCode::OK);
    let asked = shop.facilitator.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    for (_, body) in asked {
        assert_eq!(body["paymentRequirements"], offer());
        let accepted = &body["paymentPayload"]["accepted"];
        assert_eq!(*accepted, echo("sessionCert", "abc"));
    }
}

fn request(extra: &Value) -> crate::PaymentRequest {
    let offer = offer_of(&offer());
    let raw = |json: &Value| serde_json::value::to_raw_value(json).unwrap();
    let (payload, extra) = (raw(&json!({ "nonce": 1 })), raw(extra));
    let now = Timestamp::from_seconds(0);
    let presented = Presented::new(&offer, Version::V2, &payload, now).echoing(Some(&extra));
    let scheme = Unproven(offer.clone());
    let payment: Box<dyn SchemePayment> = scheme.bind(presented).unwrap();
    crate::PaymentRequest::new(Version::V2, offer.clone(), "https://x.example/", &*payment)
}

#[test]
fn what_we_say_in_extra_is_ours_to_say() {
    // Even if a scheme let it through.
    let request = request(&json!({ "name": "Evil", "version": null, "note": { "a": 1 } }));
    let body: Value = serde_json::from_str(&request.body()).unwrap();
    let mut expected = offer();
    expected["extra"]["note"] = json!({ "a": 1 });
    assert_eq!(body["paymentPayload"]["accepted"], expected);
    assert_eq!(body["paymentRequirements"], offer());
}

#[test]
fn more_members_of_a_body_replace_none() {
    let more = json!({
        "syncSettle": true, "x402Version": 7, "paymentPayload": {}, "paymentRequirements": {},
    });
    let request = request(&json!({}));
    let body = request.body_with(more.as_object().unwrap());
    payment_core::strict_json(body.as_bytes(), payment_core::JsonLimits::default()).unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    let plain: Value = serde_json::from_str(&request.body()).unwrap();
    assert_eq!(body, changed(&plain, "syncSettle", json!(true)));
}

#[test]
fn a_batch_may_land_whenever_it_does() {
    let never = Timestamp::from_seconds(u64::MAX);
    assert_eq!(request(&json!({})).expires(), never);
}

#[tokio::test]
async fn a_scheme_without_version_1_is_not_offered_in_it() {
    let shop = shop();
    let got = shop.get(&[]).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert!(got.body.get("accepts").is_none(), "{}", got.body);
    let v1 = pay_v1("deferred", "base-sepolia", 1);
    let got = shop.get(&[("x-payment", v1.as_bytes())]).await;
    assert_eq!(got.code(), "payment_required", "no payment at all");
    // Beside one that has it, it is still not taken by it.
    let both = Shop::with(&[base_offer()], accepting);
    let got = both.get(&[]).await;
    assert_eq!(got.body["accepts"].as_array().unwrap().len(), 1);
    let accepts = &got.message("payment-required")["accepts"];
    assert_eq!(*accepts, json!([base_offer(), offer()]));
    let got = both.get(&[("x-payment", v1.as_bytes())]).await;
    assert_eq!(got.code(), "invalid_payment_requirements");
    assert_eq!(both.facilitator.calls(), Vec::<&str>::new());
}

#[tokio::test]
async fn start_up_asks_for_no_version_that_is_not_taken() {
    let facilitator = shop().facilitator;
    let kinds = vec![SupportedKind::new(2, "deferred", "eip155:84532")];
    *facilitator.supported.lock().unwrap() = SupportedResponse::new(kinds);
    accepting(X402::new(facilitator))
        .check_supported()
        .await
        .unwrap();
}
