#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn json_is_canonical_as_recommended() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("jcs");
    for case in vectors::cases(&file, "/jcs") {
        let parsed = serde_json::from_str::<Value>(vectors::text(case, "json"));
        if case["recommended"] == "reject" {
            let refused = parsed.is_err() || canonical_json(&parsed.unwrap()).is_err();
            assert!(refused, "{case}");
        } else {
            let json = canonical_json(&parsed.unwrap()).unwrap();
            assert_eq!(
                String::from_utf8(json.clone()).unwrap(),
                case["canonical"],
                "{case}"
            );
            assert_eq!(to_base64url(&json), case["b64url"], "{case}");
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 35);
}

#[test]
fn unsafe_integers_are_refused_at_any_depth() {
    for value in [
        json!({"a": [{"n": 1_u64 << 53}]}),
        json!({"n": -(1_i64 << 53)}),
        json!({"n": 1e16}),
    ] {
        assert!(
            matches!(canonical_json(&value), Err(CanonicalError::UnsafeInteger)),
            "{value}"
        );
        let request = value.as_object().unwrap();
        assert!(EncodedRequest::encode(request).is_err(), "{value}");
    }
    assert!(canonical_json(&json!({"n": -((1_i64 << 53) - 1)})).is_ok());
}

#[test]
fn requests_of_more_than_16384_letters_are_not_written() {
    let request = json!({ "a": "x".repeat(16384) });
    let encoded = EncodedRequest::encode(request.as_object().unwrap());
    assert!(matches!(encoded, Err(CanonicalError::TooLong)));
}

#[test]
fn both_alphabets_are_read_and_never_mixed() {
    for (text, good) in [
        ("_-8", true),
        ("/+8", true),
        ("_-8=", true),
        ("/-8", false),
        ("_-", false),
        ("A", false),
        ("A===", false),
        ("", true),
        ("AA AA", false),
    ] {
        assert_eq!(from_base64(text.as_bytes()).is_some(), good, "{text:?}");
    }
}

#[test]
fn opaque_is_a_flat_object_of_texts() {
    for (json, good) in [
        (r#"{"a":"b"}"#, true),
        ("{}", true),
        (r#"{"a":1}"#, false),
        (r#"{"a":{}}"#, false),
        (r#"{"a":"b","a":"c"}"#, false),
        (r#""a""#, false),
    ] {
        assert_eq!(is_opaque(&to_base64url(json.as_bytes())), good, "{json}");
        let value: Value = serde_json::from_str(json).unwrap();
        assert!(
            good != opaque_again(&value).is_none() || json.contains("\"a\":\"c\""),
            "{json}"
        );
    }
}

proptest! {
    #[test]
    fn a_request_reads_back(members in proptest::collection::btree_map("\\PC*", "\\PC*", 0..8)) {
        let request: Map<_, _> = members.into_iter().map(|(k, v)| (k, Value::from(v))).collect();
        let encoded = EncodedRequest::encode(&request).unwrap();
        prop_assert_eq!(encoded.decode(), request);
        prop_assert_eq!(EncodedRequest::parse(encoded.as_str()), Ok(encoded));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*", bytes: Vec<u8>) {
        let _ = EncodedRequest::parse(&text);
        let _ = EncodedRequest::parse(&to_base64url(&bytes));
        prop_assert_eq!(from_base64(to_base64url(&bytes).as_bytes()), Some(bytes));
    }
}
