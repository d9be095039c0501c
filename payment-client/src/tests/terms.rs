//! What sellers write into a 402.

use axum::response::Response;
use mpp_core::{Challenge, EncodedRequest};
use payment_evm::Token;
use serde_json::{Value, json};
use x402_core::wire;

use super::shop::{Step, answer};
use super::{CHAIN, NOW};

pub(super) const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
pub(super) const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(super) const REALM: &str = "api.example.com";

pub(super) fn usdc() -> Token {
    Token::default_on(CHAIN).unwrap()
}

/// One cent by x402 v2.
pub(super) fn exact() -> Value {
    json!({
        "scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": USDC,
        "payTo": PAY_TO, "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"},
    })
}

/// The header of a v2 402.
pub(super) fn required(accepts: &[Value]) -> String {
    let message = json!({
        "x402Version": 2, "resource": {"url": "https://api.example.com/weather"},
        "accepts": accepts,
    });
    wire::encode(&message).unwrap()
}

pub(super) fn v2(accepts: &[Value]) -> Step {
    Step::Answer(answer(
        402,
        &[("payment-required", &required(accepts))],
        "{}",
    ))
}

/// One cent by x402 v1.
pub(super) fn exact_v1() -> Value {
    json!({
        "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "10000",
        "asset": USDC, "payTo": PAY_TO, "resource": "https://api.example.com/weather",
        "description": "", "mimeType": "application/json", "outputSchema": null,
        "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"},
    })
}

pub(super) fn v1_body(accepts: &[Value]) -> String {
    json!({"x402Version": 1, "error": "X-PAYMENT header is required", "accepts": accepts})
        .to_string()
}

pub(super) fn v1(accepts: &[Value]) -> Step {
    Step::Answer(answer(402, &[], v1_body(accepts)))
}

/// One cent by MPP.
pub(super) fn charge() -> Value {
    json!({
        "amount": "10000", "currency": USDC, "recipient": PAY_TO,
        "methodDetails": {
            "chainId": CHAIN, "credentialTypes": ["authorization"], "decimals": 6,
        },
    })
}

pub(super) fn encoded(request: &Value) -> EncodedRequest {
    EncodedRequest::encode(request.as_object().unwrap()).unwrap()
}

/// A challenge that ends in five minutes.
pub(super) fn challenge(request: &Value) -> Challenge {
    let mut challenge =
        Challenge::new("aB3cDeF4gHiJkLmN", REALM, "evm", "charge", encoded(request));
    challenge.expires = Some(rfc3339(NOW + 300));
    challenge
}

pub(super) fn rfc3339(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap())
        .unwrap()
        .to_string()
}

pub(super) fn mpp(challenges: &[Challenge]) -> Step {
    let lines: Vec<String> = challenges.iter().map(|c| c.format().unwrap()).collect();
    mpp_lines(&lines)
}

pub(super) fn mpp_lines<T: AsRef<str>>(lines: &[T]) -> Step {
    let headers: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| ("www-authenticate", line.as_ref()))
        .collect();
    Step::Answer(answer(402, &headers, "{}"))
}

/// A 402 that can be paid by all three.
pub(super) fn all_protocols() -> Step {
    let challenge = challenge(&charge()).format().unwrap();
    let required = required(&[exact()]);
    let headers = [
        ("www-authenticate", &*challenge),
        ("payment-required", &*required),
    ];
    Step::Answer(answer(402, &headers, v1_body(&[exact_v1()])))
}

/// Content with a receipt of x402.
pub(super) fn settled(name: &str, receipt: &Value) -> Response {
    answer(200, &[(name, &wire::encode(receipt).unwrap())], "sunny")
}

pub(super) fn success() -> Value {
    json!({
        "success": true, "transaction": "0xabab", "network": "eip155:84532",
        "payer": super::signer().address().to_string(),
    })
}
