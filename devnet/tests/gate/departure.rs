//! The client goes away (RULES.md, T25, T121).

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::answer::Answer;
use crate::kitchen::Mood;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Header, Means, Shop, settle_down};

/// Polls a request so many times, then lets go of it.
async fn polled(shop: &Shop, path: &str, header: &Header, times: u64) -> Option<Answer> {
    let mut request = pin!(Shop::send_owned(&shop.app, path, header));
    for _ in 0..times {
        let polled = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
        if let Poll::Ready(answer) = polled {
            return Some(answer);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// For each await of a request: the client leaves there, comes back with the same header, and
/// gets one meal for one price.
async fn leaves_at_every_await(path: &str, kind: usize) {
    let shop = Shop::settling(Means::Stepping).await;
    shop.kitchen.mood(Mood::Steps(3));
    for times in 0.. {
        let sold = CENT * times;
        let runs = shop.kitchen.runs();
        let (header, receipt) = match kind {
            0 => (v2_header(&shop.x402(path).await), "payment-response"),
            1 => (v1_header(&shop.x402_v1(path).await), "x-payment-response"),
            _ => (mpp_header(&shop.mpp(path).await), "payment-receipt"),
        };
        let first = polled(&shop, path, &header, times).await;
        settle_down().await;
        let whole = first.is_some();
        let runs_before = shop.kitchen.runs();
        assert!(runs_before - runs <= 1);
        let again = shop.get(path, std::slice::from_ref(&header)).await;
        if let Some(answer) = first {
            answer.served(receipt);
            assert_eq!(again.status, 402, "left after {times} polls");
            shop.books(runs + 1, sold + CENT);
        } else {
            again.served(receipt);
            shop.books(runs_before + 1, sold + CENT);
        }
        let runs = shop.kitchen.runs();
        let third = shop.get(path, std::slice::from_ref(&header)).await;
        assert_eq!(third.status, 402);
        shop.books(runs, sold + CENT);
        if whole {
            assert!(
                times >= 8,
                "{times} awaits: less stepwise than it should be"
            );
            return;
        }
    }
}

#[tokio::test]
async fn t121_a_client_that_leaves_an_x402_request_at_any_await_pays_once_and_is_served_once() {
    leaves_at_every_await("/cheap", 0).await;
    leaves_at_every_await("/cheap", 1).await;
}

#[tokio::test]
async fn t121_a_client_that_leaves_an_mpp_request_at_any_await_pays_once_and_is_served_once() {
    leaves_at_every_await("/cheap", 2).await;
}

#[tokio::test]
async fn t121_a_client_that_leaves_a_settle_first_request_pays_once_and_is_served_once() {
    leaves_at_every_await("/first", 0).await;
    leaves_at_every_await("/first", 2).await;
}

#[tokio::test]
async fn t25_a_settlement_that_began_goes_on_without_the_client() {
    use devnet::facilitator::{Act, Route};
    use std::sync::Arc;
    let shop = Shop::open().await;
    let until = Arc::new(tokio::sync::Notify::new());
    let header = v2_header(&shop.x402("/cheap").await);
    shop.facilitator
        .order(Route::Settle, Act::SlowAfter(Arc::clone(&until)));
    let request = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.facilitator.arrived(Route::Settle, 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    // Held for as long as the answer is out.
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    answer.refused(409, "payment_in_progress");
    until.notify_one();
    let answer = loop {
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        if answer.status != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    answer.served("payment-response");
    shop.books(2, CENT);
    let settled = shop.facilitator.calls();
    let settled = settled.iter().filter(|call| call.route == Route::Settle);
    assert_eq!(
        settled.count(),
        1,
        "the result was kept, not asked for again"
    );
}

#[tokio::test]
async fn t121_a_client_that_leaves_while_the_handler_runs_has_paid_nothing() {
    use std::sync::Arc;
    let shop = Shop::open().await;
    let until = Arc::new(tokio::sync::Notify::new());
    shop.kitchen.mood(Mood::Wait(until));
    let header = v2_header(&shop.x402("/cheap").await);
    let request = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.kitchen.started().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    settle_down().await;
    assert!(shop.guard.is_empty(), "released");
    shop.books(1, 0);
    shop.kitchen.mood(Mood::Good);
    shop.get("/cheap", &[header])
        .await
        .served("payment-response");
    shop.books(2, CENT);
}
