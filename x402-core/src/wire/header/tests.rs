#![allow(clippy::unwrap_used)]

use http::HeaderValue;
use serde_json::{Value, json};

use super::*;
use crate::wire::{SettleResponse, SupportedResponse, VerifyResponse};

/// Reads a JSON as a message and writes it back.
fn through<T: Serialize + DeserializeOwned>(json: &Value) -> Value {
    let message: T = serde_json::from_str(&json.to_string()).unwrap();
    serde_json::to_value(&message).unwrap()
}

fn through_header<T: Serialize + DeserializeOwned>(value: &str) -> (Value, String) {
    let message: T = decode(value.as_bytes()).unwrap();
    (
        serde_json::to_value(&message).unwrap(),
        encode(&message).unwrap(),
    )
}

#[test]
fn headers_match_the_vectors_both_ways() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 headers");
    for case in vectors::cases(&file, "/headers/cases") {
        let value = vectors::text(case, "value");
        let (json, again) = match vectors::text(case, "header") {
            "PAYMENT-REQUIRED" => through_header::<v2::PaymentRequired>(value),
            "PAYMENT-SIGNATURE" => through_header::<v2::PaymentPayload>(value),
            "PAYMENT-RESPONSE" => through_header::<SettleResponse>(value),
            "X-PAYMENT" => through_header::<v1::PaymentPayload>(value),
            other => panic!("{other}"),
        };
        let mut expected = case["json"].clone();
        // Never passed on: facilitators' words to the server.
        expected
            .as_object_mut()
            .unwrap()
            .remove("extensionResponses");
        assert_eq!(json, expected, "{}", case["id"]);
        assert_eq!(decode::<Value>(again.as_bytes()).unwrap(), expected);
        tally.ran();
    }
    let example = &file["v1"]["examples"]["xPaymentResponse"];
    let (json, _) = through_header::<SettleResponse>(vectors::text(example, "value"));
    let mut expected = example["json"].clone();
    expected.as_object_mut().unwrap().remove("errorReason");
    assert_eq!(json, expected);
    let example = &file["v1"]["examples"]["xPayment"];
    let (json, _) = through_header::<v1::PaymentPayload>(vectors::text(example, "value"));
    assert_eq!(json, example["json"]);
    tally.ran();
    tally.ran();
}

#[test]
fn messages_keep_every_member() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 messages");
    let v2 = &file["messages"]["v2"];
    let v1 = &file["messages"]["v1"];
    let mut same = |read: fn(&Value) -> Value, json: &Value| {
        assert_eq!(read(json), *json);
        tally.ran();
    };
    same(through::<v2::PaymentRequired>, &v2["PaymentRequired"]);
    same(
        through::<v2::PaymentRequirements>,
        &v2["PaymentRequirements"],
    );
    same(through::<v2::PaymentPayload>, &v2["PaymentPayload"]);
    for answer in v2["VerifyResponse"].as_object().unwrap().values() {
        same(through::<VerifyResponse>, answer);
    }
    for answer in v2["SettleResponse"].as_object().unwrap().values() {
        same(through::<SettleResponse>, answer);
    }
    same(through::<SupportedResponse>, &v2["SupportedResponse"]);
    same(through::<v1::PaymentRequired>, &v1["PaymentRequired"]);
    same(through::<v1::PaymentPayload>, &v1["PaymentPayload"]);
    same(through::<SettleResponse>, &v1["SettleResponse"]);
    let supported = through::<SupportedResponse>(&v1["SupportedResponse"]);
    assert_eq!(supported["kinds"], v1["SupportedResponse"]["kinds"]);
    let body = &file["v1"]["examples"]["paymentRequiredBody"];
    let read = read_payment_required(&HeaderMap::new(), body.to_string().as_bytes()).unwrap();
    let PaymentRequiredAnswer::V1(read) = read else {
        panic!("{read:?}");
    };
    assert_eq!(read.accepts[0].max_amount_required, "10000");
    tally.ran();
    tally.ran();
    tally.left_out(
        4,
        "verify and settle requests: made by PaymentRequest, tested there",
    );
}

#[test]
fn a_v2_header_wins_over_a_v1_body() {
    let file = vectors::load("x402_core.json");
    let case = &file["headers"]["cases"][0];
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(vectors::text(case, "value")).unwrap();
    headers.insert(PAYMENT_REQUIRED, value.clone());
    let body = file["v1"]["examples"]["paymentRequiredBody"].to_string();
    let read = read_payment_required(&headers, body.as_bytes()).unwrap();
    assert!(matches!(read, PaymentRequiredAnswer::V2(_)));
    headers.append(PAYMENT_REQUIRED, value);
    assert!(read_payment_required(&headers, body.as_bytes()).is_err());
}

#[test]
fn v1_headers_are_ascii_inside() {
    let message = json!({ "name": "USD₮0 🚀" });
    let value = encode_ascii(&message).unwrap();
    let json = decode_base64(value.as_bytes()).unwrap();
    assert_eq!(json, br#"{"name":"USD\u20ae0 \ud83d\ude80"}"#);
    assert_eq!(decode::<Value>(value.as_bytes()).unwrap(), message);
}

#[test]
fn a_header_has_a_length() {
    let long = encode(&"x".repeat(MAX_HEADER_BYTES)).unwrap();
    assert!(matches!(
        decode::<Value>(long.as_bytes()),
        Err(HeaderError::TooLong)
    ));
}

proptest::proptest! {
    #[test]
    fn texts_survive_a_header(text: String) {
        let value = encode(&text).unwrap();
        proptest::prop_assert_eq!(&decode::<String>(value.as_bytes()).unwrap(), &text);
        let value = encode_ascii(&text).unwrap();
        proptest::prop_assert_eq!(&decode::<String>(value.as_bytes()).unwrap(), &text);
    }

    #[test]
    fn no_header_value_panics(bytes: Vec<u8>) {
        let _ = decode::<v2::PaymentPayload>(&bytes);
        let _ = decode::<v2::PaymentPayload>(encode_base64(&bytes).as_bytes());
    }
}
