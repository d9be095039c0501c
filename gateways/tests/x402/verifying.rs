//! What OKX says before anything is cooked: a fault at `/verify` costs nobody anything.

use std::sync::Arc;
use std::time::Duration;

use devnet::okx::{Act, Endpoint, Okx};
use gateways::okx::OkxOptions;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::answer::SPENT;
use crate::purse::By;
use crate::row::{Seen, Start};
use crate::shop::{CENT, Header, Plan, Shop};
use crate::words::{
    AT_THE_DOOR, INSIDE, LOOSE_TALK, OPEN, REASONS, beside, data_as, garbage, odd_codes, refuse,
    refuse_after, say,
};

/// OKX gave no answer that counts.
const ANSWER: Seen = Seen::Fault(502, "facilitator_answer");
/// The answer was lost, or was none.
const LOST: Seen = Seen::Fault(502, "facilitator_unavailable");
/// Nothing has looked at the payment.
const AWAY: Seen = Seen::Fault(503, "facilitator_unavailable");

/// Nothing has run, nothing has moved, nothing is kept.
fn untouched(shop: &Shop, by: By, start: &Start) {
    start.check(shop, by, 0, 0);
    assert_eq!(shop.asked(Endpoint::Settle), start.settled);
    assert_eq!(shop.guard.len(), start.kept, "a reservation is left");
}

async fn play(shop: &Shop, by: By, header: &Header, act: Act, seen: Seen) {
    eprintln!("{by:?} {act:?} {seen:?}");
    let start = Start::of(shop, by);
    shop.okx.order(Endpoint::Verify, act);
    seen.check(&shop.pay("/cheap", header).await);
    untouched(shop, by, &start);
}

/// Plays the faults one after the other on one payment, which is good for a meal in the end.
async fn play_all(rows: &[(Act, Seen)]) {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        for (act, seen) in rows {
            play(&shop, by, &header, act.clone(), *seen).await;
        }
        let start = Start::of(&shop, by);
        shop.pay("/cheap", &header).await.served();
        shop.pay("/cheap", &header).await.spent();
        start.check(&shop, by, 1, CENT);
    }
}

fn no(reason: &str) -> Act {
    say(&json!({
        "isValid": false, "payer": null, "invalidReason": reason, "invalidMessage": LOOSE_TALK,
    }))
}

#[tokio::test]
async fn a_verification_that_fails_is_5xx_and_the_payment_stays_good() {
    let stranger = "0x000000000000000000000000000000000000dEaD";
    let mut rows = vec![(Act::CloseBefore, LOST), (Act::CloseAfter, LOST)];
    for status in [204, 302, 400, 408, 500, 502, 503, 504] {
        rows.push((Act::Status(status), ANSWER));
        rows.push((Act::StatusAfter(status), ANSWER));
    }
    for status in [401, 403, 404, 405, 429] {
        rows.push((Act::Status(status), AWAY));
        rows.push((Act::StatusAfter(status), AWAY));
    }
    for code in INSIDE {
        rows.extend([(refuse(code), LOST), (refuse_after(code), LOST)]);
    }
    for code in AT_THE_DOOR {
        rows.extend([(refuse(code), AWAY), (refuse_after(code), AWAY)]);
    }
    rows.extend(
        garbage()
            .into_iter()
            .map(|bytes| (Act::Garbage(bytes), ANSWER)),
    );
    rows.extend(
        odd_codes()
            .into_iter()
            .map(|code| (Act::rewrap("code", code), LOST)),
    );
    let odd = [
        json!({"isValid": "true"}),
        json!({"isValid": 1}),
        json!({"isValid": null}),
        json!({"payer": stranger}),
        json!({"payer": 7}),
    ];
    rows.extend(odd.iter().map(|members| (beside(members), ANSWER)));
    let shapes: [fn(Value) -> Value; 5] = [
        |_| Value::Null,
        |_| json!([]),
        |data| json!([data, data]),
        |data| json!([[data]]),
        |data| data.to_string().into(),
    ];
    rows.extend(shapes.map(|shape| (data_as(shape), ANSWER)));
    rows.push((Act::omit("isValid"), ANSWER));
    rows.extend(OPEN.map(|reason| (no(reason), AWAY)));
    play_all(&rows).await;
}

#[tokio::test]
async fn a_payment_that_is_not_good_is_402_in_our_own_words() {
    let mut rows: Vec<_> = REASONS
        .iter()
        .map(|(said, heard)| (no(said), Seen::Refused(heard)))
        .collect();
    rows.push((no(""), Seen::Refused("payment_refused")));
    rows.push((no("nonce_used"), Seen::Refused(SPENT)));
    let bare = say(&json!({"isValid": false}));
    rows.push((bare, Seen::Refused("payment_refused")));
    // Whatever it says of a payment that is good, once it says no.
    let lie = beside(&json!({"isValid": false, "invalidReason": "expired"}));
    rows.push((
        lie,
        Seen::Refused("invalid_exact_evm_payload_authorization_valid_before"),
    ));
    play_all(&rows).await;
}

#[tokio::test]
async fn a_yes_in_another_form_is_taken() {
    let acts = [
        Act::rewrap("code", "0"),
        data_as(|data| json!([data])),
        Act::omit("payer"),
        beside(&json!({"payer": ""})),
        beside(&json!({"invalidReason": "expired"})),
    ];
    let shop = Shop::open().await;
    for by in By::BOTH {
        for act in &acts {
            let header = shop.payment(by, "/cheap").await;
            let start = Start::of(&shop, by);
            shop.okx.order(Endpoint::Verify, act.clone());
            shop.pay("/cheap", &header).await.served();
            shop.pay("/cheap", &header).await.spent();
            start.check(&shop, by, 1, CENT);
        }
    }
}

#[tokio::test]
async fn a_verification_is_repeated_where_that_may_help_each_time_signed_anew() {
    let plan = Plan::default().options(|options| options.attempts(4));
    let shop = Shop::planned(plan, Okx::builder()).await;
    for by in By::BOTH {
        for faults in [
            [Act::Status(500), refuse((429, 50011)), Act::CloseAfter],
            [Act::Status(429), refuse((500, 50026)), Act::Status(503)],
        ] {
            let header = shop.payment(by, "/cheap").await;
            let asked = shop.asked(Endpoint::Verify);
            for fault in faults {
                shop.okx.order(Endpoint::Verify, fault);
            }
            let start = Start::of(&shop, by);
            shop.pay("/cheap", &header).await.served();
            assert_eq!(shop.asked(Endpoint::Verify), asked + 4);
            start.check(&shop, by, 1, CENT);
        }
    }
}

#[tokio::test]
async fn a_verification_that_takes_too_long_is_504_and_the_payment_stays_good() {
    let shop = Shop::open().await;
    let short = |options: OkxOptions| options.ask_timeout(Duration::from_millis(200));
    let hasty = shop
        .another(&Plan::default().options(short), &shop.guard)
        .await;
    for by in By::BOTH {
        let until = Arc::new(Notify::new());
        for act in [
            Act::SlowBefore(until.clone()),
            Act::SlowAfter(until.clone()),
        ] {
            let header = shop.payment(by, "/cheap").await;
            let start = Start::of(&shop, by);
            shop.okx.order(Endpoint::Verify, act);
            let headers = std::slice::from_ref(&header);
            let answer = Shop::get_of(&hasty, "/cheap", headers).await;
            answer.refused(504, "facilitator_timeout");
            untouched(&shop, by, &start);
            until.notify_waiters();
            shop.pay("/cheap", &header).await.served();
            shop.pay("/cheap", &header).await.spent();
            start.check(&shop, by, 1, CENT);
        }
    }
}
