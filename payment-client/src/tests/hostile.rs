//! Offers that are meant to make a buyer sign what it should not.

use serde_json::{Value, json};

use super::limits::skipped;
use super::shop::{Shop, Step, answer, step};
use super::terms::*;
use super::{Bench, NOW};
use crate::Skip;

fn changed(mut offer: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    offer.pointer_mut(parent).unwrap()[key] = value;
    offer
}

#[tokio::test]
async fn x402_offers_out_of_line_are_not_paid() {
    let buyer = Bench::new().buyer();
    let cases = [
        ("/amount", json!("0"), Skip::Amount),
        ("/amount", json!("-1"), Skip::Amount),
        ("/amount", json!("010000"), Skip::Amount),
        ("/amount", json!("1e4"), Skip::Amount),
        ("/scheme", json!("upto"), Skip::Scheme),
        (
            "/network",
            json!("solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
            Skip::Network,
        ),
        ("/network", json!("base-sepolia"), Skip::Network),
        ("/asset", json!(PAY_TO), Skip::Token),
        (
            "/payTo",
            json!("0x0000000000000000000000000000000000000000"),
            Skip::Payee,
        ),
        ("/payTo", json!("merchant"), Skip::Unreadable),
        ("/maxTimeoutSeconds", json!(3601), Skip::TooLong),
        ("/maxTimeoutSeconds", json!(u64::MAX), Skip::TooLong),
        ("/maxTimeoutSeconds", json!(0), Skip::Expired),
        ("/extra/name", json!("USD Coin"), Skip::TokenDescription),
        ("/extra/version", json!("1"), Skip::TokenDescription),
        ("/extra/decimals", json!(18), Skip::TokenDescription),
        (
            "/extra/assetTransferMethod",
            json!("permit2"),
            Skip::Transfer,
        ),
        (
            "/extra/assetTransferMethod",
            json!(["permit2"]),
            Skip::Transfer,
        ),
        ("/extra/paymentFlow", json!("escrow"), Skip::Transfer),
    ];
    for (pointer, value, want) in cases {
        let offer = changed(exact(), pointer, value.clone());
        assert_eq!(
            skipped(&buyer, v2(&[offer])).await,
            [want],
            "{pointer} {value}"
        );
    }
    let v1_cases = [
        ("/maxAmountRequired", json!("0"), Skip::Amount),
        ("/network", json!("eip155:84532"), Skip::Network),
        ("/network", json!("solana"), Skip::Network),
        ("/maxTimeoutSeconds", json!(3601), Skip::TooLong),
        ("/extra/name", json!("USD Coin"), Skip::TokenDescription),
    ];
    for (pointer, value, want) in v1_cases {
        let offer = changed(exact_v1(), pointer, value.clone());
        assert_eq!(
            skipped(&buyer, v1(&[offer])).await,
            [want],
            "v1 {pointer} {value}"
        );
    }
}

#[tokio::test]
async fn one_bad_offer_spoils_only_itself() {
    let bad = changed(exact(), "/amount", json!("0"));
    let shop = Shop::open([v2(&[bad, exact()]), step(200, &[])]).await;
    let reply = Bench::new().buyer().get(shop.url()).send().await.unwrap();
    assert!(reply.payment().is_some());
}

#[tokio::test]
async fn an_unreadable_header_is_not_replaced_by_the_body() {
    let good = required(&[exact()]);
    let twice = format!("{good},{good}");
    let v1_in_header = x402_core::wire::encode(&json!({
        "x402Version": 1, "resource": {"url": ""}, "accepts": [exact()],
    }));
    let repeated = r#"{"x402Version":2,"x402Version":2,"resource":{"url":""},"accepts":[]}"#;
    let huge = "A".repeat(70_000);
    let buyer = Bench::new().buyer();
    for value in [
        &*twice,
        "e30=",
        "{}",
        &v1_in_header.unwrap(),
        repeated,
        &huge,
    ] {
        let headers = [("payment-required", value)];
        let refusal = Step::Answer(answer(402, &headers, v1_body(&[exact_v1()])));
        assert_eq!(skipped(&buyer, refusal).await, [Skip::Unreadable]);
    }
    let headers = [("payment-required", &*good), ("payment-required", &good)];
    let refusal = Step::Answer(answer(402, &headers, ""));
    assert_eq!(skipped(&buyer, refusal).await, [Skip::Unreadable]);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let buyer = Bench::new().buyer();
    let mut body = v1_body(&[exact_v1()]);
    body.push_str(&" ".repeat(64 * 1024));
    assert_eq!(
        skipped(&buyer, Step::Answer(answer(402, &[], body))).await,
        []
    );
    let twice = v1_body(&[exact_v1()]).replacen('{', r#"{"x402Version":1,"#, 1);
    assert_eq!(
        skipped(&buyer, Step::Answer(answer(402, &[], twice))).await,
        []
    );
}

#[tokio::test]
async fn charges_out_of_line_are_not_paid() {
    let buyer = Bench::new().buyer();
    let split = json!([{"recipient": USDC, "amount": "1"}]);
    let cases = [
        ("/amount", json!("0"), Skip::Amount),
        ("/amount", json!("-1"), Skip::Unreadable),
        ("/amount", json!(10_000), Skip::Unreadable),
        ("/currency", json!(PAY_TO), Skip::Token),
        (
            "/recipient",
            json!("0x0000000000000000000000000000000000000000"),
            Skip::Payee,
        ),
        ("/recipient", json!("you"), Skip::Unreadable),
        ("/methodDetails", json!({}), Skip::Unreadable),
        ("/methodDetails/chainId", json!(1), Skip::Network),
        ("/methodDetails/decimals", json!(18), Skip::TokenDescription),
        (
            "/methodDetails/decimals",
            json!("6"),
            Skip::TokenDescription,
        ),
        ("/methodDetails/splits", split, Skip::Split),
        (
            "/methodDetails/credentialTypes",
            json!(["transaction", "hash"]),
            Skip::Transfer,
        ),
        (
            "/methodDetails/credentialTypes",
            Value::Null,
            Skip::Transfer,
        ),
    ];
    for (pointer, value, want) in cases {
        let request = changed(charge(), pointer, value.clone());
        let refusal = mpp(&[challenge(&request)]);
        assert_eq!(skipped(&buyer, refusal).await, [want], "{pointer} {value}");
    }
}

#[tokio::test]
async fn challenges_out_of_line_are_not_paid() {
    let buyer = Bench::new().buyer();
    let mut no_end = challenge(&charge());
    no_end.expires = None;
    assert_eq!(skipped(&buyer, mpp(&[no_end])).await, [Skip::NoExpiry]);
    for (expires, want) in [
        (NOW - 1, Skip::Expired),
        (NOW, Skip::Expired),
        (NOW + 3601, Skip::TooLong),
    ] {
        let mut ended = challenge(&charge());
        ended.expires = Some(rfc3339(expires));
        assert_eq!(skipped(&buyer, mpp(&[ended])).await, [want], "{expires}");
    }
    let mut session = challenge(&charge());
    session.intent = "session".into();
    assert_eq!(skipped(&buyer, mpp(&[session])).await, [Skip::Scheme]);
    let mut tempo = challenge(&charge());
    tempo.method = "tempo".into();
    assert_eq!(skipped(&buyer, mpp(&[tempo])).await, [Skip::Scheme]);
}

#[tokio::test]
async fn challenges_that_break_the_grammar_are_left_out() {
    let buyer = Bench::new().buyer();
    let line = challenge(&charge()).format().unwrap();
    let request = encoded(&charge());
    let bad = [
        format!("{line}, header=\"Cookie\""),
        format!("{line}, header=\"X-Api-Key\""),
        line.replace(REALM, "api|example"),
        line.replace("aB3cDeF4gHiJkLmN", ""),
        line.replace("expires=", "expires=\"never\", x="),
        line.replace(request.as_str(), "e30x*"),
        line.replace(request.as_str(), &"A".repeat(20_000)),
        format!("{line}, id=\"again\""),
        line.replace("Payment ", "Basic "),
        format!("Basic realm=\"{}\"", line.replace('"', "'")),
    ];
    for line in bad {
        assert_eq!(skipped(&buyer, mpp_lines(&[&line])).await, [], "{line}");
    }
}

#[tokio::test]
async fn the_first_challenge_of_an_id_counts() {
    let buyer = Bench::new().buyer();
    let free = changed(charge(), "/amount", json!("0"));
    let refusal = mpp(&[challenge(&free), challenge(&charge())]);
    assert_eq!(
        skipped(&buyer, refusal).await,
        [Skip::Amount, Skip::DuplicateId]
    );
}

#[tokio::test]
async fn a_selector_may_want_nothing() {
    let builder = Bench::new()
        .builder()
        .select(|offers: &mut Vec<crate::Offer>| offers.clear());
    let buyer = builder.build().unwrap();
    let wanted = skipped(&buyer, all_protocols()).await;
    assert_eq!(wanted, [Skip::NotSelected, Skip::NotSelected]);
}
