//! The client goes away while OKX is at work (RULES.md, T25, T121).

use std::sync::Arc;

use devnet::okx::{Act, Endpoint};
use serde_json::json;
use tokio::sync::Notify;

use crate::purse::By;
use crate::row::Start;
use crate::shop::{CENT, Header, Shop};
use crate::words::beside;

/// A request that comes as far as this call of OKX's, and whose client leaves then.
async fn leave_at(shop: &Shop, path: &str, header: &Header, endpoint: Endpoint) {
    let before = shop.asked(endpoint);
    let headers = std::slice::from_ref(header);
    let request = tokio::spawn(Shop::get_of(&shop.app, path, headers));
    shop.okx.arrived(endpoint, before + 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
}

fn slow(until: &Arc<Notify>) -> [Act; 2] {
    [
        Act::SlowBefore(until.clone()),
        Act::SlowAfter(until.clone()),
    ]
}

#[tokio::test]
async fn t121_a_client_that_leaves_during_a_verification_has_paid_nothing() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for path in ["/cheap", "/first"] {
            let until = Arc::new(Notify::new());
            for act in slow(&until) {
                let header = shop.payment(by, path).await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Verify, act);
                leave_at(&shop, path, &header, Endpoint::Verify).await;
                let answer = shop.pay(path, &header).await;
                answer.refused(409, "payment_in_progress");
                start.check(&shop, by, 0, 0);
                until.notify_one();
                shop.pay_once_free(path, &header).await.served();
                shop.pay(path, &header).await.spent();
                start.check(&shop, by, 1, CENT);
            }
        }
    }
}

#[tokio::test]
async fn t25_a_settlement_that_began_goes_on_without_the_client() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for path in ["/cheap", "/first"] {
            let until = Arc::new(Notify::new());
            for act in slow(&until) {
                let header = shop.payment(by, path).await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Settle, act);
                leave_at(&shop, path, &header, Endpoint::Settle).await;
                let answer = shop.pay(path, &header).await;
                answer.refused(409, "payment_in_progress");
                let cooked = usize::from(path == "/cheap");
                until.notify_one();
                shop.pay_once_free(path, &header).await.served();
                shop.pay(path, &header).await.spent();
                start.check(&shop, by, cooked + 1, CENT);
                let settled = shop.asked(Endpoint::Settle) - start.settled;
                assert_eq!(settled, 1, "the result was kept, not asked for again");
            }
        }
    }
}

#[tokio::test]
async fn t25_an_answer_about_a_transaction_is_kept_for_a_client_that_left() {
    let shop = Shop::open().await;
    for path in ["/cheap", "/first"] {
        let until = Arc::new(Notify::new());
        for act in slow(&until) {
            let header = shop.payment(By::Exact, path).await;
            let start = Start::of(&shop, By::Exact);
            shop.okx
                .order(Endpoint::Settle, beside(&json!({"status": "timeout"})));
            shop.pay(path, &header).await.pending();
            shop.okx.order(Endpoint::SettleStatus, act);
            let asked = shop.asked(Endpoint::SettleStatus);
            leave_at(&shop, path, &header, Endpoint::SettleStatus).await;
            let answer = shop.pay(path, &header).await;
            answer.refused(409, "payment_in_progress");
            until.notify_one();
            shop.pay_once_free(path, &header).await.served();
            shop.pay(path, &header).await.spent();
            let cooked = usize::from(path == "/cheap");
            start.check(&shop, By::Exact, cooked + 1, CENT);
            assert_eq!(shop.asked(Endpoint::SettleStatus), asked + 1);
            assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
        }
    }
}

#[tokio::test]
async fn t121_a_client_that_leaves_while_the_handler_runs_has_paid_nothing_unless_it_paid_first() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for (path, paid) in [("/cheap", 0), ("/first", CENT)] {
            let start = Start::of(&shop, by);
            let header = shop.payment(by, path).await;
            shop.kitchen.wait(&Arc::new(Notify::new()));
            let headers = std::slice::from_ref(&header);
            let request = tokio::spawn(Shop::get_of(&shop.app, path, headers));
            shop.kitchen.started().await;
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
            start.check(&shop, by, 1, paid);
            shop.pay_once_free(path, &header).await.served();
            shop.kitchen.started().await;
            shop.pay(path, &header).await.spent();
            start.check(&shop, by, 2, CENT);
        }
    }
}
