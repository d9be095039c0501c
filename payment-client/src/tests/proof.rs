//! A receipt counts when it fits what was paid.

use mpp_core::{Receipt, Settled};
use payment_core::Timestamp;
use serde_json::json;
use x402_core::wire;

use super::shop::{Shop, Step, answer};
use super::terms::*;
use super::{Bench, NOW};
use crate::{Contradiction, Proof};

async fn proof(refusal: Step, paid: Step) -> Proof {
    let shop = Shop::open([refusal, paid]).await;
    let reply = Bench::new().buyer().get(shop.url()).send().await.unwrap();
    reply.payment().unwrap().proof().clone()
}

#[tokio::test]
async fn an_x402_receipt_must_fit() {
    let good = success;
    let with = |key: &str, value: serde_json::Value| {
        let mut receipt = good();
        receipt[key] = value;
        receipt
    };
    let cases = [
        (good(), None),
        (with("network", json!("base-sepolia")), None),
        (with("amount", json!("10000")), None),
        (with("success", json!(false)), Some(Contradiction::Failure)),
        (
            with("success", json!("true")),
            Some(Contradiction::Unreadable),
        ),
        (
            with("transaction", json!("")),
            Some(Contradiction::Reference),
        ),
        (
            with("network", json!("eip155:8453")),
            Some(Contradiction::Network),
        ),
        (with("network", json!("")), Some(Contradiction::Network)),
        (with("payer", json!(PAY_TO)), Some(Contradiction::Payer)),
        (with("payer", json!("me")), Some(Contradiction::Payer)),
        (with("amount", json!("10001")), Some(Contradiction::Amount)),
        (with("amount", json!("0x2710")), Some(Contradiction::Amount)),
    ];
    for (receipt, wrong) in cases {
        let paid = Step::Answer(settled("payment-response", &receipt));
        match (proof(v2(&[exact()]), paid).await, wrong) {
            (Proof::Receipt(fits), None) => assert_eq!(fits.reference, "0xabab"),
            (found, wrong) => assert_eq!(Some(found), wrong.map(Proof::Contradicts), "{receipt}"),
        }
    }
}

#[tokio::test]
async fn two_receipts_or_garbage_are_none() {
    let good = wire::encode(&success()).unwrap();
    for headers in [
        vec![("payment-response", &*good), ("payment-response", &good)],
        vec![("payment-response", "e30=")],
        vec![("payment-response", "not base64!")],
    ] {
        let paid = Step::Answer(answer(200, &headers, ""));
        let found = proof(v2(&[exact()]), paid).await;
        assert_eq!(found, Proof::Contradicts(Contradiction::Unreadable));
    }
}

#[tokio::test]
async fn an_mpp_receipt_must_fit() {
    let offered = challenge(&charge());
    let now = Timestamp::from_seconds(NOW);
    let receipt = |method: &str, id: &str, chain: u64, reference: &str| {
        let settled = Settled::new(reference).member("chainId", chain);
        Receipt::of(settled, method, id, now).format()
    };
    let id = &*offered.id;
    let cases = [
        (receipt("evm", id, 84_532, "0xabab"), None),
        (
            receipt("evm", "another", 84_532, "0xabab"),
            Some(Contradiction::Challenge),
        ),
        (
            receipt("tempo", id, 84_532, "0xabab"),
            Some(Contradiction::Challenge),
        ),
        (
            receipt("evm", id, 8453, "0xabab"),
            Some(Contradiction::Network),
        ),
        (
            receipt("evm", id, 84_532, ""),
            Some(Contradiction::Reference),
        ),
        ("e30".to_owned(), Some(Contradiction::Unreadable)),
    ];
    for (receipt, wrong) in cases {
        let headers = [("payment-receipt", &*receipt)];
        let paid = Step::Answer(answer(200, &headers, ""));
        let found = proof(mpp(std::slice::from_ref(&offered)), paid).await;
        match (found, wrong) {
            (Proof::Receipt(fits), None) => assert_eq!(fits.reference, "0xabab"),
            (found, wrong) => assert_eq!(Some(found), wrong.map(Proof::Contradicts)),
        }
    }
}
