//! The seller starts again: another gate, the same chain and OKX. With an empty guard, as one in
//! memory is, and with one that was kept.

use std::sync::Arc;
use std::time::Duration;

use devnet::okx::{Act, Endpoint, Okx, Repeats};
use payment_core::MemoryReplayGuard;
use serde_json::json;

use crate::answer::SPENT;
use crate::purse::By;
use crate::row::{Seen, Start};
use crate::shop::{CENT, Plan, Shop};
use crate::words::beside;

async fn restarted(shop: &Shop) -> axum::Router {
    let empty = Arc::new(MemoryReplayGuard::default());
    shop.another(&Plan::default(), &empty).await
}

/// With what OKX says when it is asked to verify what it has settled.
async fn shops() -> [(Shop, Seen); 2] {
    let refusing = Okx::builder().repeats(Repeats::Refused);
    let processing = Seen::Fault(503, "facilitator_unavailable");
    [
        (Shop::open().await, Seen::Refused(SPENT)),
        (Shop::planned(Plan::default(), refusing).await, processing),
    ]
}

#[tokio::test]
async fn a_payment_used_before_a_restart_buys_nothing_after_it() {
    for (shop, seen) in shops().await {
        for by in By::BOTH {
            for landed in [false, true] {
                let header = shop.vague_payment(by).await;
                let start = Start::of(&shop, by);
                shop.pay("/cheap", &header).await.served();
                if landed {
                    start.check(&shop, by, 1, CENT);
                }
                let headers = std::slice::from_ref(&header);
                for path in ["/cheap", "/first"] {
                    let app = restarted(&shop).await;
                    let answer = Shop::get_of(&app, path, headers).await;
                    match path {
                        "/cheap" => seen.check(&answer),
                        _ => answer.spent(),
                    }
                }
                start.check(&shop, by, 1, CENT);
                assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
            }
        }
    }
}

/// A guard in memory forgets what was paid and not delivered. That is safe for the seller; the
/// buyer has paid for nothing, and once OKX says that the nonce was used, is asked to pay again. A
/// guard that is kept forgets nothing: see the next test.
#[tokio::test]
async fn a_payment_open_at_a_restart_that_forgets_it_is_not_delivered_and_not_paid_twice() {
    for (shop, seen) in shops().await {
        for by in By::BOTH {
            for act in [Act::CloseAfter, beside(&json!({"status": "timeout"}))] {
                let header = shop.payment(by, "/cheap").await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Settle, act);
                shop.pay("/cheap", &header).await.pending();
                let app = restarted(&shop).await;
                let headers = std::slice::from_ref(&header);
                for _ in 0..2 {
                    seen.check(&Shop::get_of(&app, "/cheap", headers).await);
                    start.check(&shop, by, 1, CENT);
                }
                assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
            }
        }
    }
}

#[tokio::test]
async fn a_payment_open_at_a_restart_with_its_guard_kept_is_delivered_once() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for act in [
            Act::CloseBefore,
            Act::CloseAfter,
            beside(&json!({"status": "timeout"})),
        ] {
            let header = shop.payment(by, "/cheap").await;
            let start = Start::of(&shop, by);
            shop.okx.order(Endpoint::Settle, act);
            shop.pay("/cheap", &header).await.pending();
            let app = shop.another(&Plan::default(), &shop.guard).await;
            let headers = std::slice::from_ref(&header);
            Shop::get_of(&app, "/cheap", headers).await.served();
            Shop::get_of(&app, "/cheap", headers).await.spent();
            start.check(&shop, by, 2, CENT);
        }
    }
}

#[tokio::test]
async fn a_payment_that_never_left_before_a_restart_is_good_after_it() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        let start = Start::of(&shop, by);
        shop.okx.order(Endpoint::Settle, Act::CloseBefore);
        shop.pay("/cheap", &header).await.pending();
        let app = restarted(&shop).await;
        let headers = std::slice::from_ref(&header);
        Shop::get_of(&app, "/cheap", headers).await.served();
        Shop::get_of(&app, "/cheap", headers).await.spent();
        // The one that was there before has not delivered it, and won't.
        shop.okx.heal();
        start.check(&shop, by, 2, CENT);
    }
}

/// Batched payments are good for ever, and remembered for a day.
#[tokio::test]
async fn a_deferred_payment_that_the_guard_has_forgotten_is_refused_by_okx() {
    let shop = Shop::open().await;
    let header = shop.vague_payment(By::Deferred).await;
    let start = Start::of(&shop, By::Deferred);
    shop.pay("/cheap", &header).await.served();
    shop.clock.advance(Duration::from_secs(25 * 3600));
    // What is to be forgotten goes when the next one comes.
    let next = shop.payment(By::Exact, "/cheap").await;
    shop.pay("/cheap", &next).await.served();
    let asked = shop.asked(Endpoint::Verify);
    shop.pay("/cheap", &header).await.spent();
    // For another resource it is another payment to OKX, whose session key has expired.
    let answer = shop.pay("/first", &header).await;
    answer.refused(402, "invalid_exact_evm_signature");
    assert_eq!(shop.asked(Endpoint::Verify), asked + 2);
    start.check(&shop, By::Deferred, 2, 2 * CENT);
    assert_eq!(shop.asked(Endpoint::Settle), start.settled + 2);
}
