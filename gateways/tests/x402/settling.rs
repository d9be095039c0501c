//! What becomes of the money when OKX fails while it settles.

use std::time::Duration;

use alloy_primitives::B256;
use devnet::okx::{Act, Codes, Endpoint, Okx, Repeats};
use serde_json::{Value, json};

use crate::purse::By;
use crate::row::{Row, Seen, Start, Work};
use crate::row::{Seen::Pending, Then};
use crate::shop::{CENT, Plan, Shop};
use crate::words::{
    AT_THE_DOOR, INSIDE, LOOSE_TALK, OPEN, REASONS, beside, data_as, garbage, odd_codes, refuse,
    refuse_after, say,
};

const AWAY: Seen = Seen::Fault(503, "facilitator_unavailable");
const STRANGER: &str = "0x000000000000000000000000000000000000dEaD";

/// With a meal before the settlement, and some of them with one after it.
async fn play(shop: &Shop, by: By, rows: &[Row]) {
    for (path, step) in [("/cheap", 1), ("/first", 3)] {
        for row in rows.iter().step_by(step) {
            eprintln!("{by:?} {path} {row:?}");
            row.play_settling(shop, by, path).await;
        }
    }
}

/// Plays the rows for both ways to pay.
async fn play_all(rows: &[Row]) {
    let shop = Shop::open().await;
    for by in By::BOTH {
        play(&shop, by, rows).await;
    }
}

fn undone(acts: impl IntoIterator<Item = Act>, seen: Seen) -> impl Iterator<Item = Row> {
    let acts = acts.into_iter();
    acts.map(move |act| Row::new(act, seen, Work::Undone))
}

fn done(acts: impl IntoIterator<Item = Act>, seen: Seen) -> impl Iterator<Item = Row> {
    let acts = acts.into_iter();
    acts.map(move |act| Row::new(act, seen, Work::Done))
}

fn no(reason: &str) -> Act {
    say(&json!({
        "success": false, "errorReason": reason, "errorMessage": LOOSE_TALK,
        "payer": null, "transaction": "", "network": "eip155:196",
    }))
}

#[tokio::test]
async fn a_settlement_that_never_arrived_is_made_by_the_same_payment() {
    let statuses = [302, 400, 408, 409, 418, 500, 502, 503, 504];
    let mut rows = vec![Row::new(Act::CloseBefore, Pending, Work::Undone)];
    rows.extend(undone(statuses.map(Act::Status), Pending));
    rows.extend(undone(INSIDE.map(refuse), Pending));
    rows.extend(undone(OPEN.map(no), Pending));
    let used = [no("nonce_used"), no("Nonce already used")];
    rows.extend(undone(used, Pending));
    play_all(&rows).await;
}

#[tokio::test]
async fn bytes_that_are_no_answer_decide_nothing() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for row in undone(garbage().into_iter().map(Act::Garbage), Pending) {
            eprintln!("{by:?} {row:?}");
            row.play_settling(&shop, by, "/cheap").await;
        }
    }
}

#[tokio::test]
async fn a_settlement_turned_away_at_the_door_leaves_the_payment_as_it_was() {
    let statuses = [401, 403, 404, 405, 429];
    let mut rows: Vec<_> = undone(statuses.map(Act::Status), AWAY).collect();
    rows.extend(undone(AT_THE_DOOR.map(refuse), AWAY));
    // 429 is said at the door, whatever the code beside it.
    rows.extend(undone([refuse((429, 50026)), refuse((429, -1))], AWAY));
    play_all(&rows).await;
}

#[tokio::test]
async fn a_refused_settlement_is_402_in_our_own_words_and_the_payment_stays_good() {
    let rows = REASONS.map(|(said, heard)| Row::new(no(said), Seen::Refused(heard), Work::Undone));
    play_all(&rows).await;
}

#[tokio::test]
async fn a_settlement_whose_answer_is_lost_is_delivered_once() {
    let mut rows = vec![Row::new(Act::CloseAfter, Pending, Work::Done)];
    let statuses = [204, 302, 400, 408, 409, 500, 502, 503, 504];
    rows.extend(done(statuses.map(Act::StatusAfter), Pending));
    rows.extend(done(INSIDE.map(refuse_after), Pending));
    rows.extend(done(
        odd_codes()
            .into_iter()
            .map(|code| Act::rewrap("code", code)),
        Pending,
    ));
    let shapes: [fn(Value) -> Value; 5] = [
        |_| Value::Null,
        |_| json!([]),
        |data| json!([data, data]),
        |data| json!([[data]]),
        |data| data.to_string().into(),
    ];
    rows.extend(done(shapes.map(data_as), Pending));
    play_all(&rows).await;
}

#[tokio::test]
async fn an_answer_about_something_else_is_no_proof_and_the_true_one_is() {
    let odd = [
        json!({"success": "true"}),
        json!({"success": 1}),
        json!({"success": null}),
        json!({"status": "failed"}),
        json!({"status": "pending"}),
        json!({"status": "timeout"}),
        json!({"status": "confirming"}),
        json!({"status": 1}),
        json!({"status": true}),
        json!({"transaction": 7}),
        json!({"transaction": LOOSE_TALK}),
        json!({"transaction": "x".repeat(300)}),
        json!({"transaction": "0x1"}),
        json!({"network": "eip155:8453"}),
        json!({"network": "xlayer"}),
        json!({"network": ""}),
        json!({"network": null}),
        json!({"network": 196}),
        json!({"payer": STRANGER}),
        json!({"payer": "0xdead"}),
        json!({"payer": 7}),
        json!({"amount": "1"}),
        json!({"amount": "10001"}),
        json!({"amount": "lots"}),
        json!({"amount": "-10000"}),
        json!({"amount": 10_000}),
        json!({"errorReason": 7, "success": false}),
        json!({"success": false, "status": "success"}),
        json!({"success": false, "errorReason": "onchain_error"}),
        json!({"success": false, "errorReason": "payment processing", "transaction": ""}),
        json!({"success": false, "errorReason": "nonce_used", "transaction": ""}),
        json!({"success": false, "errorReason": null, "transaction": ""}),
    ];
    let mut rows: Vec<_> = done(odd.iter().map(beside), Pending).collect();
    rows.extend(done(["success", "network"].map(Act::omit), Pending));
    rows.extend(done([Act::Pending, Act::timeout_unnamed()], Pending));
    play_all(&rows).await;
}

#[tokio::test]
async fn answers_that_say_the_same_in_another_form_are_taken() {
    let acts = [
        Act::Honest,
        Act::rewrap("code", "0"),
        Act::rewrap("error_code", "0"),
        Act::omit("status"),
        Act::omit("amount"),
        Act::omit("payer"),
        data_as(|data| json!([data])),
        beside(&json!({"status": ""})),
        beside(&json!({"status": null})),
        beside(&json!({"amount": ""})),
        beside(&json!({"payer": ""})),
        beside(&json!({"errorReason": "", "more": {"and": [1, 2]}})),
    ];
    let rows: Vec<_> = done(acts, Seen::Meal).collect();
    play_all(&rows).await;
}

#[tokio::test]
async fn only_what_is_settled_in_a_batch_may_lack_a_transaction() {
    let shop = Shop::open().await;
    let silent = [
        beside(&json!({"transaction": ""})),
        beside(&json!({"transaction": null})),
        Act::omit("transaction"),
    ];
    play(
        &shop,
        By::Exact,
        &done(silent.clone(), Pending).collect::<Vec<_>>(),
    )
    .await;
    play(
        &shop,
        By::Deferred,
        &done(silent, Seen::Meal).collect::<Vec<_>>(),
    )
    .await;
    let named = beside(&json!({"transaction": B256::repeat_byte(7)}));
    play(
        &shop,
        By::Deferred,
        &[Row::new(named, Seen::Meal, Work::Done)],
    )
    .await;
}

#[tokio::test]
async fn codes_written_as_texts_are_read_as_numbers() {
    let shop = Shop::planned(Plan::default(), Okx::builder().codes(Codes::Text)).await;
    for by in By::BOTH {
        let rows = [
            Row::new(Act::Honest, Seen::Meal, Work::Done),
            Row::new(Act::CloseAfter, Pending, Work::Done),
            Row::new(Act::rewrap("code", "50026"), Pending, Work::Done),
            Row::new(Act::rewrap("code", 0), Seen::Meal, Work::Done),
        ];
        play(&shop, by, &rows).await;
    }
}

#[tokio::test]
async fn a_service_that_refuses_what_it_has_done_leaves_the_payment_open_and_asks_for_no_other() {
    let shop = Shop::planned(Plan::default(), Okx::builder().repeats(Repeats::Refused)).await;
    for by in By::BOTH {
        let lost = [
            Act::CloseAfter,
            Act::StatusAfter(500),
            refuse_after((500, 50026)),
            Act::timeout_unnamed(),
            beside(&json!({"amount": "1"})),
        ];
        // No proof comes: neither a meal for it, nor another price.
        let rows: Vec<_> = done(lost, Pending)
            .map(|row| row.then(Then::Pending))
            .collect();
        play(&shop, by, &rows).await;
        // After its window, it says that the nonce was used.
        let header = shop.payment(by, "/cheap").await;
        shop.okx.order(Endpoint::Settle, Act::CloseAfter);
        shop.pay("/cheap", &header).await.pending();
        shop.net.chain.advance(Duration::from_secs(120));
        shop.pay("/cheap", &header).await.pending();
    }
    // With a transaction there is one to ask about.
    let named = [Act::Pending, beside(&json!({"status": "timeout"}))];
    play(&shop, By::Exact, &done(named, Pending).collect::<Vec<_>>()).await;
}

/// A no to a second attempt may be about the first: it took the balance, the nonce, the time.
#[tokio::test]
async fn a_refusal_of_the_second_attempt_proves_nothing_about_the_first() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for (act, earned) in [(Act::CloseBefore, 0), (Act::CloseAfter, CENT)] {
            let header = shop.payment(by, "/cheap").await;
            let start = Start::of(&shop, by);
            shop.okx.order(Endpoint::Settle, act);
            shop.pay("/cheap", &header).await.pending();
            let reasons = REASONS.map(|(said, _)| no(said)).into_iter();
            let doors = AT_THE_DOOR.map(refuse).into_iter();
            for refusal in reasons.chain(doors) {
                eprintln!("{by:?} {earned} {refusal:?}");
                shop.okx.order(Endpoint::Settle, refusal);
                shop.pay("/cheap", &header).await.pending();
            }
            start.check(&shop, by, 1, earned);
            shop.pay("/cheap", &header).await.served();
            shop.pay("/cheap", &header).await.spent();
            start.check(&shop, by, 2, CENT);
        }
    }
}

/// A service that turns away what it has done breaks its word, and nobody could tell; it is not
/// believed more than once.
#[tokio::test]
async fn what_was_turned_away_and_done_all_the_same_is_paid_once() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let okx = Okx::builder().repeats(repeats);
        let plan = Plan::default().options(|options| options.attempts(2));
        let shop = Shop::planned(plan, okx).await;
        for by in By::BOTH {
            for act in [Act::StatusAfter(429), refuse_after((429, 50011))] {
                let header = shop.payment(by, "/cheap").await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Settle, act);
                let answer = shop.pay("/cheap", &header).await;
                // It is asked again at once, and what it says then counts.
                assert_eq!(shop.asked(Endpoint::Settle), start.settled + 2);
                match repeats {
                    Repeats::SameAnswer => drop(answer.served()),
                    _ => answer.pending(),
                }
                start.check(&shop, by, 1, CENT);
            }
        }
    }
}

/// Where it is believed for good, the buyer is not asked to pay again until OKX itself says that
/// the nonce was used; then there is no meal for it.
#[tokio::test]
async fn what_is_turned_away_at_last_and_done_all_the_same_is_spent() {
    let shop = Shop::open().await;
    let acts = [Act::StatusAfter(429), refuse_after((429, 50011))];
    let rows: Vec<_> = done(acts, AWAY).map(|row| row.then(Then::Spent)).collect();
    for by in By::BOTH {
        play(&shop, by, &rows).await;
    }
}

#[tokio::test]
async fn a_settlement_slower_than_its_deadline_is_delivered_once() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = Shop::planned(Plan::default(), Okx::builder().repeats(repeats)).await;
        let short =
            |options: gateways::okx::OkxOptions| options.settle_timeout(Duration::from_millis(300));
        let hasty = shop
            .another(&Plan::default().options(short), &shop.guard)
            .await;
        for by in By::BOTH {
            for path in ["/cheap", "/first"] {
                let until = std::sync::Arc::new(tokio::sync::Notify::new());
                for act in [
                    Act::SlowBefore(until.clone()),
                    Act::SlowAfter(until.clone()),
                ] {
                    let worked = matches!(act, Act::SlowAfter(_));
                    let header = shop.payment(by, path).await;
                    let start = Start::of(&shop, by);
                    let earned = shop.on_chain();
                    shop.okx.order(Endpoint::Settle, act);
                    let headers = std::slice::from_ref(&header);
                    Shop::get_of(&hasty, path, headers).await.pending();
                    let cooked = usize::from(path == "/cheap");
                    shop.okx.arrived(Endpoint::Settle, start.settled + 1).await;
                    if worked {
                        shop.until_earned(by, earned + CENT).await;
                    }
                    start.check(&shop, by, cooked, if worked { CENT } else { 0 });
                    let again = shop.pay(path, &header).await;
                    // The slow one wakes up at last.
                    until.notify_waiters();
                    if worked && repeats == Repeats::Refused {
                        again.pending();
                        shop.pay(path, &header).await.pending();
                        start.check(&shop, by, cooked, CENT);
                    } else {
                        again.served();
                        shop.pay(path, &header).await.spent();
                        start.check(&shop, by, cooked + 1, CENT);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_settlement_is_repeated_only_when_it_was_turned_away() {
    let plan = Plan::default().options(|options| options.attempts(4));
    let shop = Shop::planned(plan, Okx::builder()).await;
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        let start = Start::of(&shop, by);
        for act in [Act::Status(429), refuse((429, 50011)), refuse((200, 50011))] {
            shop.okx.order(Endpoint::Settle, act);
        }
        shop.pay("/cheap", &header).await.served();
        assert_eq!(shop.asked(Endpoint::Settle), start.settled + 4);
        start.check(&shop, by, 1, CENT);
        // Anything else is not.
        for act in [
            Act::Status(500),
            refuse((500, 50026)),
            refuse((401, 50113)),
            Act::CloseBefore,
        ] {
            let header = shop.payment(by, "/cheap").await;
            let start = Start::of(&shop, by);
            shop.okx.order(Endpoint::Settle, act);
            assert_eq!(shop.pay("/cheap", &header).await.status, 503);
            assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
        }
    }
}
