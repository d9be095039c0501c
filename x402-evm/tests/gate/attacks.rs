use std::sync::Arc;

use alloy_primitives::{B256, U256};
use http::StatusCode;
use payment_evm::{Authorization, LocalSigner, Token};
use serde_json::{Value, json};
use x402_evm::buyer::Exact;

use crate::shop::{SELLER, Shop, YesMan};

const NOW: u64 = 1_740_672_000;

fn shop() -> (Shop, Arc<YesMan>) {
    let yes = Arc::new(YesMan::default());
    let token = Token::default_on(84532).unwrap();
    let buyer = LocalSigner::random().unwrap();
    (Shop::new(Arc::clone(&yes), token, SELLER, buyer, NOW), yes)
}

/// A payment by an authorization that was changed before it was signed, for the offer as it is.
async fn signed(shop: &Shop, change: impl FnOnce(&mut Authorization, &mut Exact)) -> Value {
    let offers = shop.offers().await.v2;
    let mut exact = Exact::from_v2(&offers.accepts[0]).unwrap();
    let nonce = B256::repeat_byte(7);
    let mut authorization = exact.authorization(shop.buyer.address(), 0, NOW + 60, nonce);
    change(&mut authorization, &mut exact);
    let signature = shop
        .buyer
        .sign(&authorization.digest(&exact.domain()))
        .unwrap();
    json!({ "signature": signature, "authorization": authorization })
}

async fn v2(shop: &Shop, payload: &Value) -> (StatusCode, String) {
    let offers = shop.offers().await.v2;
    let payment = json!({
        "x402Version": 2, "accepted": offers.accepts[0], "payload": payload,
    });
    let got = shop.pay_v2(&payment).await;
    (got.status, got.code())
}

async fn v1(shop: &Shop, payload: &Value) -> (StatusCode, String) {
    let payment = json!({
        "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload,
    });
    let got = shop.pay_v1(&payment).await;
    (got.status, got.code())
}

fn refused(code: &str) -> (StatusCode, String) {
    (StatusCode::PAYMENT_REQUIRED, code.to_owned())
}

fn served() -> (StatusCode, String) {
    (StatusCode::OK, String::new())
}

const VALUE: &str = "invalid_exact_evm_payload_authorization_value_mismatch";
const RECIPIENT: &str = "invalid_exact_evm_recipient_mismatch";
const SIGNATURE: &str = "invalid_exact_evm_signature";
const BEFORE: &str = "invalid_exact_evm_payload_authorization_valid_before";
const AFTER: &str = "invalid_exact_evm_payload_authorization_valid_after";
const USED: &str = "invalid_exact_evm_nonce_already_used";

#[tokio::test]
async fn an_honest_buyer_is_served_in_either_version() {
    let (shop, yes) = shop();
    let got = shop.pay_v2(&shop.sign_v2().await).await;
    assert_eq!(got.status, StatusCode::OK);
    let receipt = got.message("payment-response");
    assert_eq!(receipt["success"], true);
    assert_eq!(receipt["payer"], shop.buyer.address().to_string());
    let got = shop.pay_v1(&shop.sign_v1().await).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.message("x-payment-response")["network"], "base-sepolia");
    let calls: Vec<_> = yes
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(call, _)| *call)
        .collect();
    assert_eq!(calls, ["verify", "settle", "verify", "settle"]);
}

#[tokio::test]
async fn what_was_signed_must_be_what_was_asked() {
    let other = LocalSigner::random().unwrap().address();
    type Change = Box<dyn FnOnce(&mut Authorization, &mut Exact)>;
    let attacks: Vec<(Change, &str)> = vec![
        (Box::new(|a, _| a.value = U256::from(9_999)), VALUE),
        (Box::new(|a, _| a.value = U256::from(10_001)), VALUE),
        (Box::new(|a, _| a.value = U256::ZERO), VALUE),
        (Box::new(move |a, _| a.to = other), RECIPIENT),
        (Box::new(move |a, _| a.from = other), SIGNATURE),
        (Box::new(|_, e| e.chain_id = 8453), SIGNATURE),
        (Box::new(|_, e| e.name = "USD Coin".to_owned()), SIGNATURE),
        (Box::new(|_, e| e.version = "1".to_owned()), SIGNATURE),
        (Box::new(move |_, e| e.token = other), SIGNATURE),
        (
            Box::new(|a, _| a.valid_before = U256::from(NOW + 5)),
            BEFORE,
        ),
        (
            Box::new(|a, _| a.valid_before = U256::from(NOW + 121)),
            BEFORE,
        ),
        (Box::new(|a, _| a.valid_before = U256::MAX), BEFORE),
        (Box::new(|a, _| a.valid_before = U256::ZERO), BEFORE),
        (Box::new(|a, _| a.valid_after = U256::from(NOW + 1)), AFTER),
    ];
    for (change, code) in attacks {
        let (shop, yes) = shop();
        let payload = signed(&shop, change).await;
        assert_eq!(v2(&shop, &payload).await, refused(code), "{payload}");
        assert!(yes.0.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_window_is_closed_on_the_safe_side() {
    for (before, after) in [(NOW + 6, 0), (NOW + 120, NOW), (NOW + 60, NOW - 600)] {
        let (shop, _) = shop();
        let payload = signed(&shop, |authorization, _| {
            authorization.valid_before = U256::from(before);
            authorization.valid_after = U256::from(after);
        });
        assert_eq!(
            v2(&shop, &payload.await).await,
            served(),
            "{before} {after}"
        );
    }
}

#[tokio::test]
async fn v1_takes_more_than_the_price_and_never_less() {
    let (shop, yes) = shop();
    let less = signed(&shop, |a, _| a.value = U256::from(9_999)).await;
    assert_eq!(v1(&shop, &less).await, refused(VALUE));
    let more = signed(&shop, |a, _| a.value = U256::from(10_001)).await;
    assert_eq!(v2(&shop, &more).await, refused(VALUE));
    assert_eq!(v1(&shop, &more).await, served());
    assert_eq!(yes.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn one_authorization_is_good_once_whatever_it_comes_as() {
    let (shop, yes) = shop();
    let payload = signed(&shop, |_, _| {}).await;
    assert_eq!(v2(&shop, &payload).await, served());
    assert_eq!(v2(&shop, &payload).await, refused(USED));
    assert_eq!(v1(&shop, &payload).await, refused(USED));
    let mut spelled = payload.clone();
    let from = payload["authorization"]["from"]
        .as_str()
        .unwrap()
        .to_lowercase();
    spelled["authorization"]["from"] = json!(from);
    spelled["note"] = json!("not the same bytes");
    assert_eq!(v2(&shop, &spelled).await, refused(USED));
    // Not even with another validity signed over the same nonce.
    let longer = signed(&shop, |a, _| a.valid_before = U256::from(NOW + 61)).await;
    assert_eq!(v2(&shop, &longer).await, refused(USED));
    assert_eq!(yes.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_facilitator_sees_only_what_was_checked() {
    let (shop, yes) = shop();
    let clean = signed(&shop, |_, _| {}).await;
    let mut payload = clean.clone();
    for member in ["from", "to", "nonce"] {
        let text = clean["authorization"][member]
            .as_str()
            .unwrap()
            .to_lowercase();
        payload["authorization"][member] = json!(text);
    }
    payload["authorization"]["extra"] = json!({ "a": 1 });
    payload["more"] = json!("x");
    assert_eq!(v2(&shop, &payload).await, served());
    for (_, body) in yes.0.lock().unwrap().iter() {
        assert_eq!(body["paymentPayload"]["payload"], clean);
    }
}

#[tokio::test]
async fn other_kinds_of_payload_are_not_taken() {
    let (shop, yes) = shop();
    let good = signed(&shop, |_, _| {}).await;
    let with = |member: &str, value: Value| {
        let mut payload = good.clone();
        payload[member] = value;
        payload
    };
    let authorization = |member: &str, value: Value| {
        let mut payload = good.clone();
        payload["authorization"][member] = value;
        payload
    };
    for payload in [
        with("permit2Authorization", json!({})),
        with("delegationManager", json!("0x00")),
    ] {
        assert_eq!(
            v2(&shop, &payload).await,
            refused("unsupported_payload_type")
        );
    }
    for payload in [
        json!({}),
        with("signature", json!(null)),
        with("signature", json!(7)),
        with("authorization", json!([])),
        with("authorization", json!("x")),
        authorization("value", json!(10_000)),
        authorization("value", json!("010000")),
        authorization("value", json!("0x2710")),
        authorization("value", json!("+10000")),
        authorization("nonce", json!("0x01")),
        authorization("from", json!("0x01")),
        authorization("validBefore", json!(null)),
    ] {
        let malformed = (StatusCode::BAD_REQUEST, "invalid_payload".to_owned());
        assert_eq!(v2(&shop, &payload).await, malformed, "{payload}");
        assert_eq!(v1(&shop, &payload).await, malformed, "{payload}");
    }
    assert!(yes.0.lock().unwrap().is_empty());
    assert_eq!(v2(&shop, &good).await, served());
}
