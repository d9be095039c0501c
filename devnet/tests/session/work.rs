//! Requests in work: together, slow, failing, and in front of a store that fails (RULES.md, T62,
//! T63, T71, T81).

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::answer::units;
use crate::kitchen::Mood;
use crate::shop::{CENT, Plan, Shop, settle_down};
use crate::store::When;

async fn shop_with(authorized: u128) -> (Shop, B256) {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 200 * CENT, authorized * CENT).await;
    (shop, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t62_of_sixty_four_at_once_so_many_are_served_as_are_paid() {
    for funds in [1, 10, 63, 64] {
        let (shop, id) = shop_with(funds).await;
        let header = shop.header("/cheap", &shop.voucher(id, funds * CENT)).await;
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            calls.spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
        }
        let answers = calls.join_all().await;
        let mut spent: Vec<_> = (answers.iter())
            .filter(|answer| answer.status == 200)
            .map(|answer| units(&answer.served(), "spent"))
            .collect();
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(402, "session/insufficient-balance");
        }
        // Each was charged in a step of its own.
        spent.sort_unstable();
        assert_eq!(spent, (1..=funds).map(|n| n * CENT).collect::<Vec<_>>());
        shop.counters(id, funds * CENT, funds * CENT).await;
        shop.books(usize::try_from(funds).unwrap(), 0, 200 * CENT);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t62_vouchers_in_any_order_lose_nothing() {
    let (shop, id) = shop_with(0).await;
    let challenge = shop.challenge("/cheap").await;
    let mut calls = JoinSet::new();
    for amount in 1..=40 {
        let header = crate::purse::header(&challenge, None, &shop.voucher(id, amount * CENT));
        calls.spawn(shop.send_owned("/cheap", &[header]));
    }
    let served = calls.join_all().await;
    let served = served.iter().filter(|answer| answer.status == 200).count();
    let channel = shop.channel(id).await;
    assert_eq!(channel.accepted(), 40 * CENT);
    assert_eq!(channel.spent(), served as u128 * CENT);
    assert_eq!(channel.voucher(), Some(shop.signed_voucher(id, 40 * CENT)));
    shop.books(served, 0, 200 * CENT);
}

#[tokio::test]
async fn t62_two_at_once_with_one_voucher_are_two_calls() {
    let (shop, id) = shop_with(1).await;
    let header = shop.header("/cheap", &shop.voucher(id, CENT)).await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let first = tokio::spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
    shop.kitchen.started(1).await;
    let second = shop.get("/cheap", &[header]).await;
    second.refused(402, "session/insufficient-balance");
    go_on.notify_one();
    first.await.unwrap().served();
    shop.counters(id, CENT, CENT).await;
    shop.books(1, 0, 200 * CENT);
}

#[tokio::test]
async fn t62_more_than_sixty_four_in_work_are_told_to_wait_and_lose_nothing() {
    let (shop, id) = shop_with(100).await;
    let header = shop.header("/cheap", &shop.voucher(id, 100 * CENT)).await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        calls.spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
    }
    shop.kitchen.started(64).await;
    let late = shop.get("/cheap", std::slice::from_ref(&header)).await;
    assert_eq!((late.status.as_u16(), &*late.code()), (503, "channel_busy"));
    go_on.notify_waiters();
    for answer in calls.join_all().await {
        answer.served();
    }
    shop.counters(id, 100 * CENT, 64 * CENT).await;
}

#[tokio::test]
async fn t63_a_store_that_fails_serves_nothing_and_what_it_knows_is_kept() {
    // The writes of one call: voucher and hold, then what was spent.
    for (write, when) in [
        (0, When::Before),
        (0, When::After),
        (1, When::Before),
        (1, When::After),
    ] {
        let (shop, id) = shop_with(1).await;
        shop.store.break_at(write, when);
        let answer = shop.pay("/cheap", &shop.voucher(id, 3 * CENT)).await;
        assert_eq!(answer.status, 503, "{write} {when:?}");
        answer.refused(503, &answer.problem());
        settle_down().await;
        let channel = shop.channel(id).await;
        assert_eq!(shop.kitchen.runs(), write);
        let accepted = if (write, when) == (0, When::Before) {
            1
        } else {
            3
        };
        assert_eq!(channel.accepted(), accepted * CENT);
        let spent = if (write, when) == (1, When::After) {
            1
        } else {
            0
        };
        assert_eq!(channel.spent(), spent * CENT);
        // What was set aside and not known to be is there again after its lease.
        shop.advance(120);
        let left = channel.available(payment_core::Clock::now(&*shop.clock));
        assert_eq!(left, (accepted - spent) * CENT);
        for _ in spent..3 {
            shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
                .await
                .served();
        }
        let answer = shop.pay("/cheap", &shop.voucher(id, 3 * CENT)).await;
        answer.refused(402, "session/insufficient-balance");
    }
}

#[tokio::test]
async fn t81_a_store_that_does_not_answer_closes_the_gate() {
    let (shop, id) = shop_with(10).await;
    shop.store.break_at(0, When::Always);
    for payload in [
        shop.voucher(id, CENT),
        shop.close(id, CENT),
        shop.top_up(id, CENT, 1),
    ] {
        let answer = shop.pay("/cheap", &payload).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.code(), "channel_store_unavailable");
    }
    shop.books(0, 0, 200 * CENT);
    // A deposit that was brought to the chain before the store failed is found again.
    let opening = shop.opening(2, 3 * CENT);
    let payload = shop.open_payload(&opening, CENT);
    assert_eq!(shop.pay("/cheap", &payload).await.status, 503);
    shop.books(0, 0, 203 * CENT);
    shop.store.heal();
    let receipt = shop.pay("/cheap", &payload).await.managed("open");
    assert!(receipt.get("txHash").is_none());
    shop.counters(shop.stage.id(&opening), CENT, 0).await;
    shop.counters(id, 10 * CENT, 0).await;
    shop.books(0, 0, 203 * CENT);
}

#[tokio::test]
async fn t71_a_handler_that_fails_costs_nothing() {
    let (shop, id) = shop_with(1).await;
    for (path, status) in [
        ("/cheap", 400),
        ("/cheap", 404),
        ("/cheap", 500),
        ("/metered", 503),
    ] {
        shop.kitchen.mood(Mood::Status(status));
        let answer = shop.pay(path, &shop.voucher(id, CENT)).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.body),
            (status, &b"no meal"[..])
        );
        assert!(!answer.headers.contains_key("payment-receipt"));
        settle_down().await;
        shop.counters(id, CENT, 0).await;
    }
    shop.kitchen.mood(Mood::Panic);
    let header = shop.header("/cheap", &shop.voucher(id, CENT)).await;
    let running = tokio::spawn(shop.send_owned("/cheap", &[header]));
    assert!(running.await.unwrap_err().is_panic());
    settle_down().await;
    shop.counters(id, CENT, 0).await;
    shop.kitchen.mood(Mood::Good);
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
    shop.counters(id, CENT, CENT).await;
}

#[tokio::test]
async fn t71_a_client_that_hangs_up_while_the_handler_runs_pays_nothing() {
    let (shop, id) = shop_with(1).await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    for (runs, path) in (1..).zip(["/cheap", "/metered"]) {
        let header = shop.header(path, &shop.voucher(id, CENT)).await;
        let running = tokio::spawn(shop.send_owned(path, &[header]));
        shop.kitchen.started(runs).await;
        assert_eq!(shop.channel(id).await.holds().len(), 1);
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        settle_down().await;
        shop.counters(id, CENT, 0).await;
    }
    shop.kitchen.mood(Mood::Good);
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
}

/// A client that hangs up after each number of steps leaves either a whole charge or none, and
/// nothing set aside.
#[tokio::test]
async fn t71_a_client_may_hang_up_at_any_step() {
    let (shop, id) = shop_with(100).await;
    let header = shop.header("/cheap", &shop.voucher(id, 100 * CENT)).await;
    let mut finished = false;
    for steps in 0..200 {
        let before = shop.channel(id).await.spent();
        let runs = shop.kitchen.runs();
        let mut call = Box::pin(shop.send_owned("/cheap", std::slice::from_ref(&header)));
        for _ in 0..steps {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(call.as_mut().poll(context).is_ready())
            });
            if polled.await {
                finished = true;
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        settle_down().await;
        let channel = shop.channel(id).await;
        assert!(channel.holds().is_empty(), "after {steps} steps");
        let charged = channel.spent() - before;
        assert!(charged <= CENT * (shop.kitchen.runs() - runs) as u128);
        if finished {
            assert_eq!(charged, CENT);
            break;
        }
    }
    assert!(finished);
}

#[tokio::test]
async fn t71_a_handler_slower_than_the_lease_is_paid_if_enough_is_left_and_else_withheld() {
    let plan = Plan {
        lease: Duration::from_secs(10),
        ..Plan::default()
    };
    for taken_meanwhile in [false, true] {
        let shop = Shop::planned(plan.clone()).await;
        let id = shop.channel_of(1, 200 * CENT, CENT).await;
        let go_on = Arc::new(Notify::new());
        shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
        let header = shop.header("/cheap", &shop.voucher(id, CENT)).await;
        let slow = tokio::spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
        shop.kitchen.started(1).await;
        shop.kitchen.mood(Mood::Good);
        shop.advance(9);
        let early = shop.get("/cheap", std::slice::from_ref(&header)).await;
        early.refused(402, "session/insufficient-balance");
        shop.advance(1);
        if taken_meanwhile {
            shop.get("/cheap", &[header]).await.served();
        }
        go_on.notify_one();
        let answer = slow.await.unwrap();
        if taken_meanwhile {
            answer.refused(402, "session/insufficient-balance");
        } else {
            answer.served();
        }
        shop.counters(id, CENT, CENT).await;
    }
}

#[tokio::test]
async fn t71_one_payer_can_have_one_channel_busy_and_another_free() {
    let (shop, id) = shop_with(1).await;
    let other = shop.channel_of(2, 5 * CENT, CENT).await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let header = shop.header("/cheap", &shop.voucher(id, CENT)).await;
    let slow = tokio::spawn(shop.send_owned("/cheap", &[header]));
    shop.kitchen.started(1).await;
    shop.kitchen.mood(Mood::Good);
    shop.pay("/cheap", &shop.voucher(other, CENT))
        .await
        .served();
    go_on.notify_one();
    slow.await.unwrap().served();
    shop.counters(id, CENT, CENT).await;
    shop.counters(other, CENT, CENT).await;
}
