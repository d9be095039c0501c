//! One authorization, shown as an MPP charge and as an x402 payment: it pays one of them, once.

use std::sync::Arc;

use alloy_primitives::{B256, U256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::{Act, Endpoint, Repeats};
use mpp_evm::session::MemoryChannelStore;
use serde_json::{Value, json};

use crate::purse::header;
use crate::shop::{CENT, Header, Plan, Protocols, Shop, token};

fn both() -> Plan {
    Plan {
        protocols: Protocols::Both,
        ..Plan::default()
    }
}

/// The same signature as a charge in OKX's form, and as an x402 payment, at a time when it is good
/// as both: a charge's outlives its challenge by a minute, a payment's is of five minutes at most.
async fn twins(shop: &Shop, path: &str, nonce: u8) -> [Header; 2] {
    let unpaid = shop.get(path, &[]).await;
    let mut authorization = shop.authorization(shop.seller(), CENT, B256::repeat_byte(nonce));
    authorization.valid_before = U256::from(shop.now().seconds() + 360);
    let digest = authorization.digest(&token().domain());
    let mut signed = json!(authorization);
    signed["signature"] = json!(shop.payer.sign(&digest).unwrap());
    shop.advance(100);
    let mut charge = signed.clone();
    charge["type"] = "eip-3009".into();
    let charge = json!({"type": "transaction", "authorization": charge});
    let charge = header(&unpaid.challenge("charge"), None, &charge);
    let offers = STANDARD.decode(unpaid.header("payment-required")).unwrap();
    let offers: Value = serde_json::from_slice(&offers).unwrap();
    let signature = signed.as_object_mut().unwrap().remove("signature");
    let payment = json!({
        "x402Version": 2,
        "resource": offers["resource"],
        "accepted": offers["accepts"][0],
        "payload": {"signature": signature, "authorization": signed},
    });
    let payment = ("payment-signature", STANDARD.encode(payment.to_string()));
    [charge, payment]
}

#[tokio::test]
async fn an_authorization_pays_by_one_protocol_and_then_by_no_other() {
    for path in ["/cheap", "/first"] {
        for first in [0, 1] {
            let shop = Shop::planned(both()).await;
            let twins = twins(&shop, path, 1).await;
            let paid = shop.get(path, std::slice::from_ref(&twins[first])).await;
            assert_eq!(paid.status, 200, "{path} {first}: {}", paid.word());
            for twin in &twins {
                let answer = shop.settled(path, twin).await;
                assert_eq!(answer.status, 402, "{path} {first}");
                answer.is_a_no();
            }
            let answer = shop.get(path, &twins).await;
            assert_ne!(answer.status, 200, "both at once");
            assert_eq!(shop.kitchen.runs(), 1);
            shop.holds(CENT, 0, 0);
        }
    }
}

/// By a seller whose two services share nothing but the payee.
#[tokio::test]
async fn an_authorization_that_was_settled_by_one_protocol_pays_nothing_by_the_other_elsewhere() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        for first in [0, 1] {
            let shop = Shop::where_repeats_are(repeats, both()).await;
            let store = Arc::new(MemoryChannelStore::default());
            let elsewhere = Shop::keeping(Arc::clone(&shop.town), &both(), store);
            let twins = twins(&shop, "/first", 1).await;
            let paid = elsewhere
                .get("/first", std::slice::from_ref(&twins[first]))
                .await;
            assert_eq!(paid.status, 200, "{}", paid.word());
            for _ in 0..2 {
                let answer = shop.settled("/first", &twins[1 - first]).await;
                assert_ne!(answer.status, 200, "{repeats:?} {first}");
                answer.is_a_no();
            }
            assert_eq!(shop.kitchen.runs(), 0);
            shop.holds(CENT, 0, 0);
        }
    }
}

/// The outcome of one is not known: the other neither frees it nor is served beside it.
#[tokio::test]
async fn a_payment_of_unknown_outcome_is_not_made_good_twice_by_the_other_protocol() {
    for act in [Act::CloseBefore, Act::CloseAfter] {
        for first in [0, 1] {
            let shop = Shop::planned(both()).await;
            let twins = twins(&shop, "/first", 1).await;
            let endpoint = [Endpoint::ChargeSettle, Endpoint::Settle][first];
            shop.okx.order(endpoint, act.clone());
            let answer = shop
                .get("/first", std::slice::from_ref(&twins[first]))
                .await;
            assert_eq!(answer.status, 503, "{act:?} {first}");
            let other = shop.settled("/first", &twins[1 - first]).await;
            let mut served = usize::from(other.status == 200);
            for _ in 0..2 {
                for twin in [&twins[first], &twins[1 - first]] {
                    let answer = shop.settled("/first", twin).await;
                    served += usize::from(answer.status == 200);
                }
            }
            assert_eq!((served, shop.kitchen.runs()), (1, 1), "{act:?} {first}");
            shop.holds(CENT, 0, 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_at_once_are_one_payment() {
    for nonce in 1..=8 {
        let shop = Shop::planned(both()).await;
        let [charge, payment] = twins(&shop, "/first", nonce).await;
        let answers = tokio::join!(
            tokio::spawn(shop.send_owned("/first", &charge)),
            tokio::spawn(shop.send_owned("/first", &payment)),
        );
        let answers = [answers.0.unwrap(), answers.1.unwrap()];
        let served = answers.iter().filter(|answer| answer.status == 200);
        assert_eq!((served.count(), shop.kitchen.runs()), (1, 1));
        shop.holds(CENT, 0, 0);
    }
}
