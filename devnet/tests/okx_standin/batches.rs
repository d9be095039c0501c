//! Payments that are promised with a session key and land in a batch.

use std::time::Duration;

use alloy_primitives::{B256, U256};
use alloy_sol_types::SolCall;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devnet::ITollToken;
use devnet::okx::{Endpoint, SessionBuyer};
use serde_json::{Value, json};

use crate::stage::{PRICE, Stage, transfer_digest, with, without};

const SETTLE: Endpoint = Endpoint::Settle;

fn buyer(stage: &Stage) -> SessionBuyer {
    stage.okx.session_wallet(&stage.payer).unwrap()
}

fn payment(stage: &Stage, buyer: &SessionBuyer) -> Value {
    let required = stage.requirements("aggr_deferred");
    json!({
        "x402Version": 2, "paymentPayload": buyer.pay(&required),
        "paymentRequirements": required,
    })
}

#[tokio::test]
async fn promises_land_as_one_transfer_to_each_payee() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    for _ in 0..3 {
        let body = payment(&stage, &buyer);
        for endpoint in [Endpoint::Verify, Endpoint::VerifySignature] {
            assert_eq!(
                stage.post(endpoint, &body).await.data()["isValid"],
                json!(true)
            );
        }
        let reply = stage.post(SETTLE, &body).await;
        assert_eq!(reply.data()["success"], json!(true));
        assert_eq!(reply.data()["status"], "success");
        assert_eq!(reply.data()["transaction"], "");
    }
    assert_eq!(stage.balance(stage.payee.address), 0);
    let landings = stage.okx.land_batch();
    assert_eq!(landings.len(), 1);
    assert_eq!(landings[0].amount, U256::from(3 * PRICE));
    assert_eq!(stage.balance(stage.payee.address), 3 * PRICE);
    let query = format!("?txHash={}", landings[0].transaction.unwrap());
    let reply = stage.get(Endpoint::SettleStatus, &query).await;
    assert_eq!(reply.data()["status"], "success");
    assert!(stage.okx.land_batch().is_empty());
}

#[tokio::test]
async fn a_promise_is_taken_once() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    let body = payment(&stage, &buyer);
    let first = stage.post(SETTLE, &body).await;
    assert_eq!(stage.post(SETTLE, &body).await, first);
    let pointer = "/paymentPayload/resource";
    let reworded = with(&body, pointer, json!({"url": "https://other.example"}));
    assert_eq!(stage.post(SETTLE, &reworded).await.reason(), "nonce_used");
    assert_eq!(
        stage.post(Endpoint::Verify, &body).await.reason(),
        "nonce_used"
    );
    let landings = stage.okx.land_batch();
    assert_eq!(landings[0].amount, U256::from(PRICE));
}

#[tokio::test]
async fn promises_may_not_exceed_the_purse() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    let left = U256::from(stage.balance(stage.payer.address) - 2 * PRICE);
    stage
        .net
        .chain
        .transfer(stage.token(), &stage.payer, stage.other.address, left)
        .unwrap();
    for _ in 0..2 {
        stage.post(SETTLE, &payment(&stage, &buyer)).await.data();
    }
    let reply = stage.post(SETTLE, &payment(&stage, &buyer)).await;
    assert_eq!(reply.reason(), "insufficient_balance");
    assert_eq!(stage.okx.land_batch()[0].amount, U256::from(2 * PRICE));
    assert_eq!(stage.balance(stage.payer.address), 0);
}

#[tokio::test]
async fn what_cannot_be_taken_stays_owed() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    stage.post(SETTLE, &payment(&stage, &buyer)).await.data();
    let held = U256::from(stage.balance(stage.payer.address));
    let chain = &stage.net.chain;
    let (token, other) = (stage.token(), stage.other.address);
    chain.transfer(token, &stage.payer, other, held).unwrap();
    assert_eq!(stage.okx.land_batch()[0].transaction, None);
    chain.mint(token, stage.payer.address, held).unwrap();
    assert!(stage.okx.land_batch()[0].transaction.is_some());
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}

#[tokio::test]
async fn a_wallet_that_was_never_enlisted_is_not_found() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    let body = payment(&stage, &buyer);
    let revoke = ITollToken::approveCall {
        spender: stage.net.settler.address,
        value: U256::ZERO,
    };
    let chain = &stage.net.chain;
    chain
        .send(&stage.payer, stage.token(), revoke.abi_encode())
        .unwrap();
    let reply = stage.post(SETTLE, &body).await;
    assert_eq!((reply.status, reply.code()), (200, 10002));
}

#[tokio::test]
async fn a_signature_or_certificate_that_is_not_the_payers_is_refused() {
    let stage = Stage::new().await;
    let buyer = buyer(&stage);
    let body = payment(&stage, &buyer);
    let other = stage.okx.session_wallet(&stage.other).unwrap();
    let certificate = "/paymentPayload/accepted/extra/sessionCert";
    let signature = "/paymentPayload/payload/signature";
    let digest = transfer_digest(&stage.net, &stage.transfer(stage.payee.address, PRICE, 1));
    for (body, reason) in [
        (
            with(&body, certificate, json!(other.certificate())),
            "invalid_signature",
        ),
        (with(&body, certificate, json!("AA==")), "invalid_signature"),
        (
            with(&body, certificate, json!(spoilt(&buyer))),
            "invalid_signature",
        ),
        (
            with(&body, signature, json!(other.sign(digest))),
            "invalid_signature",
        ),
        (
            with(&body, signature, json!(buyer.sign(B256::ZERO))),
            "invalid_signature",
        ),
        (with(&body, signature, json!("0x00")), "invalid_signature"),
        (without(&body, certificate), "param_mismatch"),
        (
            with(
                &body,
                "/paymentPayload/payload/authorization/validBefore",
                json!("1790000000"),
            ),
            "param_mismatch",
        ),
        (
            with(
                &body,
                "/paymentRequirements/extra/sessionCert",
                json!(buyer.certificate()),
            ),
            "param_mismatch",
        ),
    ] {
        assert_eq!(stage.post(SETTLE, &body).await.reason(), reason);
        assert_eq!(stage.post(Endpoint::Verify, &body).await.reason(), reason);
    }
    assert!(stage.okx.land_batch().is_empty());
    stage.net.chain.advance(Duration::from_secs(86_400));
    assert_eq!(
        stage.post(SETTLE, &body).await.reason(),
        "invalid_signature"
    );
}

/// The buyer's certificate with a later end, under the old signature.
fn spoilt(buyer: &SessionBuyer) -> String {
    let bytes = STANDARD.decode(buyer.certificate()).unwrap();
    let mut certificate: Value = serde_json::from_slice(&bytes).unwrap();
    certificate["expiry"] = json!(certificate["expiry"].as_u64().unwrap() + 1);
    STANDARD.encode(certificate.to_string())
}

#[tokio::test]
async fn a_session_buyer_shows_no_key() {
    let stage = Stage::new().await;
    let shown = format!("{:?}", buyer(&stage));
    assert!(shown.len() < 100, "{shown}");
}
