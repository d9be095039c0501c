//! Whole requests at a gate: statuses, problem types, headers.

#![allow(clippy::unwrap_used)]

use mpp_core::{Challenge, MPP, PAYMENT_RECEIPT, Receipt, buyer};
use payment_core::{Denied, Gate, MemoryReplayGuard, ReplayKey, RouteGate, Timing};
use serde_json::{Value, json};

use crate::shop::visit::{Seen, Standing, ask, ask_of, request, standing, visit};
use crate::shop::{Counter, NOW, REALM, WORD, Word, builder, key, minutes, route};

struct Shop {
    gate: Gate,
    route: RouteGate,
    clock: Standing,
}

fn shop() -> Shop {
    let clock = standing(NOW);
    let gate = Gate::builder(builder().build().unwrap())
        .guard(MemoryReplayGuard::default())
        .clock(clock.clone())
        .build()
        .unwrap();
    let route = gate.route(route("0.01")).unwrap();
    Shop { gate, route, clock }
}

impl Shop {
    async fn challenge(&self) -> Challenge {
        challenge_in(&visit(&self.route, request("GET", "/weather")).await)
    }

    async fn send(&self, authorization: &[u8]) -> Seen {
        let request = request("GET", "/weather").header("authorization", authorization);
        visit(&self.route, request).await
    }

    async fn pay(&self, challenge: &Challenge, proof: &str) -> Seen {
        self.send(credential(challenge, proof).as_bytes()).await
    }
}

fn credential(challenge: &Challenge, proof: &str) -> String {
    let value = buyer::answer(challenge, Some("bob"), &json!({ "proof": proof })).unwrap();
    value.to_str().unwrap().to_owned()
}

fn challenge_in(seen: &Seen) -> Challenge {
    Challenge::parse(seen.header("www-authenticate").unwrap()).unwrap()
}

/// A refusal that invites to pay: fresh challenge, not to be stored, no receipt.
fn assert_refused(seen: &Seen, status: u16, kind: &str) {
    assert_eq!((seen.status, seen.kind()), (status, kind));
    assert_eq!(seen.problem["status"], status);
    assert!(!seen.served);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(
        seen.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(seen.headers.contains_key("www-authenticate"), status == 402);
    assert!(!seen.headers.contains_key(PAYMENT_RECEIPT));
}

#[tokio::test]
async fn the_flow_is_that_of_the_draft() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("http_flow_observed.core_draft_expected");
    for case in vectors::cases(&file, "/http_flow_observed/core_draft_expected") {
        let shop = shop();
        let challenge = shop.challenge().await;
        let mut seen = Vec::new();
        match vectors::text(case, "name") {
            "no_credential" => {
                seen.push(visit(&shop.route, request("GET", "/weather")).await);
                seen.push(shop.send(b"Bearer x").await);
            }
            "malformed_credential" => seen.push(shop.send(b"Payment !!!").await),
            "unknown_id / already used / expired" => {
                let mut unknown = challenge.clone();
                unknown.id = "X6v1eo7fJ76gAxqY0xN9Jd__4lUyDDYmriryOM-5FO4".to_owned();
                seen.push(shop.pay(&unknown, "good").await);
                assert!(shop.pay(&challenge, "good").await.served);
                seen.push(shop.pay(&challenge, "good").await);
            }
            "bad_signature" => seen.push(shop.pay(&challenge, "bad").await),
            "several Payment credentials" => {
                let one = credential(&challenge, "good");
                seen.push(shop.send(format!("{one}, {one}").as_bytes()).await);
                assert_refused(&seen[0], 400, "bad-request");
            }
            "method not accepted" => {
                let mut other = challenge.clone();
                other.method = "evm".to_owned();
                seen.push(shop.pay(&other, "good").await);
            }
            "policy denied after valid payment" => {
                tally.left_out(
                    1,
                    "policy is the handler's: a 403 of its own passes the gate",
                );
                continue;
            }
            other => panic!("{other}"),
        }
        for seen in &seen {
            let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
            let kind = case["problem_type"]
                .as_str()
                .map_or_else(|| seen.kind(), |kind| kind.split(' ').next().unwrap());
            assert_refused(seen, status, kind);
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 6);
}

#[tokio::test]
async fn a_payment_is_served_once_and_stamped() {
    let shop = shop();
    let challenge = shop.challenge().await;
    for (proof, served) in [("good", true), ("good", false)] {
        let seen = shop.pay(&challenge, proof).await;
        assert_eq!(seen.served, served);
        if !served {
            assert_refused(&seen, 402, "invalid-challenge");
            // The challenge that comes with the refusal can be paid.
            assert!(shop.pay(&challenge_in(&seen), "another").await.served);
            continue;
        }
        let receipt = Receipt::parse(seen.header("payment-receipt").unwrap()).unwrap();
        assert_eq!((&*receipt.method, &*receipt.reference), ("word", "0xabab"));
        assert_eq!(receipt.timestamp, "2026-01-15T12:00:00Z");
        assert_eq!(receipt.members["challengeId"], *challenge.id);
        // What the method was told beside the payload.
        let told = format!("{REALM} 1768478400 1768478700 6 Some(\"bob\")");
        assert_eq!(receipt.members["seen"], told);
    }
}

#[tokio::test]
async fn a_used_challenge_is_not_good_with_another_payload() {
    let shop = shop();
    let challenge = shop.challenge().await;
    assert!(shop.pay(&challenge, "good").await.served);
    let seen = shop.pay(&challenge, "other").await;
    assert_refused(&seen, 402, "invalid-challenge");
}

#[tokio::test]
async fn a_used_payload_is_not_good_under_another_challenge() {
    let shop = shop();
    assert!(shop.pay(&shop.challenge().await, "good").await.served);
    let seen = shop.pay(&shop.challenge().await, "good").await;
    assert_refused(&seen, 402, "invalid-challenge");
}

#[tokio::test]
async fn an_expired_challenge_gets_a_fresh_one() {
    let shop = shop();
    let challenge = shop.challenge().await;
    *shop.clock.0.lock().unwrap() = NOW.plus(minutes(5));
    let seen = shop.pay(&challenge, "good").await;
    assert_refused(&seen, 402, "payment-expired");
    assert!(shop.pay(&challenge_in(&seen), "good").await.served);
}

#[tokio::test]
async fn a_settlement_refused_is_refused_and_one_lost_is_followed_up() {
    let shop = shop();
    let refused = shop.pay(&shop.challenge().await, "broke").await;
    assert_refused(&refused, 402, "payment-insufficient");
    let challenge = shop.challenge().await;
    let lost = shop.pay(&challenge, "lost").await;
    assert_eq!(lost.status, 503);
    assert!(!lost.headers.contains_key("www-authenticate"));
    let found = shop.pay(&challenge, "lost").await;
    assert!(found.served);
    let receipt = Receipt::parse(found.header("payment-receipt").unwrap()).unwrap();
    assert_eq!(receipt.reference, "evidence");
    assert_eq!(receipt.members["challengeId"], *challenge.id);
}

#[tokio::test]
async fn settling_may_take_its_time_and_come_first() {
    let shop = shop();
    let seen = shop.pay(&shop.challenge().await, "slow").await;
    assert!(seen.served && seen.headers.contains_key(PAYMENT_RECEIPT));
    let first = shop
        .gate
        .route(route("0.02").timing(Timing::BeforeServing))
        .unwrap();
    let challenge = challenge_in(&visit(&first, request("GET", "/weather")).await);
    let value = credential(&challenge, "slow again");
    let request = request("GET", "/weather").header("authorization", value);
    assert!(visit(&first, request).await.served);
}

#[tokio::test]
async fn a_credential_uses_up_its_challenge_and_what_the_method_says() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    let expires = challenge.expires_at().unwrap();
    for (keep, until) in [
        (0, expires),
        (
            expires.seconds() + 9,
            expires.plus(core::time::Duration::from_secs(9)),
        ),
    ] {
        let payload = json!({ "proof": "good", "keep": keep });
        let payment = counter.take_with(&ask, &challenge, &payload).unwrap();
        let own = ReplayKey::new(
            "mpp-challenge",
            &[REALM.as_bytes(), challenge.id.as_bytes()],
        );
        assert_eq!(payment.keys(), [own, ReplayKey::new("word", &[b"good"])]);
        assert_eq!(payment.keep_until(), until);
        assert_eq!(payment.spent().problem().code, "invalid_challenge");
        assert_eq!(payment.paid().protocol(), MPP);
        assert_eq!(payment.payer().unwrap().to_string(), "bob");
    }
}

#[tokio::test]
async fn what_the_method_answers_at_settling_passes_unchanged() {
    let (counter, ask) = (Counter::open(), ask().await);
    let challenge = counter.challenge(&ask).await;
    let settle = async |proof: &str| {
        let payload = json!({ "proof": proof });
        let mut payment = counter.take_with(&ask, &challenge, &payload).unwrap();
        payment.check().unwrap();
        payment.verify().await.unwrap();
        let answer = payment.settle().await;
        payment.release().await;
        answer
    };
    assert!(
        matches!(settle("lost").await, Err(Denied::Unknown(pending)) if pending.evidence == "evidence")
    );
    assert!(matches!(settle("broke").await, Err(Denied::Refused(_))));
    assert_eq!(settle("good").await.unwrap().reference, "0xabab");
}

#[tokio::test]
async fn offers_follow_the_client_s_preference() {
    let session = Word {
        intent: "session",
        ..WORD
    };
    let other = Word {
        method: "other",
        ..WORD
    };
    let counter = Counter::of(builder().method(session).method(other), &route("0.01"));
    let all = ["word/charge", "word/session", "other/charge"];
    for (accept, expected) in [
        (None, &all[..]),
        (
            Some("other/*, */session;q=0.5"),
            &["other/charge", "word/session"],
        ),
        (
            Some("*/*;q=0.1, word/session;q=0"),
            &["word/charge", "other/charge"],
        ),
        (Some("lightning/charge"), &all),
        (Some("*/*;q=0"), &all),
        (Some("nonsense"), &all),
    ] {
        let mut request = request("GET", "/weather");
        if let Some(accept) = accept {
            request = request.header("accept-payment", accept);
        }
        let challenges = counter.challenges(&ask_of(request, NOW).await).await;
        let offered: Vec<_> = challenges
            .iter()
            .map(|c| format!("{}/{}", c.method, c.intent))
            .collect();
        assert_eq!(offered, expected, "{accept:?}");
    }
}

#[tokio::test]
async fn nothing_that_was_sent_is_repeated_in_an_answer() {
    let shop = shop();
    let mut challenge = shop.challenge().await;
    challenge.realm = "needle-in-a-haystack".to_owned();
    challenge.description = Some("needle-in-a-haystack".to_owned());
    let seen = shop.pay(&challenge, "needle-in-a-haystack").await;
    assert_eq!(seen.status, 402);
    assert!(!format!("{seen:?}").contains("needle"), "{seen:?}");
}

#[tokio::test]
async fn the_id_is_that_of_the_exchange_in_the_vectors() {
    let file = vectors::load("mpp_core.json");
    let exchange = &file["evm"]["charge_exchange"];
    let challenge = Challenge::parse(vectors::text(exchange, "www_authenticate")).unwrap();
    // A buyer echoes every text as it came.
    let value = buyer::answer(
        &challenge,
        exchange["credential"]["source"].as_str(),
        &exchange["credential"]["payload"],
    )
    .unwrap();
    let raw = mpp_core::RawCredential::find([value.as_bytes()])
        .unwrap()
        .unwrap();
    let credential: Value = serde_json::to_value(raw.read().unwrap()).unwrap();
    assert_eq!(credential, exchange["credential"]);
    // And only the key that issued it takes it.
    let ask = ask().await;
    let counter = Counter::of(
        mpp_core::Mpp::builder(REALM, key(9)).method(WORD),
        &route("1"),
    );
    assert!(
        counter
            .pay(&ask, "authorization", value.as_bytes())
            .is_err()
    );
}

#[test]
fn a_buyer_takes_the_first_open_challenge_it_can_pay() {
    let line = |id: &str, method: &str, expires: &str| {
        format!(
            "Payment id=\"{id}\", realm=\"r\", method=\"{method}\", intent=\"charge\", \
             request=\"e30\", expires=\"{expires}\""
        )
    };
    let (open, over) = ("2026-01-15T12:00:01Z", "2026-01-15T12:00:00Z");
    let lines = [
        line("a", "evm", over),
        line("b", "tempo", open),
        line("b", "evm", open),
        line("c", "evm", open),
        line("d", "evm", open),
    ];
    let challenges = Challenge::parse_all(lines.iter().map(String::as_bytes));
    assert_eq!(challenges.len(), 5);
    let chosen = buyer::choose(&challenges, NOW, |challenge| challenge.method == "evm");
    assert_eq!(chosen.map(|challenge| &*challenge.id), Some("c"));
    assert!(buyer::choose(&challenges, NOW, |_| false).is_none());
    let payload = "not an object";
    assert!(buyer::answer(&challenges[0], None, &payload).is_err());
}
