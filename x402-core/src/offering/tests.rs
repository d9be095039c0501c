#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::shop::{Shop, base_offer, changed, pay_v1, pay_v2};
use crate::wire::{encode, v1, v2};

fn shop() -> Shop {
    Shop::at(&[base_offer()])
}

const V2: &str = "payment-signature";
const V1: &str = "x-payment";

#[tokio::test]
async fn malformed_headers_end_as_the_vectors_recommend() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 malformed PAYMENT-SIGNATURE");
    for case in vectors::cases(&file, "/malformedPaymentSignature/cases") {
        let value = vectors::text(case, "value");
        if value.contains('\n') || value.starts_with('<') {
            tally.left_out(
                1,
                "can't stand in a header, or is longer than the gate takes",
            );
            continue;
        }
        let shop = shop();
        let got = shop.get(&[(V2, value.as_bytes())]).await;
        let calls = shop.facilitator.calls().len();
        let expected = match vectors::text(case, "recommended") {
            "accept" => (StatusCode::OK, "", 2),
            "absent" => (StatusCode::PAYMENT_REQUIRED, "payment_required", 0),
            "malformed" => (StatusCode::BAD_REQUEST, "invalid_payload", 0),
            "unsupported-version" => (StatusCode::BAD_REQUEST, "invalid_x402_version", 0),
            other => panic!("{other}"),
        };
        assert_eq!((got.status, got.code(), calls), expected, "{}", case["id"]);
        tally.ran();
    }
    let newline = vectors::cases(&file, "/malformedPaymentSignature/cases")
        .iter()
        .find(|case| case["id"] == "embedded-newline");
    let value = vectors::text(newline.unwrap(), "value");
    assert!(crate::wire::decode::<Value>(value.as_bytes()).is_err());
}

#[tokio::test]
async fn an_unsupported_version_is_named() {
    let payment = changed(
        &json!({ "accepted": base_offer(), "payload": {} }),
        "x402Version",
        json!(7),
    );
    let got = shop()
        .get(&[(V2, encode(&payment).unwrap().as_bytes())])
        .await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.body["detail"].as_str().unwrap().contains("version 7"));
    let got = shop()
        .get(&[(V1, encode(&payment).unwrap().as_bytes())])
        .await;
    assert_eq!(got.code(), "invalid_x402_version");
}

#[tokio::test]
async fn a_402_can_be_paid_by_both_versions() {
    let got = shop().get(&[]).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    let file = vectors::load("x402_core.json");
    assert_eq!(
        got.message("payment-required"),
        file["messages"]["v2"]["PaymentRequired"]
    );
    let body: v1::PaymentRequired = serde_json::from_value(got.body.clone()).unwrap();
    let expected = serde_json::from_value(file["messages"]["v1"]["PaymentRequired"].clone());
    assert_eq!(body, expected.unwrap());
}

/// Members that stock readers of v1 miss, and then pay nothing.
#[test]
fn a_route_that_says_nothing_is_offered_to_v1_with_empty_texts() {
    use payment_core::{Account, Asset, Route, usd};
    let offer = crate::Offer::new(
        "exact".to_owned(),
        "eip155:84532".parse().unwrap(),
        Asset::parse("0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        Account::parse("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
        10_000.into(),
        serde_json::Map::new(),
        &Route::priced(usd!("0.01")),
    );
    let offer = serde_json::to_value(offer.unwrap().v1("/x").unwrap()).unwrap();
    assert_eq!(
        (&offer["description"], &offer["mimeType"]),
        (&json!(""), &json!(""))
    );
}

#[tokio::test]
async fn a_challenge_names_its_own_url() {
    let shop = shop();
    for path in ["/a", "/b", "/a"] {
        let got = shop.get_at(path, &[]).await;
        let url = format!("https://api.example.com{path}");
        assert_eq!(got.message("payment-required")["resource"]["url"], *url);
        assert_eq!(got.body["accepts"][0]["resource"], *url);
    }
}

#[tokio::test]
async fn a_url_that_no_offer_has_room_for_is_the_clients_to_mend() {
    let shop = shop();
    let path = format!("/{}", "a".repeat(8 * 1024));
    let got = shop.get_at(&path, &[]).await;
    assert_eq!((got.status.as_u16(), got.code()), (414, "uri_too_long"));
    assert!(!got.headers.contains_key("retry-after"));
    assert_eq!(shop.get_at("/a", &[]).await.status.as_u16(), 402);
}

#[tokio::test]
async fn a_refusal_is_in_both_challenges() {
    let other = changed(&base_offer(), "amount", json!("1"));
    let got = shop().get(&[(V2, pay_v2(&other, 1).as_bytes())]).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(
        got.message("payment-required")["error"],
        "invalid_payment_requirements"
    );
    assert_eq!(got.body["error"], "invalid_payment_requirements");
    assert_eq!(got.body["accepts"][0]["network"], "base-sepolia");
}

#[tokio::test]
async fn v1_texts_are_ascii() {
    let extra = json!({ "name": "USD₮0", "version": "1" });
    let shop = Shop::at(&[changed(&base_offer(), "extra", extra.clone())]);
    let got = shop.get(&[]).await;
    assert!(got.raw.is_ascii());
    assert_eq!(got.body["accepts"][0]["extra"], extra);
    let required: v2::PaymentRequired =
        crate::wire::decode(got.headers["payment-required"].as_bytes()).unwrap();
    assert_eq!(required.accepts[0].extra_text("name"), Some("USD₮0"));
}

#[tokio::test]
async fn a_changed_echo_never_reaches_the_facilitator() {
    for (member, value) in [
        ("scheme", json!("upto")),
        ("network", json!("eip155:8453")),
        ("amount", json!("9999")),
        ("amount", json!("10001")),
        ("asset", json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")),
        ("payTo", json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")),
        ("maxTimeoutSeconds", json!(6000)),
        ("extra", json!({ "name": "USD Coin", "version": "2" })),
        ("extra", json!({ "name": "USDC", "version": "1" })),
        ("extra", json!([])),
        ("payTo", Value::Null),
    ] {
        let shop = shop();
        let echo = changed(&base_offer(), member, value);
        let got = shop.get(&[(V2, pay_v2(&echo, 1).as_bytes())]).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED, "{echo}");
        assert_eq!(got.code(), "invalid_payment_requirements", "{echo}");
        assert!(shop.facilitator.calls().is_empty());
    }
}

#[tokio::test]
async fn the_facilitator_sees_our_offer_and_the_checked_payload() {
    let shop = shop();
    let mut echo = base_offer();
    echo["asset"] = json!("0x036cbd53842c5426634e7929541ec2318f3dcf7e");
    echo["extra"]["memo"] = json!("mine");
    echo["forged"] = json!(true);
    let got = shop.get(&[(V2, pay_v2(&echo, 5).as_bytes())]).await;
    assert_eq!(got.status, StatusCode::OK);
    let asked = shop.facilitator.asked.lock().unwrap().clone();
    for (_, body) in &asked {
        let file = vectors::load("x402_core.json");
        let mut expected = file["messages"]["v2"]["VerifyRequest"].clone();
        expected["paymentPayload"]["payload"] = json!({ "nonce": 5 });
        assert_eq!(*body, expected);
    }
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn v1_goes_to_the_facilitator_as_v1() {
    let shop = shop();
    let got = shop
        .get(&[(V1, pay_v1("exact", "base-sepolia", 5).as_bytes())])
        .await;
    assert_eq!(got.status, StatusCode::OK);
    let receipt = got.message("x-payment-response");
    assert_eq!(receipt["network"], "base-sepolia");
    assert!(!got.headers.contains_key("payment-response"));
    let file = vectors::load("x402_core.json");
    let mut expected = file["messages"]["v1"]["SettleRequest"].clone();
    expected["paymentPayload"]["payload"] = json!({ "nonce": 5 });
    let asked = shop.facilitator.asked.lock().unwrap().clone();
    assert_eq!(asked[1], ("settle", expected));
}

#[tokio::test]
async fn v1_selects_by_scheme_and_network() {
    for (scheme, network) in [
        ("exact", "base"),
        ("upto", "base-sepolia"),
        ("exact", "eip155:84532"),
        ("EXACT", "base-sepolia"),
    ] {
        let got = shop()
            .get(&[(V1, pay_v1(scheme, network, 1).as_bytes())])
            .await;
        assert_eq!(
            got.code(),
            "invalid_payment_requirements",
            "{scheme} {network}"
        );
    }
    let bare = encode(&json!({ "x402Version": 1, "payload": {} })).unwrap();
    let got = shop().get(&[(V1, bare.as_bytes())]).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn more_than_one_payment_is_refused() {
    let v2 = pay_v2(&base_offer(), 1);
    let v1 = pay_v1("exact", "base-sepolia", 1);
    for headers in [
        [(V2, v2.as_bytes()), (V2, v2.as_bytes())],
        [(V1, v1.as_bytes()), (V1, v1.as_bytes())],
        [(V2, v2.as_bytes()), (V1, v1.as_bytes())],
        [(V2, v2.as_bytes()), (V2, b"")],
    ] {
        let shop = shop();
        let got = shop.get(&headers).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert!(shop.facilitator.calls().is_empty());
    }
    let joined = format!("{v2}, {v2}");
    let got = shop().get(&[(V2, joined.as_bytes())]).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_v1_its_header_counts_as_none() {
    let xlayer = changed(&base_offer(), "network", json!("eip155:196"));
    let v1 = pay_v1("exact", "base-sepolia", 1);
    for shop in [
        Shop::at(std::slice::from_ref(&xlayer)),
        Shop::with(&[base_offer()], |x402| x402.v2_only()),
    ] {
        let got = shop.get(&[(V1, v1.as_bytes())]).await;
        assert_eq!(got.code(), "payment_required");
        assert!(got.body.get("accepts").is_none());
        assert!(got.headers.contains_key("payment-required"));
    }
    let shop = Shop::at(std::slice::from_ref(&xlayer));
    let both = [(V1, v1.as_bytes()), (V2, &*pay_v2(&xlayer, 1).into_bytes())];
    assert_eq!(shop.get(&both).await.status, StatusCode::OK);
}

#[tokio::test]
async fn v1_gets_one_offer_of_a_scheme_and_network() {
    let other = changed(
        &base_offer(),
        "asset",
        json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    );
    let shop = Shop::at(&[base_offer(), other.clone()]);
    let got = shop.get(&[]).await;
    assert_eq!(got.body["accepts"].as_array().unwrap().len(), 1);
    let offers = got.message("payment-required")["accepts"].clone();
    assert_eq!(offers.as_array().unwrap().len(), 2);
    let paid = shop.get(&[(V2, pay_v2(&other, 1).as_bytes())]).await;
    assert_eq!(paid.status, StatusCode::OK);
    let asked = shop.facilitator.asked.lock().unwrap().clone();
    assert_eq!(asked[0].1["paymentRequirements"], other);
}

#[test]
#[should_panic(expected = "can't be told apart")]
fn offers_that_differ_in_extra_alone_are_not_configured() {
    let extra = json!({ "name": "USDC", "version": "2", "memo": "b" });
    let _ = Shop::at(&[base_offer(), changed(&base_offer(), "extra", extra)]);
}

#[tokio::test]
async fn a_payment_for_another_url_is_refused() {
    let pay = |url: Value| {
        let payment = json!({
            "x402Version": 2, "accepted": base_offer(), "payload": {}, "resource": { "url": url },
        });
        encode(&payment).unwrap()
    };
    for (url, status, code) in [
        (json!("https://api.example.com/premium-data"), 200, ""),
        (
            json!("https://api.example.com/cheap"),
            402,
            "resource_mismatch",
        ),
        (
            json!("https://evil.example/premium-data"),
            402,
            "resource_mismatch",
        ),
        (
            json!("https://api.example.com/premium-data?x=1"),
            402,
            "resource_mismatch",
        ),
        (json!("/premium-data"), 402, "resource_mismatch"),
        (json!(null), 400, "invalid_payload"),
        (json!(7), 400, "invalid_payload"),
    ] {
        let got = shop().get(&[(V2, pay(url.clone()).as_bytes())]).await;
        assert_eq!((got.status.as_u16(), got.code()), (status, code), "{url}");
    }
}

#[tokio::test]
async fn a_resource_is_an_object() {
    for resource in [
        json!(["https://api.example.com/premium-data"]),
        json!("https://api.example.com/premium-data"),
        json!([]),
        json!(7),
    ] {
        let payment = json!({
            "x402Version": 2, "accepted": base_offer(), "payload": {}, "resource": resource,
        });
        let value = encode(&payment).unwrap();
        let got = shop().get(&[(V2, value.as_bytes())]).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{payment}");
    }
}

#[tokio::test]
async fn a_payload_is_an_object() {
    for payload in [json!([]), json!("x"), json!(1), json!(null), json!(true)] {
        let payment = json!({ "x402Version": 2, "accepted": base_offer(), "payload": payload });
        let got = shop()
            .get(&[(V2, encode(&payment).unwrap().as_bytes())])
            .await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{payment}");
    }
}

#[tokio::test]
async fn members_named_twice_are_refused_wherever_they_are() {
    let text = json!({ "x402Version": 2, "accepted": base_offer(), "payload": { "a": 1 } });
    let text = text.to_string();
    for (from, to) in [
        ("\"a\":1", "\"a\":1,\"a\":2"),
        ("\"version\":\"2\"", "\"version\":\"2\",\"version\":\"2\""),
        ("\"x402Version\":2", "\"x402Version\":2,\"x402Version\":1"),
    ] {
        let twice = text.replace(from, to);
        assert_ne!(twice, text);
        let value = STANDARD.encode(twice);
        let got = shop().get(&[(V2, value.as_bytes())]).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{to}");
    }
}

#[test]
fn offers_too_long_for_a_header_are_not_configured() {
    use payment_core::{Gate, Route, usd};
    let shop = shop();
    let scheme = crate::shop::Anything(crate::shop::offer_of(&changed(
        &base_offer(),
        "extra",
        json!({ "name": "x".repeat(8000) }),
    )));
    let gate = Gate::new(crate::X402::new(shop.facilitator).accept(scheme));
    assert!(gate.route(Route::priced(usd!("0.01"))).is_err());
}

/// What a claim says of a quote, whatever it is.
fn quote_in(version: u8, credential: &[u8]) -> Option<Box<str>> {
    use payment_core::{Claim, PaymentProtocol as _, Route, usd};

    let scripted = std::sync::Arc::new(crate::shop::Scripted::default());
    let scheme = crate::shop::Anything(crate::shop::offer_of(&base_offer()));
    let x402 = crate::X402::new(scripted).accept(scheme);
    let offering = x402.offer(&Route::priced(usd!("0.01"))).unwrap().unwrap();
    let credential = bytes::Bytes::copy_from_slice(credential);
    offering.quote(&Claim::new(crate::NAME, version, credential))
}

#[test]
fn a_quote_is_read_from_an_echo_of_version_2_and_from_nothing_else() {
    let with = |extra: Value| pay_v2(&changed(&base_offer(), "extra", extra), 1);
    let quoted = with(json!({ "name": "USDC", "quote": "a.b" }));
    assert_eq!(quote_in(2, quoted.as_bytes()).as_deref(), Some("a.b"));
    for version in [0, 1, 3, 255] {
        assert_eq!(quote_in(version, quoted.as_bytes()), None, "{version}");
    }
    for extra in [
        json!({ "quote": 7 }),
        json!({ "quote": null }),
        json!({ "quote": ["a.b"] }),
        json!({ "quote": "q".repeat(4097) }),
        json!(["a.b"]),
        json!("a.b"),
        json!({}),
        Value::Null,
    ] {
        assert_eq!(quote_in(2, with(extra.clone()).as_bytes()), None, "{extra}");
    }
    let file = vectors::load("x402_core.json");
    for case in vectors::cases(&file, "/malformedPaymentSignature/cases") {
        let value = vectors::text(case, "value");
        assert_eq!(quote_in(2, value.as_bytes()), None, "{}", case["id"]);
    }
}

proptest::proptest! {
    #[test]
    fn no_claim_is_too_odd_to_have_no_quote(bytes: Vec<u8>, text in "[A-Za-z0-9+/=]{0,200}") {
        proptest::prop_assert_eq!(quote_in(2, &bytes), None);
        proptest::prop_assert_eq!(quote_in(2, text.as_bytes()), None);
        let json = STANDARD.encode(format!("{{\"x402Version\":2,\"accepted\":{text:?}}}"));
        proptest::prop_assert_eq!(quote_in(2, json.as_bytes()), None);
    }
}
