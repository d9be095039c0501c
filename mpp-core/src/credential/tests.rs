#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(header: &str) -> Result<Option<Value>, CredentialError> {
    let Some(raw) = RawCredential::find([header.as_bytes()])? else {
        return Ok(None);
    };
    let credential = raw.read()?;
    Ok(Some(serde_json::to_value(&credential).unwrap()))
}

#[test]
fn credentials_are_read_as_recommended() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("authorization_parse");
    for case in vectors::cases(&file, "/authorization_parse") {
        let header = case["header"]
            .as_str()
            .map_or_else(|| long_header(case), ToOwned::to_owned);
        let found = read(&header);
        match vectors::text(case, "recommended") {
            "accept" => {
                let credential = found.unwrap().unwrap();
                if let Some(decoded) = case.get("decoded").filter(|decoded| decoded.is_object()) {
                    assert_eq!(&known(&credential), &known(decoded), "{case}");
                }
            }
            "not_payment" => assert_eq!(found, Ok(None), "{case}"),
            "reject" => {
                let error = found.unwrap_err();
                let several = case["expected_status"] == 400;
                assert_eq!(error == CredentialError::Several, several, "{case}");
            }
            other => panic!("{other}"),
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 45);
}

/// One case is said by its length alone.
fn long_header(case: &Value) -> String {
    let length = usize::try_from(case["header_length"].as_u64().unwrap()).unwrap();
    let start = format!(r#"{{"challenge":{CHALLENGE},"payload":{{"x":""#);
    let filler = (length - "Payment ".len()) * 3 / 4 - start.len() - r#""}}"#.len();
    let json = format!(r#"{start}{}"}}}}"#, "x".repeat(filler));
    let header = format!("Payment {}", encode::to_base64url(json.as_bytes()));
    assert_eq!(header.len(), length);
    header
}

/// The members that the scheme knows, with `opaque` as a text.
fn known(credential: &Value) -> Value {
    let mut known = json!({ "challenge": {}, "payload": credential["payload"] });
    for name in [
        "id",
        "realm",
        "method",
        "intent",
        "request",
        "expires",
        "digest",
        "header",
        "description",
    ] {
        known["challenge"][name] = credential["challenge"][name].clone();
    }
    known["challenge"]["opaque"] = match &credential["challenge"]["opaque"] {
        object @ Value::Object(_) => encode::opaque_again(object).unwrap().into(),
        text => text.clone(),
    };
    known["source"] = credential["source"].clone();
    known
}

#[test]
fn every_spelling_of_a_credential_reads_the_same_and_reads_back() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("credential_encode");
    for case in vectors::cases(&file, "/credential_encode") {
        for header in ["mppx_header", "pympp_header"] {
            let header = vectors::text(case, header);
            assert_eq!(read(header).unwrap().unwrap(), case["decoded"]);
            let raw = RawCredential::find([header.as_bytes()]).unwrap().unwrap();
            let again = raw.read().unwrap().format().unwrap();
            assert_eq!(read(&again).unwrap().unwrap(), case["decoded"]);
        }
        tally.ran();
    }
    for exchange in ["charge_exchange"] {
        let exchange = &file["evm"][exchange];
        let credential = read(vectors::text(exchange, "authorization"))
            .unwrap()
            .unwrap();
        assert_eq!(credential, exchange["credential"]);
        let session = &file["evm"]["session_exchange"]["credentials"];
        for credential in session.as_object().unwrap().values() {
            assert!(
                read(vectors::text(credential, "authorization"))
                    .unwrap()
                    .is_some()
            );
        }
    }
    assert_eq!(tally.count(), 2);
}

const CHALLENGE: &str = r#"{"id":"i","realm":"r","method":"m","intent":"n","request":"e30"}"#;

fn read_json(json: &str) -> Result<Option<Value>, CredentialError> {
    read(&format!(
        "Payment {}",
        encode::to_base64url(json.as_bytes())
    ))
}

#[test]
fn wrong_shapes_are_told_apart_from_wrong_json() {
    let challenge = |from: &str, to: &str| {
        format!(
            r#"{{"challenge":{},"payload":{{}}}}"#,
            CHALLENGE.replace(from, to)
        )
    };
    assert!(read_json(&challenge("x", "x")).is_ok());
    for (json, error) in [
        // An array in the place of an object, in the order of the members.
        (format!(r#"[{CHALLENGE},"s",{{}}]"#), CredentialError::Shape),
        (
            r#"{"challenge":["i","r","m","n","e30"],"payload":{}}"#.into(),
            CredentialError::Shape,
        ),
        (
            challenge(r#""id":"i""#, r#""id":5"#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""id":"i""#, r#""id":"i|j""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""realm":"r""#, r#""realm":"""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""realm":"r""#, r#""realm":"a|b""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""realm":"r""#, r#""realm":"a\nb""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""intent":"n""#, r#""intent":"n|m""#),
            CredentialError::Shape,
        ),
        (challenge(r#""e30""#, r#""e30|""#), CredentialError::Shape),
        (
            challenge(r#""e30""#, r#""e30","digest":"sha-256=AA|BB""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""e30""#, r#""e30","opaque":"a|b""#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""e30""#, r#""e30","opaque":{"a":1}"#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""e30""#, r#""e30","opaque":[1]"#),
            CredentialError::Shape,
        ),
        (
            challenge(r#""e30""#, r#""e30","x":1,"x":2"#),
            CredentialError::Json,
        ),
        (
            format!(r#"{{"challenge":{CHALLENGE},"payload":{{"a":1,"a":2}}}}"#),
            CredentialError::Json,
        ),
        (
            format!(r#"{{"challenge":{CHALLENGE},"payload":{{}}}} x"#),
            CredentialError::Json,
        ),
        (
            format!(
                r#"{{"challenge":{CHALLENGE},"payload":{}1{}}}"#,
                "[".repeat(50),
                "]".repeat(50)
            ),
            CredentialError::Json,
        ),
    ] {
        assert_eq!(read_json(&json), Err(error), "{json}");
    }
}

#[test]
fn the_scheme_is_found_at_list_level_only() {
    let found = |values: &[&str]| {
        let values = values.iter().map(|value| value.as_bytes());
        RawCredential::find(values).map(|raw| raw.map(|raw| raw.0))
    };
    let abc = Ok(Some(b"abc".to_vec()));
    assert_eq!(found(&["Bearer x", "Payment YWJj"]), abc);
    assert_eq!(
        found(&["Digest a=\"b\\\", Payment YWFh\", pAyMeNt\t YWJj ,, Basic x"]),
        abc
    );
    assert_eq!(found(&["Digest a=\"b, Payment YWJj"]), Ok(None));
    assert_eq!(found(&["Digest a=b, payment = \"YWJj\""]), Ok(None));
    assert_eq!(
        found(&["PaymentX YWJj", "Payment", "Payment ,Bearer x"]),
        Ok(None)
    );
    assert_eq!(
        found(&["Payment YWJj", "Payment YWJj"]),
        Err(CredentialError::Several)
    );
    assert_eq!(
        found(&["Payment YWJj, Payment !"]),
        Err(CredentialError::Several)
    );
    assert_eq!(found(&["Payment YW Jj"]), Err(CredentialError::Encoding));
    let long = format!("Payment {}", "A".repeat(MAX_READ + 4));
    assert_eq!(found(&[&long]), Err(CredentialError::TooLong));
}

#[test]
fn neither_text_shows_what_it_holds() {
    let json = format!(r#"{{"challenge":{CHALLENGE},"payload":{{"secret":"s3"}}}}"#);
    let raw = RawCredential(json.into_bytes());
    assert!(!format!("{raw:?} {:?}", raw.read().unwrap()).contains("s3"));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        id in "[^|\\p{Cc}]{1,20}", source in proptest::option::of("\\PC{1,20}"), text in "\\PC*",
    ) {
        let challenge = Challenge::new(id, "r", "m", "i", crate::EncodedRequest::parse("e30").unwrap());
        let value = crate::buyer::answer(&challenge, source.as_deref(), &json!({ "t": text })).unwrap();
        prop_assert!(value.is_sensitive());
        let credential = read(value.to_str().unwrap()).unwrap().unwrap();
        prop_assert_eq!(&credential["challenge"]["id"], &json!(challenge.id));
        prop_assert_eq!(&credential["payload"]["t"], &json!(text));
        prop_assert_eq!(&credential["source"], &json!(source));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, text in "([Pp]ayment|[ \\t,=\"\\\\]|\\PC){0,30}") {
        let _ = RawCredential::find([bytes.as_slice(), text.as_bytes()]);
        let _ = RawCredential(bytes).read().map(|_| ());
    }
}
