//! The seller starts again: another gate, the same chain and OKX. With an empty guard, as one in
//! memory is, and with one that was kept.

use std::sync::Arc;

use devnet::okx::{Act, Endpoint, Okx, Repeats};
use payment_core::MemoryReplayGuard;
use serde_json::json;

use crate::purse::By;
use crate::row::Start;
use crate::shop::{CENT, Plan, Shop};
use crate::words::beside;

async fn restarted(shop: &Shop) -> axum::Router {
    let empty = Arc::new(MemoryReplayGuard::default());
    shop.another(&Plan::default(), &empty).await
}

async fn shops() -> [Shop; 2] {
    let refusing = Okx::builder().repeats(Repeats::Refused);
    [
        Shop::open().await,
        Shop::planned(Plan::default(), refusing).await,
    ]
}

#[tokio::test]
async fn a_payment_used_before_a_restart_buys_nothing_after_it() {
    for shop in shops().await {
        for by in By::BOTH {
            for landed in [false, true] {
                let header = shop.payment(by, "/cheap").await;
                let start = Start::of(&shop, by);
                shop.pay("/cheap", &header).await.served();
                if landed {
                    start.check(&shop, by, 1, CENT);
                }
                let headers = std::slice::from_ref(&header);
                for path in ["/cheap", "/first"] {
                    let app = restarted(&shop).await;
                    let answer = Shop::get_of(&app, path, headers).await;
                    // OKX remembers; while it is still at it, it may say that instead.
                    assert!(matches!(answer.status.as_u16(), 402 | 503), "{answer:?}");
                    answer.refused(answer.status.as_u16(), &answer.code());
                }
                start.check(&shop, by, 1, CENT);
                assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
            }
        }
    }
}

/// A guard in memory forgets what was paid and not delivered. That is safe for the seller; the
/// buyer has paid for nothing, and is asked for another payment. A guard that is kept forgets
/// nothing: see the next test.
#[tokio::test]
async fn a_payment_open_at_a_restart_that_forgets_it_is_not_delivered_and_not_paid_twice() {
    for shop in shops().await {
        for by in By::BOTH {
            for act in [Act::CloseAfter, beside(&json!({"status": "timeout"}))] {
                let header = shop.payment(by, "/cheap").await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Settle, act);
                shop.pay("/cheap", &header).await.pending();
                let app = restarted(&shop).await;
                let headers = std::slice::from_ref(&header);
                for _ in 0..2 {
                    let answer = Shop::get_of(&app, "/cheap", headers).await;
                    match answer.status.as_u16() {
                        402 => answer.spent(),
                        _ => answer.refused(503, "facilitator_unavailable"),
                    }
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
