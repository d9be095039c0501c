//! Who is let in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::{Codes, Endpoint, Okx, OkxAccount};
use serde_json::{Value, json};

use crate::stage::{Reply, Stage};

const SUPPORTED: &str = "/api/v6/pay/x402/supported";

fn vector_cases() -> Vec<Value> {
    let file = vectors::load("okx_wire.json");
    vectors::cases(&file, "/hmac/vectors").to_vec()
}

/// Sends a case of the vectors as it stands there, but for its signature and body.
async fn send(stage: &Stage, case: &Value, sign: &str, body: &[u8]) -> Reply {
    let method = vectors::text(case, "method").to_uppercase();
    let mut draft = stage.signed(&method, vectors::text(case, "requestPath"), "");
    draft.body = body.to_vec();
    draft
        .replace("OK-ACCESS-SIGN", sign)
        .replace("OK-ACCESS-TIMESTAMP", vectors::text(case, "timestamp"))
        .send_as_is()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_published_signature_is_let_in() {
    let stage = Stage::new().await;
    let mut tally = vectors::Tally::new("okx hmac");
    for case in vector_cases() {
        let (sign, body) = (vectors::text(&case, "sign"), vectors::text(&case, "body"));
        let reply = send(&stage, &case, sign, body.as_bytes()).await;
        assert_ne!(reply.status, 401, "{}: {}", case["name"], reply.body);
        tally.ran();
    }
}

#[tokio::test]
async fn a_bit_of_signature_or_body_changed_is_refused() {
    let stage = Stage::new().await;
    let cases = vector_cases();
    let case = &cases[2];
    let (sign, body) = (vectors::text(case, "sign"), vectors::text(case, "body"));
    let mac = STANDARD.decode(sign).unwrap();
    for bit in 0..mac.len() * 8 {
        let mut mac = mac.clone();
        mac[bit / 8] ^= 1 << (bit % 8);
        let reply = send(&stage, case, &STANDARD.encode(mac), body.as_bytes()).await;
        assert_eq!((reply.status, reply.code()), (401, 50113), "bit {bit}");
    }
    for bit in 0..body.len() * 8 {
        let mut body = body.as_bytes().to_vec();
        body[bit / 8] ^= 1 << (bit % 8);
        let reply = send(&stage, case, sign, &body).await;
        assert_eq!((reply.status, reply.code()), (401, 50113), "bit {bit}");
    }
    assert!(stage.okx.calls().len() >= 256);
}

#[tokio::test]
async fn a_signature_covers_time_method_path_and_query() {
    let stage = Stage::new().await;
    let status = "/api/v6/pay/x402/settle/status?txHash=0x01";
    let mut other_query = stage.signed("GET", status, "");
    other_query.path = status.replace("0x01", "0x02");
    let mut other_path = stage.signed("GET", "/api/v6/pay/mpp/session/status", "");
    other_path.path = SUPPORTED.to_owned();
    let other_time = stage
        .signed("GET", SUPPORTED, "")
        .replace("OK-ACCESS-TIMESTAMP", "2026-03-30T10:00:00.001Z");
    let sign = stage
        .okx
        .account()
        .sign("2026-03-30T10:00:00.000Z", "POST", SUPPORTED, b"");
    let other_method = stage
        .signed("GET", SUPPORTED, "")
        .replace("OK-ACCESS-SIGN", &sign);
    for draft in [other_query, other_path, other_time, other_method] {
        let reply = draft.send_as_is().await.unwrap();
        assert_eq!((reply.status, reply.code()), (401, 50113));
    }
}

#[tokio::test]
async fn each_header_has_codes_of_its_own() {
    let stage = Stage::new().await;
    for (header, code) in [
        ("OK-ACCESS-KEY", 50103),
        ("OK-ACCESS-PASSPHRASE", 50104),
        ("OK-ACCESS-SIGN", 50106),
        ("OK-ACCESS-TIMESTAMP", 50107),
    ] {
        let missing = stage.signed("GET", SUPPORTED, "").without(header);
        let empty = stage.signed("GET", SUPPORTED, "").replace(header, "");
        for draft in [missing, empty] {
            let reply = draft.send_as_is().await.unwrap();
            assert_eq!((reply.status, reply.code()), (401, code), "{header}");
            assert_eq!(reply.body["data"], Value::Null);
        }
    }
    for (header, value, code) in [
        ("OK-ACCESS-KEY", "another", 50111),
        ("OK-ACCESS-PASSPHRASE", "another", 50105),
        ("OK-ACCESS-SIGN", "another", 50113),
        ("OK-ACCESS-TIMESTAMP", "1774864800", 50112),
        ("OK-ACCESS-TIMESTAMP", "2026-03-30T10:00:31.000Z", 50112),
        ("OK-ACCESS-TIMESTAMP", "2026-03-30T09:59:29.000Z", 50112),
    ] {
        let draft = stage.signed("GET", SUPPORTED, "").replace(header, value);
        let reply = draft.send_as_is().await.unwrap();
        assert_eq!(
            (reply.status, reply.code()),
            (401, code),
            "{header}: {value}"
        );
    }
}

#[tokio::test]
async fn a_repeated_header_is_refused() {
    let stage = Stage::new().await;
    let mut draft = stage.signed("GET", SUPPORTED, "");
    let key = draft.headers[0].clone();
    draft.headers.push(key);
    let reply = draft.send_as_is().await.unwrap();
    assert_eq!((reply.status, reply.code()), (401, 50111));
}

#[tokio::test]
async fn a_path_or_method_that_is_not_there_is_not_found() {
    let stage = Stage::new().await;
    for (method, path) in [
        ("GET", "//api/v6/pay/x402/supported"),
        ("GET", "/api/v6/x402/supported"),
        ("GET", "/api/v6/pay/x402/verify"),
        ("POST", "/api/v6/pay/mpp/session/voucher"),
    ] {
        let reply = stage.try_send(method, path, "").await.unwrap();
        assert_eq!((reply.status, reply.code()), (404, 50404), "{path}");
    }
}

#[tokio::test]
async fn a_posted_body_is_an_object_and_says_json() {
    let stage = Stage::new().await;
    let path = Endpoint::Verify.path();
    let text = stage
        .signed("POST", path, "{}")
        .replace("Content-Type", "text/plain");
    let untyped = stage.signed("POST", path, "{}").without("Content-Type");
    let list = stage.signed("POST", path, "[]");
    let half = stage.signed("POST", path, "{");
    for draft in [text, untyped, list, half] {
        let reply = draft.send_as_is().await.unwrap();
        assert_eq!((reply.status, reply.code()), (400, 51000));
    }
}

#[tokio::test]
async fn codes_can_be_texts() {
    let stage = Stage::with(Okx::builder().codes(Codes::Text)).await;
    let reply = stage.get(Endpoint::Supported, "").await;
    assert_eq!(reply.body["code"], json!("0"));
    let reply = stage.post(Endpoint::SessionSettle, &json!({})).await;
    assert_eq!(reply.body["code"], json!("70000"));
}

#[tokio::test]
async fn only_the_accounts_it_was_given_are_let_in() {
    let account = OkxAccount::new("key", "secret", "passphrase");
    let stage = Stage::with(Okx::builder().account(account)).await;
    stage.get(Endpoint::Supported, "").await.data();
    let stranger = OkxAccount::default();
    let draft = stage
        .signed("GET", SUPPORTED, "")
        .replace("OK-ACCESS-KEY", &stranger.key);
    assert_eq!(draft.send_as_is().await.unwrap().code(), 50111);
}

#[tokio::test]
async fn a_call_is_noted_with_its_headers_and_shows_no_secret() {
    let stage = Stage::new().await;
    stage
        .post(Endpoint::Verify, &json!({"x402Version": 2}))
        .await;
    let calls = stage.okx.calls();
    assert_eq!(calls[0].endpoint, Endpoint::Verify);
    assert_eq!(calls[0].body, json!({"x402Version": 2}));
    assert_eq!(calls[0].header("ok-access-passphrase"), "Passw0rd!");
    let shown = format!("{calls:?} {:?} {:?}", stage.okx, stage.okx.account());
    for secret in [
        "Passw0rd!",
        "0123456789ABCDEF",
        calls[0].header("ok-access-sign"),
    ] {
        assert!(!shown.contains(secret));
    }
}
