//! Payments of the facilitator that settle at once.

use std::time::Duration;

use alloy_primitives::{Address, U256, hex};
use devnet::okx::{Act, Endpoint, Okx, Repeats};
use serde_json::{Value, json};

use crate::stage::{NOW, PRICE, Stage, with, without};
use crate::support::sign;

fn sync(body: &Value) -> Value {
    with(body, "/syncSettle", json!(true))
}

#[tokio::test]
async fn both_schemes_are_supported_on_its_chain() {
    let stage = Stage::new().await;
    let reply = stage.get(Endpoint::Supported, "").await;
    let kinds = reply.data()["kinds"].as_array().unwrap();
    let schemes: Vec<_> = kinds.iter().map(|kind| kind["scheme"].clone()).collect();
    assert_eq!(schemes, ["exact", "aggr_deferred"]);
    assert!(kinds.iter().all(|kind| kind["network"] == "eip155:196"));
}

#[tokio::test]
async fn verifying_moves_nothing_and_settling_moves_the_price() {
    let stage = Stage::new().await;
    let body = stage.exact(1);
    let before = stage.balance(stage.payer.address);
    for endpoint in [Endpoint::Verify, Endpoint::VerifySignature] {
        let reply = stage.post(endpoint, &body).await;
        assert_eq!(reply.data()["isValid"], json!(true));
        assert_eq!(
            reply.data()["payer"],
            json!(stage.payer.address.to_checksum(None))
        );
    }
    assert_eq!(stage.balance(stage.payee.address), 0);
    let reply = stage.post(Endpoint::Settle, &sync(&body)).await;
    assert_eq!(reply.data()["success"], json!(true));
    assert_eq!(reply.data()["status"], "success");
    assert_eq!(reply.data()["amount"], PRICE.to_string());
    assert_eq!(stage.balance(stage.payee.address), PRICE);
    assert_eq!(stage.balance(stage.payer.address), before - PRICE);
}

#[tokio::test]
async fn an_asynchronous_settlement_is_pending_and_found_by_its_hash() {
    let stage = Stage::new().await;
    let reply = stage.post(Endpoint::Settle, &stage.exact(1)).await;
    assert_eq!(reply.data()["status"], "pending");
    let hash = reply.data()["transaction"].as_str().unwrap();
    let query = format!("?txHash={hash}");
    stage.okx.keep_pending(2);
    for status in ["pending", "pending", "success"] {
        let reply = stage.get(Endpoint::SettleStatus, &query).await;
        assert_eq!(reply.data()["success"], json!(true));
        assert_eq!(reply.data()["status"], status);
    }
}

#[tokio::test]
async fn a_settlement_that_is_not_mined_times_out_and_is_pending_until_it_is() {
    let stage = Stage::new().await;
    stage.net.chain.pause_mining(true);
    let reply = stage.post(Endpoint::Settle, &sync(&stage.exact(1))).await;
    assert_eq!(reply.data()["status"], "timeout");
    let query = format!("?txHash={}", reply.data()["transaction"].as_str().unwrap());
    let reply = stage.get(Endpoint::SettleStatus, &query).await;
    assert_eq!(reply.data()["status"], "pending");
    stage.net.chain.pause_mining(false);
    let reply = stage.get(Endpoint::SettleStatus, &query).await;
    assert_eq!(reply.data()["status"], "success");
    assert_eq!(stage.balance(stage.payee.address), PRICE);
    let again = stage.post(Endpoint::Settle, &sync(&stage.exact(1))).await;
    assert_eq!(again.data()["status"], "success");
}

#[tokio::test]
async fn a_hash_it_does_not_know_is_not_found() {
    let stage = Stage::new().await;
    let query = format!("?txHash=0x{}", "ab".repeat(32));
    let reply = stage.get(Endpoint::SettleStatus, &query).await;
    assert_eq!(reply.reason(), "not_found");
    assert_eq!(stage.get(Endpoint::SettleStatus, "").await.code(), 50014);
    let reply = stage.get(Endpoint::SettleStatus, "?txHash=0x12").await;
    assert_eq!(reply.code(), 51000);
}

#[tokio::test]
async fn a_repeated_settlement_gets_the_first_answer_and_pays_once() {
    let stage = Stage::new().await;
    let body = sync(&stage.exact(1));
    let first = stage.post(Endpoint::Settle, &body).await;
    let second = stage.post(Endpoint::Settle, &body).await;
    assert_eq!(first, second);
    assert_eq!(stage.balance(stage.payee.address), PRICE);
    assert_eq!(
        stage.post(Endpoint::Verify, &body).await.reason(),
        "nonce_used"
    );
}

#[tokio::test]
async fn repeats_can_be_refused_as_in_process_and_then_as_used() {
    let stage = Stage::with(Okx::builder().repeats(Repeats::Refused)).await;
    let body = sync(&stage.exact(1));
    stage.post(Endpoint::Settle, &body).await.data();
    let reply = stage.post(Endpoint::Settle, &body).await;
    assert_eq!(reply.reason(), "payment processing");
    stage.net.chain.advance(Duration::from_secs(61));
    let reply = stage.post(Endpoint::Settle, &body).await;
    assert_eq!(reply.reason(), "nonce_used");
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_reason_and_moves_nothing() {
    let stage = Stage::new().await;
    let body = stage.exact(1);
    let stranger = json!(Address::repeat_byte(9));
    let (required, accepted) = ("/paymentRequirements", "/paymentPayload/accepted");
    let terms = "/paymentPayload/payload/authorization";
    let both = |member: &str, value: Value| {
        let body = with(&body, &format!("{required}/{member}"), value.clone());
        with(&body, &format!("{accepted}/{member}"), value)
    };
    let cases = [
        (with(&body, "/x402Version", json!(1)), "param_mismatch"),
        (with(&body, "/x402Version", json!("2")), "param_mismatch"),
        (without(&body, required), "param_mismatch"),
        (without(&body, accepted), "param_mismatch"),
        (both("scheme", json!("upto")), "param_mismatch"),
        (both("network", json!("eip155:8453")), "unsupported_chain"),
        (
            both("asset", stranger.clone()),
            "no matching payment option",
        ),
        (both("amount", json!(10_000)), "param_mismatch"),
        (both("amount", json!("9999")), "amount mismatch"),
        (both("payTo", stranger.clone()), "toAddr mismatch"),
        (both("payTo", json!(Address::ZERO)), "toAddr mismatch"),
        (both("maxTimeoutSeconds", json!("300")), "param_mismatch"),
        (
            both("extra", json!({"name": "USDT", "version": "1"})),
            "param_mismatch",
        ),
        (
            with(&body, &format!("{accepted}/amount"), json!("1")),
            "amount mismatch",
        ),
        (
            with(&body, &format!("{accepted}/payTo"), stranger),
            "toAddr mismatch",
        ),
        (
            with(&body, &format!("{accepted}/maxTimeoutSeconds"), json!(301)),
            "param_mismatch",
        ),
        (
            with(&body, &format!("{required}/extra/more"), json!(1)),
            "param_mismatch",
        ),
        (
            with(
                &body,
                &format!("{required}/extra/sessionCert"),
                json!("AA=="),
            ),
            "param_mismatch",
        ),
        (
            with(&body, &format!("{terms}/value"), json!(10_000)),
            "param_mismatch",
        ),
        (
            with(&body, &format!("{terms}/value"), json!("10001")),
            "amount mismatch",
        ),
        (without(&body, &format!("{terms}/nonce")), "param_mismatch"),
        (with(&body, "/syncSettle", json!("true")), "param_mismatch"),
    ];
    for (body, reason) in cases {
        let reply = stage.post(Endpoint::Settle, &body).await;
        assert_eq!(reply.reason(), reason, "{body}");
        if body.get("syncSettle").is_none() {
            assert_eq!(stage.post(Endpoint::Verify, &body).await.reason(), reason);
        }
    }
    assert_eq!(stage.balance(stage.payee.address), 0);
    let more = with(&body, &format!("{accepted}/extra/more"), json!(1));
    assert_eq!(
        stage.post(Endpoint::Verify, &more).await.data()["isValid"],
        json!(true)
    );
}

#[tokio::test]
async fn what_cannot_move_is_refused_with_its_reason() {
    let stage = Stage::new().await;
    let honest = || stage.transfer(stage.payee.address, PRICE, 1);
    let mut late = honest();
    late.validBefore = U256::from(NOW);
    let mut early = honest();
    early.validAfter = U256::from(NOW);
    let foreign = sign(&stage.net, &stage.other, &honest());
    let pointer = "/paymentPayload/payload/signature";
    let signed = with(
        &stage.exact(1),
        pointer,
        json!(hex::encode_prefixed(foreign)),
    );
    let compact = hex::encode_prefixed(&sign(&stage.net, &stage.payer, &honest())[..64]);
    let compact = with(&stage.exact(1), pointer, json!(compact));
    let malleable = with(&stage.exact(1), pointer, json!(high_s(&stage)));
    for (body, reason) in [
        (stage.exact_by(&late), "expired"),
        (stage.exact_by(&early), "not_yet_valid"),
        (signed, "invalid_signature"),
        (compact, "invalid_signature"),
        (malleable, "invalid_signature"),
    ] {
        assert_eq!(stage.post(Endpoint::Verify, &body).await.reason(), reason);
        assert_eq!(stage.post(Endpoint::Settle, &body).await.reason(), reason);
        if reason == "invalid_signature" {
            let reply = stage.post(Endpoint::VerifySignature, &body).await;
            assert_eq!(reply.reason(), reason);
        }
    }
    let held = U256::from(stage.balance(stage.payer.address));
    stage
        .net
        .chain
        .transfer(stage.token(), &stage.payer, stage.other.address, held)
        .unwrap();
    let reply = stage.post(Endpoint::Settle, &stage.exact(1)).await;
    assert_eq!(reply.reason(), "insufficient_balance");
    stage.okx.block(stage.payer.address);
    let reply = stage.post(Endpoint::Verify, &stage.exact(1)).await;
    assert_eq!(reply.reason(), "payer_blocked");
}

/// The payment's signature with s mirrored and v changed: as true, and not canonical.
fn high_s(stage: &Stage) -> String {
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    )
    .unwrap();
    let message = stage.transfer(stage.payee.address, PRICE, 1);
    let mut signature = sign(&stage.net, &stage.payer, &message);
    let s = order - U256::from_be_slice(&signature[32..64]);
    signature[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    signature[64] = 55 - signature[64];
    hex::encode_prefixed(signature)
}

#[tokio::test]
async fn a_signature_alone_needs_no_requirements_and_no_money() {
    let stage = Stage::new().await;
    stage.post(Endpoint::Settle, &stage.exact(1)).await.data();
    let body = without(&stage.exact(1), "/paymentRequirements");
    let reply = stage.post(Endpoint::VerifySignature, &body).await;
    assert_eq!(reply.data()["isValid"], json!(true));
}

#[tokio::test]
async fn the_published_settlement_settles() {
    let stage = Stage::new().await;
    let file = vectors::load("okx_wire.json");
    for (endpoint, name) in [
        (Endpoint::Verify, "verifyBody"),
        (Endpoint::Settle, "settleBody"),
    ] {
        let body = file["x402"][name].as_str().unwrap();
        let reply = stage.try_send("POST", endpoint.path(), body).await.unwrap();
        reply.data();
    }
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}

#[tokio::test]
async fn a_settlement_can_be_said_to_be_pending_though_it_was_to_wait() {
    let stage = Stage::new().await;
    stage.okx.order(Endpoint::Settle, Act::Pending);
    let reply = stage.post(Endpoint::Settle, &sync(&stage.exact(1))).await;
    assert_eq!(reply.data()["status"], "pending");
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}
