#![allow(clippy::unwrap_used)]

use payment_evm::LocalSigner;
use serde_json::{Value, json};

use super::*;

fn offer_v2() -> v2::PaymentRequirements {
    let file = vectors::load("x402_core.json");
    serde_json::from_value(file["matching"]["advertised"][0].clone()).unwrap()
}

fn offer_v1() -> v1::PaymentRequirements {
    let file = vectors::load("x402_core.json");
    let body = &file["messages"]["v1"]["PaymentRequired"];
    serde_json::from_value(body["accepts"][0].clone()).unwrap()
}

const NOW: Timestamp = Timestamp::from_seconds(1_740_672_000);

fn read(payload: &RawValue) -> (Authorization, payment_evm::EvmSignature) {
    crate::payload::read(payload).unwrap()
}

#[tokio::test]
async fn a_v2_payment_is_signed_for_the_offer() {
    let signer = LocalSigner::random().unwrap();
    let resource = v2::ResourceInfo::new("https://api.example.com/premium-data");
    let payment = pay_v2(&resource, &offer_v2(), &signer, NOW).await.unwrap();
    assert_eq!(payment.accepted, offer_v2());
    assert_eq!(payment.resource, Some(resource.clone()));
    let (authorization, signature) = read(&payment.payload);
    let exact = Exact::from_v2(&offer_v2()).unwrap();
    authorization
        .check_signature(&exact.domain(), &signature)
        .unwrap();
    assert_eq!(authorization.from, signer.address());
    assert_eq!(authorization.to, exact.pay_to);
    assert_eq!(authorization.value, U256::from(10_000));
    assert_eq!(authorization.valid_after, U256::ZERO);
    assert_eq!(authorization.valid_before, U256::from(NOW.seconds() + 60));
    let again = pay_v2(&resource, &offer_v2(), &signer, NOW).await.unwrap();
    assert_ne!(read(&again.payload).0.nonce, authorization.nonce);
}

#[tokio::test]
async fn a_v1_payment_begins_in_the_past() {
    let signer = LocalSigner::random().unwrap();
    let payment = pay_v1(&offer_v1(), &signer, NOW).await.unwrap();
    assert_eq!(
        (&*payment.scheme, &*payment.network),
        ("exact", "base-sepolia")
    );
    let (authorization, signature) = read(&payment.payload);
    let exact = Exact::from_v1(&offer_v1()).unwrap();
    authorization
        .check_signature(&exact.domain(), &signature)
        .unwrap();
    assert_eq!(authorization.valid_after, U256::from(NOW.seconds() - 600));
    assert_eq!(authorization.valid_before, U256::from(NOW.seconds() + 60));
}

#[test]
fn the_digest_is_that_of_the_vectors() {
    let file = vectors::load("x402_core.json");
    let case = &vectors::cases(&file, "/eip3009/cases")[0];
    let authorization: Authorization =
        serde_json::from_value(case["authorization"].clone()).unwrap();
    let exact = Exact::from_v2(&offer_v2()).unwrap();
    let digest = authorization.digest(&exact.domain());
    assert_eq!(digest.to_string(), vectors::text(case, "digest"));
}

#[test]
fn offers_of_other_kinds_are_not_signed() {
    let offer = |member: &str, value: Value| {
        let mut json = serde_json::to_value(offer_v2()).unwrap();
        json[member] = value;
        Exact::from_v2(&serde_json::from_value(json).unwrap())
    };
    let extra = |key: &str, value: &str| {
        offer(
            "extra",
            json!({ "name": "USDC", "version": "2", key: value }),
        )
    };
    assert!(matches!(
        offer("scheme", json!("upto")),
        Err(BuyError::Scheme)
    ));
    assert!(matches!(
        offer("network", json!("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp")),
        Err(BuyError::Network)
    ));
    assert!(matches!(
        offer("network", json!("base")),
        Err(BuyError::Network)
    ));
    assert!(matches!(offer("amount", json!("0")), Err(BuyError::Amount)));
    assert!(matches!(
        offer("amount", json!("-1")),
        Err(BuyError::Amount)
    ));
    assert!(matches!(
        offer("payTo", json!("merchant")),
        Err(BuyError::Address)
    ));
    assert!(matches!(offer("extra", json!({})), Err(BuyError::Domain)));
    assert!(matches!(
        extra("assetTransferMethod", "permit2"),
        Err(BuyError::Method)
    ));
    assert!(matches!(
        extra("paymentFlow", "escrow"),
        Err(BuyError::Method)
    ));
    assert!(extra("assetTransferMethod", "eip3009").is_ok());
}
