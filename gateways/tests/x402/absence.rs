//! OKX is not there, or comes back without its memory.

use std::sync::Arc;

use devnet::okx::{Act, Endpoint, Okx};
use tokio::sync::Notify;

use crate::purse::By;
use crate::row::Start;
use crate::shop::{CENT, Shop};

/// Stops OKX; what comes back knows nothing of what was before.
async fn leave(shop: &mut Shop) -> u16 {
    let port = shop.okx.url().rsplit(':').next().unwrap().parse().unwrap();
    let idle = Okx::start(&shop.net).await.unwrap();
    drop(std::mem::replace(&mut shop.okx, idle));
    port
}

async fn come_back(shop: &mut Shop, port: u16) {
    // A port is free again once its last connection has gone.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        match Okx::builder().port(port).start(&shop.net).await {
            Ok(okx) => return shop.okx = okx,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_payment_that_okx_is_not_there_for_is_503_and_stays_good() {
    let mut shop = Shop::open().await;
    for by in By::BOTH {
        let header = shop.vague_payment(by).await;
        let start = Start::of(&shop, by);
        let port = leave(&mut shop).await;
        for path in ["/cheap", "/first"] {
            let answer = shop.pay(path, &header).await;
            // Whether it had left is not known of the first one on a connection that dies.
            assert!(matches!(answer.status.as_u16(), 502 | 503), "{answer:?}");
            answer.refused(answer.status.as_u16(), "facilitator_unavailable");
        }
        start.check(&shop, by, 0, 0);
        assert_eq!(shop.guard.len(), start.kept);
        come_back(&mut shop, port).await;
        shop.pay("/cheap", &header).await.served();
        shop.pay("/cheap", &header).await.spent();
        start.check(&shop, by, 1, CENT);
    }
}

#[tokio::test]
async fn okx_that_goes_while_the_meal_is_cooked_takes_nothing() {
    let mut shop = Shop::open().await;
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        let start = Start::of(&shop, by);
        let until = Arc::new(Notify::new());
        shop.kitchen.wait(&until);
        let headers = std::slice::from_ref(&header);
        let running = tokio::spawn(Shop::get_of(&shop.app, "/cheap", headers));
        shop.kitchen.started().await;
        let port = leave(&mut shop).await;
        until.notify_one();
        let answer = running.await.unwrap();
        // Sent on a connection that dies, it may have left.
        match &*answer.code() {
            "settlement_pending" => answer.pending(),
            _ => answer.refused(503, "facilitator_unavailable"),
        }
        start.check(&shop, by, 1, 0);
        come_back(&mut shop, port).await;
        shop.pay("/cheap", &header).await.served();
        shop.kitchen.started().await;
        start.check(&shop, by, 2, CENT);
    }
}

/// Its memory is lost, the chain's is not: an exact payment that the chain knows of is neither
/// delivered on OKX's word that the nonce was used, nor asked for again. A promise that OKX has
/// forgotten is made anew, and one of the two is all that lands.
#[tokio::test]
async fn okx_that_forgets_what_it_settled_takes_no_more() {
    let mut shop = Shop::open().await;
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        let runs = shop.kitchen.runs();
        let earned = shop.on_chain();
        shop.okx.order(Endpoint::Settle, Act::CloseAfter);
        shop.pay("/cheap", &header).await.pending();
        let port = leave(&mut shop).await;
        come_back(&mut shop, port).await;
        let again = shop.pay("/cheap", &header).await;
        let third = shop.pay("/cheap", &header).await;
        match by {
            By::Exact => {
                again.pending();
                third.pending();
                assert_eq!(shop.kitchen.runs(), runs + 1);
            }
            By::Deferred => {
                again.served();
                third.spent();
                assert_eq!(shop.kitchen.runs(), runs + 2);
            }
        }
        assert_eq!(shop.earned(by), earned + CENT);
    }
}
