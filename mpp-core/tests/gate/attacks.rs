//! What a credential must survive before the method's payload is looked at.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use crate::shop::visit::{ask, ask_at, ask_of, request};
use crate::shop::{Counter, NOW, REALM, WORD, Word, builder, is, key, kind, minutes, route};
use mpp_core::{Challenge, EncodedRequest, PAYMENT_AUTHORIZATION};
use payment_core::Timestamp;
use serde_json::{Value, json};

#[tokio::test]
async fn our_own_challenge_is_taken() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    assert_eq!((&*challenge.method, &*challenge.intent), ("word", "charge"));
    assert_eq!(challenge.realm, REALM);
    assert_eq!(challenge.expires.as_deref(), Some("2026-01-15T12:05:00Z"));
    assert_eq!(challenge.request.decode()["amount"], "10000");
    let payment = counter.take(&ask, &challenge).unwrap();
    payment.in_time().unwrap();
}

#[tokio::test]
async fn another_key_is_refused_and_an_old_one_until_it_is_removed() {
    let ask = ask().await;
    let ours = Counter::open().challenge(&ask).await;
    let rotated = || mpp_core::Mpp::builder(REALM, key(2)).method(WORD);
    let both = Counter::of(rotated().previous_secret(key(1)), &route("0.01"));
    both.take(&ask, &ours).unwrap();
    // What is issued now is under the new key.
    let fresh = both.challenge(&ask).await;
    assert_eq!(
        kind(Counter::open().take(&ask, &fresh)),
        is("invalid-challenge", 402)
    );
    let removed = Counter::of(rotated(), &route("0.01"));
    assert_eq!(
        kind(removed.take(&ask, &ours)),
        is("invalid-challenge", 402)
    );
    removed.take(&ask, &fresh).unwrap();
}

#[tokio::test]
async fn an_altered_echo_is_refused() {
    let (counter, ask) = (Counter::open(), ask().await);
    let ours = counter.challenge(&ask).await;
    let alter = |change: &dyn Fn(&mut Challenge)| {
        let mut challenge = ours.clone();
        change(&mut challenge);
        kind(counter.take(&ask, &challenge))
    };
    let cheaper = || {
        let mut request = ours.request.decode();
        request["amount"] = "1".into();
        EncodedRequest::encode(&request).unwrap()
    };
    let other_opaque = "eyJub25jZSI6IngifQ".to_owned();
    let no = is("invalid-challenge", 402);
    assert_eq!(alter(&|_| {}), is("ok", 200));
    assert_eq!(alter(&|c| c.request = cheaper()), no);
    assert_eq!(alter(&|c| c.realm = "other.example.com".into()), no);
    assert_eq!(
        alter(&|c| c.expires = Some("2027-01-15T12:05:00Z".into())),
        no
    );
    assert_eq!(
        alter(&|c| c.expires = Some("2026-01-15t12:05:00z".into())),
        no
    );
    assert_eq!(alter(&|c| c.expires = None), no);
    assert_eq!(alter(&|c| c.opaque = Some(other_opaque.clone())), no);
    assert_eq!(alter(&|c| c.opaque = None), no);
    assert_eq!(
        alter(&|c| c.digest = Some(mpp_core::body_digest(b"").unwrap())),
        no
    );
    assert_eq!(
        alter(&|c| c.id = "X6v1eo7fJ76gAxqY0xN9Jd__4lUyDDYmriryOM-5FO4".into()),
        no
    );
    assert_eq!(alter(&|c| c.id.truncate(42)), no);
    assert_eq!(alter(&|c| c.id.push('=')), no);
    assert_eq!(
        alter(&|c| c.method = "evm".into()),
        is("method-unsupported", 400)
    );
    assert_eq!(
        alter(&|c| c.intent = "session".into()),
        is("method-unsupported", 400)
    );
    assert_eq!(
        alter(&|c| c.intent = "Charge".into()),
        is("method-unsupported", 400)
    );
    // A description is decoration: it decides nothing, either way.
    assert_eq!(
        alter(&|c| c.description = Some("free".into())),
        is("ok", 200)
    );
}

#[tokio::test]
async fn an_echoed_header_that_was_not_advertised_is_refused() {
    let (counter, ask) = (Counter::open(), ask().await);
    let mut challenge = counter.challenge(&ask).await;
    challenge.header = Some("Payment-Authorization".into());
    let value = mpp_core::buyer::answer(&challenge, None, &json!({ "proof": "good" })).unwrap();
    let paid = counter.pay(&ask, "authorization", value.as_bytes());
    assert_eq!(kind(paid), is("invalid-challenge", 402));
}

#[tokio::test]
async fn the_challenge_of_a_cheaper_route_buys_nothing_dearer() {
    let ask = ask().await;
    let cheap = Counter::open().challenge(&ask).await;
    let dear = Counter::of(builder(), &route("1.00"));
    assert_eq!(kind(dear.take(&ask, &cheap)), is("invalid-challenge", 402));
    let other_payee = Word {
        payee: "mallory",
        ..WORD
    };
    let builder = mpp_core::Mpp::builder(REALM, key(1)).method(other_payee);
    let other = Counter::of(builder, &route("0.01"));
    assert_eq!(kind(other.take(&ask, &cheap)), is("invalid-challenge", 402));
}

#[tokio::test]
async fn every_challenge_is_of_its_own_request_whichever_came_before() {
    let counter = Counter::open();
    let requests = [("GET", "/a"), ("GET", "/b"), ("POST", "/b"), ("GET", "/a")];
    let mut asked = Vec::new();
    for (method, path) in requests {
        let ask = ask_of(request(method, path), NOW).await;
        let challenge = counter.challenge(&ask).await;
        asked.push((ask, challenge));
    }
    for (ask, _) in &asked {
        for (of, challenge) in &asked {
            let same = ask.method == of.method && ask.path == of.path;
            let taken = kind(counter.take(ask, challenge)) == is("ok", 200);
            assert_eq!(taken, same, "{ask:?} {of:?}");
        }
    }
}

#[tokio::test]
async fn the_challenge_of_a_route_at_the_same_price_is_not_good_for_another() {
    let counter = Counter::open();
    let challenge = counter.challenge(&ask().await).await;
    for (method, uri, expected) in [
        ("GET", "/weather", is("ok", 200)),
        ("HEAD", "/weather", is("ok", 200)),
        ("GET", "/weather?day=2", is("ok", 200)),
        ("POST", "/weather", is("invalid-challenge", 402)),
        ("GET", "/news", is("invalid-challenge", 402)),
        ("GET", "/weather/", is("invalid-challenge", 402)),
    ] {
        let ask = ask_of(request(method, uri), NOW).await;
        assert_eq!(
            kind(counter.take(&ask, &challenge)),
            expected,
            "{method} {uri}"
        );
    }
}

#[tokio::test]
async fn another_realm_under_the_same_key_is_refused() {
    let ask = ask().await;
    let elsewhere = mpp_core::Mpp::builder("other.example.com", key(1)).method(WORD);
    let challenge = Counter::of(elsewhere, &route("0.01")).challenge(&ask).await;
    assert_eq!(
        kind(Counter::open().take(&ask, &challenge)),
        is("invalid-challenge", 402)
    );
}

/// A challenge with a good id whose texts others chose: the same key, used by another program.
fn issued(challenge: &Challenge, change: impl FnOnce(&mut Challenge)) -> Challenge {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut challenge = challenge.clone();
    change(&mut challenge);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut slots = vec![
        challenge.realm.clone(),
        challenge.method.clone(),
        challenge.intent.clone(),
        challenge.request.as_str().to_owned(),
        text(&challenge.expires),
        text(&challenge.digest),
    ];
    slots.extend(challenge.header.clone());
    slots.push(text(&challenge.opaque));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key(1).expose()).unwrap();
    mac.update(slots.join("|").as_bytes());
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    challenge.id = base64::Engine::encode(&engine, mac.finalize().into_bytes());
    challenge
}

#[tokio::test]
async fn a_good_id_is_not_enough() {
    let (counter, ask) = (Counter::open(), ask().await);
    let ours = counter.challenge(&ask).await;
    // The construction is right: unchanged texts get the id we issued.
    assert_eq!(issued(&ours, |_| {}), ours);
    let no = is("invalid-challenge", 402);
    let forged = |change: &dyn Fn(&mut Challenge)| {
        kind(counter.take(&ask, &issued(&ours, |challenge| change(challenge))))
    };
    assert_eq!(
        forged(&|c| c.expires = Some("2026-01-15T12:06:00Z".into())),
        is("ok", 200)
    );
    assert_eq!(forged(&|c| c.expires = None), no);
    assert_eq!(forged(&|c| c.opaque = None), no);
    assert_eq!(forged(&|c| c.opaque = Some("e30".into())), no);
    // A body digest that nobody would check.
    assert_eq!(
        forged(&|c| c.digest = Some(mpp_core::body_digest(b"").unwrap())),
        no
    );
    let session = Word {
        intent: "session",
        ..WORD
    };
    let both = Counter::of(builder().method(session), &route("0.01"));
    let other = issued(&ours, |c| c.intent = "session".into());
    both.take(&ask, &other).unwrap();
    assert_eq!(
        kind(counter.take(&ask, &other)),
        is("method-unsupported", 400)
    );
}

#[tokio::test]
async fn a_challenge_is_good_until_its_expiry_and_not_at_it() {
    let counter = Counter::open();
    let challenge = counter.challenge(&ask().await).await;
    let expiry = NOW.plus(minutes(5));
    let last = Timestamp::from_millis(expiry.millis() - 1);
    for (now, expected) in [
        (last, is("ok", 200)),
        (expiry, is("payment-expired", 402)),
        (
            expiry.plus(Duration::from_secs(1)),
            is("payment-expired", 402),
        ),
    ] {
        let payment = counter.take(&ask_at(now).await, &challenge).unwrap();
        assert_eq!(kind(payment.in_time()), expected, "{now:?}");
    }
}

#[tokio::test]
async fn a_challenge_lives_as_long_as_the_route_says_in_whole_seconds() {
    let quick = route("0.01").pay_within(Duration::from_millis(2_500));
    let ask = ask_at(Timestamp::from_millis(NOW.millis() + 900)).await;
    let challenge = Counter::of(builder(), &quick).challenge(&ask).await;
    assert_eq!(
        challenge.expires_at(),
        Some(NOW.plus(Duration::from_secs(3)))
    );
}

#[tokio::test]
async fn the_method_judges_time_after_the_challenge() {
    let (counter, now) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&now).await;
    let late = json!({ "proof": "late" });
    let payment = counter.take_with(&now, &challenge, &late).unwrap();
    assert_eq!(kind(payment.in_time()), is("verification-failed", 402));
    let after = ask_at(NOW.plus(minutes(6))).await;
    let payment = counter.take_with(&after, &challenge, &late).unwrap();
    assert_eq!(kind(payment.in_time()), is("payment-expired", 402));
}

#[tokio::test]
async fn two_credentials_are_one_too_many() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    let value = mpp_core::buyer::answer(&challenge, None, &json!({ "proof": "good" })).unwrap();
    let value = value.as_bytes();
    let merged = [value, b", ", value].concat();
    let no = is("bad-request", 400);
    assert_eq!(kind(counter.claim("authorization", &[value, value])), no);
    assert_eq!(kind(counter.claim("authorization", &[&merged])), no);
    assert_eq!(
        kind(counter.claim("authorization", &[value, b"Payment !"])),
        no
    );
}

#[tokio::test]
async fn other_schemes_and_the_bare_word_are_no_credential() {
    let counter = Counter::open();
    for value in [
        "Bearer abc",
        "Payment",
        "Payment ",
        "PaymentX abc",
        "Digest realm=\"a, Payment abc\"",
    ] {
        let claim = counter.claim("authorization", &[value.as_bytes()]);
        assert!(claim.unwrap().is_none(), "{value}");
    }
    assert!(
        counter
            .claim("payment-authorization", &[b"Payment abc"])
            .unwrap()
            .is_none()
    );
    let claim = counter.claim("authorization", &[b"Bearer x, pAYMENT abc , Basic y"]);
    assert_eq!(claim.unwrap().unwrap().credential, "abc");
}

#[tokio::test]
async fn garbage_of_every_kind_is_malformed() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let encode = |json: &str| format!("Payment {}", base64::Engine::encode(&engine, json));
    let echo = serde_json::to_value(mpp_core::EchoedChallenge::from(&challenge)).unwrap();
    let with = |name: &str, value: Value| {
        let mut echo = echo.clone();
        echo[name] = value;
        encode(&json!({ "challenge": echo, "payload": { "proof": "good" } }).to_string())
    };
    for value in [
        "Payment !!!".to_owned(),
        "Payment a b".to_owned(),
        "Payment \"abc\"".to_owned(),
        "Payment A".to_owned(),
        encode("hello"),
        encode("[]"),
        encode("null"),
        encode("{}"),
        encode(&json!({ "challenge": echo }).to_string()),
        encode(&json!({ "challenge": echo, "payload": null }).to_string()),
        encode(&json!({ "challenge": echo, "payload": [] }).to_string()),
        encode(&json!({ "challenge": echo, "payload": {}, "source": 5 }).to_string()),
        encode(&format!(
            "{{\"challenge\":{echo},\"payload\":{{}},\"payload\":{{}}}}"
        )),
        with("id", json!("")),
        with("realm", json!("a|b")),
        with("request", json!({ "amount": "1" })),
        with("request", json!("!!!")),
        with("expires", json!("soon")),
        with("header", json!("Cookie")),
        with("opaque", json!(5)),
        with("method", json!("Word")),
    ] {
        let paid = counter.pay(&ask, "authorization", value.as_bytes());
        assert_eq!(kind(paid), is("malformed-credential", 402), "{value}");
    }
    let paid = counter.pay(&ask, "authorization", with("x", json!(1)).as_bytes());
    assert_eq!(kind(paid), is("ok", 200));
    let empty = counter.take_with(&ask, &challenge, &json!({}));
    assert_eq!(kind(empty), is("invalid-payload", 402));
}

#[tokio::test]
async fn older_clients_echo_opaque_as_an_object() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    let opaque = EncodedRequest::parse(challenge.opaque.as_deref().unwrap())
        .unwrap()
        .decode();
    let mut echo = serde_json::to_value(mpp_core::EchoedChallenge::from(&challenge)).unwrap();
    let mut pay = |opaque: &Value| {
        echo["opaque"] = opaque.clone();
        let json = json!({ "challenge": echo, "payload": { "proof": "good" } }).to_string();
        let engine = base64::engine::general_purpose::STANDARD;
        let value = format!("Payment {}", base64::Engine::encode(&engine, json));
        kind(counter.pay(&ask, "authorization", value.as_bytes()))
    };
    let mut opaque = Value::Object(opaque);
    assert_eq!(pay(&opaque), is("ok", 200));
    opaque["nonce"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
    assert_eq!(pay(&opaque), is("invalid-challenge", 402));
}

#[tokio::test]
async fn an_advertised_header_is_the_only_one_that_is_read() {
    let ask = ask().await;
    let counter = Counter::of(builder().advertise_header(), &route("0.01"));
    let challenge = counter.challenge(&ask).await;
    assert_eq!(challenge.header.as_deref(), Some("Payment-Authorization"));
    assert_eq!(challenge.credential_header(), PAYMENT_AUTHORIZATION);
    counter.take(&ask, &challenge).unwrap();
    let value = mpp_core::buyer::answer(&challenge, None, &json!({ "proof": "good" })).unwrap();
    assert!(
        counter
            .claim("authorization", &[value.as_bytes()])
            .unwrap()
            .is_none()
    );
    // The id covers the header, so leaving it out is another challenge.
    let mut without = challenge.clone();
    without.header = None;
    let value = mpp_core::buyer::answer(&without, None, &json!({ "proof": "good" })).unwrap();
    let paid = counter.pay(&ask, "payment-authorization", value.as_bytes());
    assert_eq!(kind(paid), is("invalid-challenge", 402));
    // The same key without the header does not take it.
    assert_eq!(
        kind(Counter::open().pay(&ask, "authorization", value.as_bytes())),
        is("invalid-challenge", 402)
    );
}

#[tokio::test]
async fn a_foreign_challenge_with_a_good_id_and_a_header_is_refused() {
    let (counter, ask) = (Counter::open(), ask().await);
    let ours = counter.challenge(&ask).await;
    let forged = issued(&ours, |c| c.header = Some("Payment-Authorization".into()));
    let value = mpp_core::buyer::answer(&forged, None, &json!({ "proof": "good" })).unwrap();
    assert_eq!(
        kind(counter.pay(&ask, "authorization", value.as_bytes())),
        is("invalid-challenge", 402)
    );
}

#[tokio::test]
async fn no_two_challenges_are_alike() {
    let (counter, ask) = (Counter::open(), ask().await);
    let mut ids = std::collections::HashSet::new();
    for _ in 0..64 {
        assert!(ids.insert(counter.challenge(&ask).await.id));
    }
}

#[tokio::test]
async fn of_two_offers_of_one_method_each_takes_its_own() {
    let ask = ask().await;
    let other = Word {
        payee: "carol",
        ..WORD
    };
    let counter = Counter::of(builder().method(other), &route("0.01"));
    let challenges = counter.challenges(&ask).await;
    let payees: Vec<_> = challenges
        .iter()
        .map(|c| c.request.decode()["recipient"].clone())
        .collect();
    assert_eq!(payees, ["alice", "carol"]);
    for challenge in &challenges {
        counter.take(&ask, challenge).unwrap();
    }
    let mut mixed = challenges[0].clone();
    mixed.request = challenges[1].request.clone();
    assert_eq!(
        kind(counter.take(&ask, &mixed)),
        is("invalid-challenge", 402)
    );
}

#[tokio::test]
async fn a_description_with_any_letters_stands_in_the_challenge() {
    let ask = ask().await;
    let told = route("0.01").description("Wetter \"heute\" ☀ für 0,01 €");
    let challenge = Counter::of(builder(), &told).challenge(&ask).await;
    assert_eq!(
        challenge.description.as_deref(),
        Some("Wetter \"heute\" ☀ für 0,01 €")
    );
}

#[tokio::test]
async fn an_empty_source_is_none() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    for (source, seen) in [
        (Some(""), "None"),
        (Some("bob"), "Some(\"bob\")"),
        (None, "None"),
    ] {
        let payload = json!({ "proof": "good" });
        let value = mpp_core::buyer::answer(&challenge, source, &payload).unwrap();
        let mut payment = counter
            .pay(&ask, "authorization", value.as_bytes())
            .unwrap();
        let stamp = payment.settle().await.unwrap();
        let receipt = mpp_core::Receipt::parse(&stamp.headers[0].1).unwrap();
        let told = receipt.members["seen"].as_str().unwrap();
        assert!(told.ends_with(&format!(" {seen}")), "{told}");
    }
}
