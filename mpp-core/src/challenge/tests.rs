#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn header_of(case: &Value) -> String {
    if let Some(header) = case["header"].as_str() {
        return header.to_owned();
    }
    // Two cases are said by their construction: a request of so many characters.
    let length: usize = match vectors::text(case, "name") {
        "request_len_16384_exact" => 16384,
        "request_len_16388_over" => 16388,
        name => panic!("no header in {name}"),
    };
    let filler = "x".repeat(length / 4 * 3 - r#"{"a":""}"#.len());
    let request = encode::to_base64url(format!(r#"{{"a":"{filler}"}}"#).as_bytes());
    assert_eq!(request.len(), length);
    format!(
        "Payment id=\"abc123\", realm=\"api.example.com\", method=\"tempo\", intent=\"charge\", \
         request=\"{request}\""
    )
}

/// The parameters that are there, with the request decoded, as the cases have them.
fn fields(challenge: &Challenge) -> Value {
    let mut fields = json!({
        "id": challenge.id,
        "realm": challenge.realm,
        "method": challenge.method,
        "intent": challenge.intent,
        "request": challenge.request.decode(),
    });
    let optional = [
        ("expires", &challenge.expires),
        ("digest", &challenge.digest),
        ("header", &challenge.header),
        ("opaque", &challenge.opaque),
        ("description", &challenge.description),
    ];
    for (name, text) in optional {
        if let Some(text) = text {
            fields[name] = json!(text);
        }
    }
    fields
}

#[test]
fn one_challenge_is_read_as_recommended() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("www_authenticate_parse");
    for case in vectors::cases(&file, "/www_authenticate_parse") {
        let read = Challenge::parse(&header_of(case));
        let expected = vectors::text(case, "recommended") == "accept";
        assert_eq!(read.is_ok(), expected, "{case} {read:?}");
        if let (Ok(challenge), Some(expected)) = (&read, case.get("expected_fields")) {
            assert_eq!(&fields(challenge), expected, "{case}");
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 104);
}

#[test]
fn a_list_is_read_as_recommended() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("www_authenticate_list");
    for case in vectors::cases(&file, "/www_authenticate_list") {
        let read = Challenge::parse_all([vectors::text(case, "header").as_bytes()]);
        let ids: Vec<_> = read.iter().map(|challenge| &*challenge.id).collect();
        assert_eq!(json!(ids), case["recommended_ids"], "{case}");
        tally.ran();
    }
    assert_eq!(tally.count(), 11);
}

#[test]
fn challenges_are_written_as_recommended() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("www_authenticate_format");
    for case in vectors::cases(&file, "/www_authenticate_format") {
        let inputs = &case["inputs"];
        let text = |name: &str| inputs[name].as_str().map(ToOwned::to_owned);
        let opaque = inputs
            .get("opaque")
            .map(|opaque| encode::opaque_again(opaque).unwrap());
        let request = EncodedRequest::encode(inputs["request"].as_object().unwrap()).unwrap();
        let challenge = Challenge {
            expires: text("expires"),
            digest: text("digest"),
            header: text("header"),
            opaque: opaque.map(Cow::into_owned),
            description: text("description"),
            ..Challenge::new(
                vectors::text(inputs, "id"),
                vectors::text(inputs, "realm"),
                vectors::text(inputs, "method"),
                vectors::text(inputs, "intent"),
                request,
            )
        };
        let written = challenge.format();
        assert_eq!(written.is_ok(), case["recommended"] == "emit", "{case}");
        if let Ok(written) = written {
            assert!(written.is_ascii(), "{written}");
            assert_eq!(Challenge::parse(&written).unwrap(), challenge);
            // What others wrote from the same says the same.
            for other in ["mppx", "pympp"] {
                let other = Challenge::parse(vectors::text(case, other)).unwrap();
                assert_eq!(other, challenge, "{case}");
            }
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 14);
}

#[test]
fn the_challenge_of_a_whole_exchange_is_read() {
    let file = vectors::load("mpp_core.json");
    for exchange in ["charge_exchange", "session_exchange"] {
        let exchange = &file["evm"][exchange];
        let line = vectors::text(exchange, "www_authenticate");
        let challenge = Challenge::parse(line).unwrap();
        assert_eq!(challenge.method, "evm");
        assert!(challenge.expires_at().is_some());
        assert_eq!(
            Challenge::parse(&challenge.format().unwrap()).unwrap(),
            challenge
        );
    }
}

const GOOD: &str = "Payment id=\"a\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\"";

fn ids<'v>(lines: impl IntoIterator<Item = &'v str>) -> Vec<String> {
    let lines = lines.into_iter().map(str::as_bytes);
    Challenge::parse_all(lines)
        .into_iter()
        .map(|challenge| challenge.id)
        .collect()
}

#[test]
fn several_lines_are_one_list() {
    let other = GOOD.replace("id=\"a\"", "id=\"b\"");
    assert_eq!(ids([GOOD, "Basic realm=\"x\"", &other]), ["a", "b"]);
    assert_eq!(ids([&*format!("{GOOD}, Negotiate, {other}")]), ["a", "b"]);
    assert_eq!(ids([&*format!("Negotiate YII==, {GOOD}, NTLM")]), ["a"]);
}

#[test]
fn what_breaks_spoils_only_itself() {
    for broken in [
        "Payment id=\"x\" =, realm=\"r\"",
        "Payment id=\"x\u{1}\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\"",
        "Payment id=\"x\", id=\"x\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\"",
        "Payment id=\"x\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\", (\"a, b\")",
        "Payment id=\"x\", realm=\"r|\", method=\"m\", intent=\"i\", request=\"e30\"",
        "Payment id=\"x\\u007c\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\"",
        "Payment id=\"x\\u000a\", realm=\"r\", method=\"m\", intent=\"i\", request=\"e30\"",
    ] {
        assert_eq!(ids([&*format!("{broken}, {GOOD}")]), ["a"], "{broken}");
        assert_eq!(ids([broken, GOOD]), ["a"], "{broken}");
        assert!(Challenge::parse(broken).is_err(), "{broken}");
    }
    let unterminated = "Payment id=\"x";
    assert_eq!(ids([&*format!("{GOOD}, {unterminated}"), GOOD]), ["a", "a"]);
}

#[test]
fn two_challenges_are_not_one() {
    let two = format!("{GOOD}, {GOOD}");
    assert_eq!(Challenge::parse(&two), Err(ChallengeError::Ambiguous));
}

#[test]
fn bytes_are_utf8_or_latin1() {
    let line = [GOOD.as_bytes(), b", description=\"caf\xe9\""].concat();
    let read = Challenge::parse_all([line.as_slice()]);
    assert_eq!(read[0].description.as_deref(), Some("café"));
    let line = [GOOD.as_bytes(), ", description=\"café\"".as_bytes()].concat();
    let read = Challenge::parse_all([line.as_slice()]);
    assert_eq!(read[0].description.as_deref(), Some("café"));
}

#[test]
fn a_description_does_not_move_the_cursor() {
    let line = format!("{GOOD}, description=\"a\\u001b[2J\\u000ab\"");
    let challenge = Challenge::parse(&line).unwrap();
    assert_eq!(
        challenge.description.as_deref(),
        Some("a\u{fffd}[2J\u{fffd}b")
    );
}

#[test]
fn floods_are_cut_off() {
    let many = vec![GOOD; MAX_CHALLENGES + 1];
    assert_eq!(ids(many).len(), MAX_CHALLENGES);
    let long = format!("{GOOD}, x=\"{}\"", "y".repeat(MAX_READ));
    assert_eq!(Challenge::parse(&long), Err(ChallengeError::TooLong));
    assert!(ids([&*long]).is_empty());
    let params: String = (0..40).map(|n| format!(", p{n}=1")).collect();
    assert!(Challenge::parse(&format!("{GOOD}{params}")).is_err());
}

#[test]
fn more_than_8_kib_is_not_written() {
    let mut challenge = Challenge::parse(GOOD).unwrap();
    challenge.description = Some("x".repeat(MAX_SENT));
    assert_eq!(challenge.format(), Err(ChallengeError::TooLong));
}

#[test]
fn the_credential_goes_where_the_challenge_says() {
    let mut challenge = Challenge::parse(GOOD).unwrap();
    assert_eq!(challenge.credential_header(), http::header::AUTHORIZATION);
    challenge.header = Some("payment-authorization".into());
    assert_eq!(challenge.credential_header(), PAYMENT_AUTHORIZATION);
    challenge.header = Some("Cookie".into());
    assert_eq!(challenge.format(), Err(ChallengeError::Wrong("header")));
}

prop_compose! {
    fn arbitrary()(
        id in "[^|\\p{Cc}]{1,40}",
        realm in "[^|\\p{Cc}]{0,40}",
        method in "[a-z][a-z0-9:_-]{0,8}",
        intent in "[A-Za-z0-9_-]{1,8}",
        member in "\\PC{0,20}",
        text in "\\PC{0,20}",
        seconds in proptest::option::of(0_u64..253_000_000_000),
        body in proptest::option::of(any::<Vec<u8>>()),
        header: bool,
        opaque in proptest::option::of("\\PC{0,20}"),
        description in proptest::option::of("[\\t\\PC]{1,40}"),
    ) -> Challenge {
        let request = json!({ member: text });
        let opaque = opaque.map(|text| encode::opaque_again(&json!({ "o": text })).unwrap());
        Challenge {
            expires: seconds.map(|seconds| time::format(Timestamp::from_seconds(seconds))),
            digest: body.map(|body| crate::body_digest(&body).unwrap()),
            header: header.then(|| "Payment-Authorization".to_owned()),
            opaque: opaque.map(Cow::into_owned),
            description,
            ..Challenge::new(
                id, realm, method, intent,
                EncodedRequest::encode(request.as_object().unwrap()).unwrap(),
            )
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(challenge in arbitrary(), other in arbitrary()) {
        let line = challenge.format().unwrap();
        prop_assert!(line.is_ascii());
        prop_assert_eq!(&Challenge::parse(&line).unwrap(), &challenge);
        let both = format!("Digest a=\"b, c\", {line}, {}, Negotiate", other.format().unwrap());
        prop_assert_eq!(Challenge::parse_all([both.as_bytes()]), vec![challenge, other]);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, cut in 0_usize..90) {
        Challenge::parse_all([bytes.as_slice()]);
        let good = GOOD.as_bytes();
        let mixed = [&good[..cut.min(good.len())], &bytes, &good[cut.min(good.len())..]].concat();
        Challenge::parse_all([mixed.as_slice()]);
    }

    #[test]
    fn any_grammar_is_read_without_panic(text in "(Payment|[a-z]|[ \\t,=\"\\\\]|u[0-9a-f]{4}|é|\\PC){0,40}") {
        let _ = Challenge::parse(&text);
        Challenge::parse_all([text.as_bytes()]);
    }
}
