//! Requests that bear an `Idempotency-Key` (RULES.md, T71): one request, however often it is sent.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use serde_json::json;
use tokio::sync::Notify;

use crate::answer::{Answer, units};
use crate::kitchen::Mood;
use crate::purse::{header, spoilt, with};
use crate::shop::{CENT, MOST, Plan, Shop, TOKEN, settle_down};
use crate::store::When;

const SERVED: &str = "urn:tollgate:problem:request-served";
const NOT_SERVED: &str = "urn:tollgate:problem:request-not-served";
const IN_PROGRESS: &str = "urn:tollgate:problem:payment-in-progress";

async fn shop_and_channel() -> (Shop, B256) {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 200 * CENT, 100 * CENT).await;
    (shop, id)
}

#[tokio::test]
async fn t71_the_same_key_is_served_once_and_charged_once() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    shop.pay_once("/cheap", &voucher, "one").await.served();
    for again in [
        voucher.clone(),
        shop.voucher(id, 101 * CENT),
        shop.voucher(id, CENT),
    ] {
        shop.pay_once("/cheap", &again, "one")
            .await
            .refused(409, SERVED);
        shop.pay_once("/twin", &again, "one")
            .await
            .refused(409, SERVED);
        shop.pay_once("/metered", &again, "one")
            .await
            .refused(409, SERVED);
    }
    shop.counters(id, 100 * CENT, CENT).await;
    shop.pay_once("/cheap", &voucher, "two").await.served();
    shop.counters(id, 100 * CENT, 2 * CENT).await;
    // Another channel may have the same key.
    let other = shop.channel_of(2, 5 * CENT, CENT).await;
    shop.pay_once("/cheap", &shop.voucher(other, CENT), "one")
        .await
        .served();
    shop.books(3, 0, 205 * CENT);
}

#[tokio::test]
async fn t71_the_same_key_twice_at_once_runs_one_handler() {
    let (shop, id) = shop_and_channel().await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let voucher = shop.voucher(id, 100 * CENT);
    let key = ("idempotency-key", "one".to_owned());
    let header = shop.header("/cheap", &voucher).await;
    let first = tokio::spawn(shop.send_owned("/cheap", &[header, key]));
    shop.kitchen.started(1).await;
    shop.pay_once("/cheap", &voucher, "one")
        .await
        .refused(409, IN_PROGRESS);
    // A stranger learns nothing by it and changes nothing.
    let stranger = shop.voucher_by(&shop.stage.stranger, id, 100 * CENT);
    shop.pay_once("/cheap", &stranger, "one")
        .await
        .refused(409, IN_PROGRESS);
    go_on.notify_one();
    first.await.unwrap().served();
    shop.counters(id, 100 * CENT, CENT).await;
    shop.books(1, 0, 200 * CENT);
}

#[tokio::test]
async fn t71_a_failed_handler_leaves_the_key_free() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    for path in ["/cheap", "/metered"] {
        shop.kitchen.mood(Mood::Status(500));
        let answer = shop.pay_once(path, &voucher, path).await;
        assert_eq!(answer.status, 500);
        settle_down().await;
        shop.counters(id, 100 * CENT, shop.channel(id).await.spent())
            .await;
        shop.kitchen.mood(Mood::Good);
        shop.pay_once(path, &voucher, path).await.served();
        shop.pay_once(path, &voucher, path)
            .await
            .refused(409, SERVED);
    }
    shop.counters(id, 100 * CENT, CENT + u128::from(MOST) * TOKEN)
        .await;
}

#[tokio::test]
async fn t71_a_stranger_with_the_key_and_no_signature_gets_and_takes_nothing() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    let stranger = shop.voucher_by(&shop.stage.stranger, id, 100 * CENT);
    let wrong = [stranger, spoilt(&voucher)];
    let refused = |answer: Answer| {
        let problem = answer.problem();
        assert!(["session/signer-mismatch", "session/invalid-signature"].contains(&&*problem));
        answer.refused(402, &problem);
    };
    for payload in &wrong {
        refused(shop.pay_once("/cheap", payload, "one").await);
    }
    settle_down().await;
    assert!(shop.guard.is_empty());
    // Charged, and the answer lost on its way.
    shop.guard.lose_next_answer();
    let answer = shop.pay_once("/cheap", &voucher, "one").await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.code()),
        (503, "settlement_pending")
    );
    settle_down().await;
    shop.counters(id, 100 * CENT, CENT).await;
    for payload in &wrong {
        refused(shop.pay_once("/cheap", payload, "one").await);
        settle_down().await;
    }
    assert_eq!(shop.kitchen.runs(), 1);
    let receipt = shop.pay_once("/cheap", &voucher, "one").await.served();
    assert_eq!(units(&receipt, "spent"), CENT);
    shop.counters(id, 100 * CENT, CENT).await;
    shop.pay_once("/cheap", &voucher, "one")
        .await
        .refused(409, SERVED);
    shop.books(2, 0, 200 * CENT);
}

#[tokio::test]
async fn t71_what_was_charged_and_not_delivered_is_delivered_to_the_same_request_alone() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    shop.guard.lose_next_answer();
    assert_eq!(shop.pay_once("/cheap", &voucher, "one").await.status, 503);
    settle_down().await;
    for path in ["/twin", "/cheap?more=1", "/dear", "/metered"] {
        let answer = shop.pay_once(path, &voucher, "one").await;
        answer.refused(409, SERVED);
    }
    shop.pay_once("/cheap", &voucher, "one").await.served();
    shop.counters(id, 100 * CENT, CENT).await;
}

/// A metered answer that was lost is not made again for what little the first one used: the key
/// says nothing of headers and body, by which the second may be a larger one.
#[tokio::test]
async fn t71_a_lost_metered_answer_is_not_an_order_for_a_larger_one() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    for first in [0, 1] {
        let before = shop.channel(id).await.spent();
        let key = format!("key {first}");
        shop.kitchen.mood(Mood::Report(vec![first]));
        shop.guard.lose_next_answer();
        assert_eq!(shop.pay_once("/metered", &voucher, &key).await.status, 503);
        settle_down().await;
        shop.kitchen.mood(Mood::Report(vec![MOST]));
        let runs = shop.kitchen.runs();
        let answer = shop.pay_once("/metered", &voucher, &key).await;
        let spent = shop.channel(id).await.spent() - before;
        assert_eq!(spent, u128::from(first) * TOKEN, "never charged twice");
        answer.refused(409, SERVED);
        assert_eq!(shop.kitchen.runs(), runs);
    }
    // Nor is a stream that was lost before its first event.
    let before = shop.channel(id).await.spent();
    let events = vec![payment_core::SseEvent::from("a"); 3];
    shop.kitchen.mood(Mood::Endless(events));
    shop.guard.lose_next_answer();
    assert_eq!(
        shop.pay_once("/stream", &voucher, "stream").await.status,
        503
    );
    settle_down().await;
    shop.kitchen.mood(Mood::Report(vec![MOST]));
    shop.pay_once("/stream", &voucher, "stream")
        .await
        .refused(409, SERVED);
    assert_eq!(shop.channel(id).await.spent(), before);
}

/// The books fail while what was used is written down, before and after it is.
#[tokio::test]
async fn t71_a_charge_of_unknown_outcome_is_not_made_twice() {
    for (when, path) in [
        (When::Before, "/cheap"),
        (When::After, "/cheap"),
        (When::Before, "/metered"),
        (When::After, "/metered"),
    ] {
        let (shop, id) = shop_and_channel().await;
        let voucher = shop.voucher(id, 100 * CENT);
        let cost = match path {
            "/cheap" => CENT,
            _ => u128::from(MOST) * TOKEN,
        };
        shop.store.break_at(1, when);
        let answer = shop.pay_once(path, &voucher, "one").await;
        assert_eq!(answer.status, 503, "{when:?}");
        settle_down().await;
        let mut answers = Vec::new();
        for _ in 0..3 {
            let answer = shop.pay_once(path, &voucher, "one").await;
            if answer.status == 200 {
                answer.served();
            } else {
                answer.refused(409, &answer.problem());
            }
            answers.push(answer.problem());
            settle_down().await;
        }
        let expected = match (when, path) {
            // Charged, and not yet delivered.
            (_, "/cheap") => ["", SERVED, SERVED],
            // Not charged, for nobody knows how much.
            (When::Before, _) => [NOT_SERVED, "", SERVED],
            // Charged by an answer that is lost.
            (_, _) => [SERVED, SERVED, SERVED],
        };
        assert_eq!(answers, expected, "{when:?}");
        shop.counters(id, 100 * CENT, cost).await;
    }
}

#[tokio::test]
async fn t71_settled_first_and_failed_it_is_made_again_for_the_same_key_without_a_charge() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    for status in [500, 404] {
        shop.kitchen.mood(Mood::Status(status));
        let answer = shop.pay_once("/first", &voucher, "one").await;
        assert_eq!(answer.status, status);
        settle_down().await;
        shop.counters(id, 100 * CENT, CENT).await;
    }
    shop.kitchen.mood(Mood::Good);
    shop.pay_once("/first", &voucher, "one").await.served();
    shop.pay_once("/first", &voucher, "one")
        .await
        .refused(409, SERVED);
    shop.counters(id, 100 * CENT, CENT).await;
}

#[tokio::test]
async fn t71_keys_that_are_none_are_no_reason_to_serve_twice() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 100 * CENT);
    let mut calls = 0;
    for keys in [vec![""], vec!["a", "b"], vec!["a", "a"]] {
        for _ in 0..2 {
            let more: Vec<_> = keys
                .iter()
                .map(|key| ("idempotency-key", (*key).to_owned()))
                .collect();
            let answer = shop.send_paid("GET", "/cheap", &voucher, &more).await;
            if answer.status == 200 {
                calls += 1;
            }
            shop.counters(id, 100 * CENT, calls * CENT).await;
        }
    }
    assert_eq!(shop.kitchen.runs() as u128, calls);
}

/// The charge was never made, and what was set aside for it ran out and was used by others.
#[tokio::test]
async fn t71_what_ran_out_before_it_was_charged_is_charged_before_it_is_served() {
    for (path, first) in [("/cheap", ""), ("/metered", NOT_SERVED)] {
        let (shop, id) = shop_and_channel().await;
        let voucher = shop.voucher(id, 100 * CENT);
        shop.store.break_at(1, When::Before);
        assert_eq!(shop.pay_once(path, &voucher, "one").await.status, 503);
        settle_down().await;
        let channel = shop.channel(id).await;
        assert_eq!((channel.spent(), channel.holds().len()), (0, 1));
        shop.advance(121);
        shop.pay("/cheap", &voucher).await.served();
        shop.counters(id, 100 * CENT, CENT).await;
        assert_eq!(shop.channel(id).await.holds(), []);
        let answer = shop.pay_once(path, &voucher, "one").await;
        assert_eq!(answer.problem(), first);
        settle_down().await;
        let cost = match path {
            "/cheap" => CENT,
            _ => {
                shop.pay_once(path, &voucher, "one").await.served();
                u128::from(MOST) * TOKEN
            }
        };
        shop.counters(id, 100 * CENT, CENT + cost).await;
        shop.pay_once(path, &voucher, "one")
            .await
            .refused(409, SERVED);
        shop.counters(id, 100 * CENT, CENT + cost).await;
    }
}

/// What is not known of the deposit that comes with a voucher says nothing of the charge, which
/// comes after it.
#[tokio::test]
async fn t71_a_deposit_of_unknown_outcome_is_no_charge() {
    let shop = Shop::planned(Plan {
        patience: Duration::from_millis(20),
        ..Plan::default()
    })
    .await;
    let id = shop.channel_of(1, 200 * CENT, CENT).await;
    let deposit = json!({
        "action": "open",
        "type": "hash",
        "hash": B256::repeat_byte(7).to_string(),
        "salt": shop.stage.opening(1).salt.to_string(),
    });
    let payload = with(&shop.voucher(id, CENT), "deposit", deposit);
    let source = shop.source(shop.stage.payer.address);
    for path in ["/cheap", "/metered", "/first"] {
        let challenge = shop.challenge(path).await;
        let key = ("idempotency-key", path.to_owned());
        let headers = [header(&challenge, Some(&source), &payload), key];
        for _ in 0..3 {
            let answer = shop.get(path, &headers).await;
            answer.refused(503, &answer.problem());
            settle_down().await;
            shop.counters(id, CENT, 0).await;
        }
    }
    assert!(shop.guard.is_empty());
    assert_eq!(shop.kitchen.runs(), 0);
}
