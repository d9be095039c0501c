use std::sync::atomic::Ordering;
use std::time::Duration;

use scenarios::{Actix, Axum, Bare, Stack};

use crate::journey::Journey;

const PATH: &str = "/moving";

/// A price that moves between the 402 and the payment: for a minute the buyer pays what was quoted,
/// be it more or less, and after it is told the new price. (T03)
async fn a_moved_price<S: Stack>() {
    let mut way = Journey::<S>::begin().await;
    let cents = |way: &Journey<S>, cents| way.seller.cents.store(cents, Ordering::SeqCst);
    for (before, after) in [(1, 2), (2, 1)] {
        let quoted = before * 10_000;
        cents(&way, before);
        let x402 = way.buyer.x402(&way.stack, PATH).await;
        let mpp = way.buyer.mpp(&way.stack, PATH).await;
        cents(&way, after);
        way.buy(PATH, x402, "payment-response", quoted).await;
        way.buy(PATH, mpp, "payment-receipt", quoted).await;

        cents(&way, before);
        let x402 = way.buyer.x402(&way.stack, PATH).await;
        let mpp = way.buyer.mpp(&way.stack, PATH).await;
        cents(&way, after);
        way.seller.clock.advance(Duration::from_secs(61));
        way.is_refused(PATH, std::slice::from_ref(&x402), 402).await;
        way.is_refused(PATH, std::slice::from_ref(&mpp), 402).await;
        // They are good for their price, when it is back.
        cents(&way, before);
        way.buy(PATH, x402, "payment-response", quoted).await;
        way.buy(PATH, mpp, "payment-receipt", quoted).await;
    }
}

#[tokio::test]
async fn t03_a_moved_price_is_paid_as_quoted_for_a_while_on_axum() {
    a_moved_price::<Axum>().await;
}

#[tokio::test]
async fn t03_a_moved_price_is_paid_as_quoted_for_a_while_on_hyper_alone() {
    a_moved_price::<Bare>().await;
}

#[tokio::test]
async fn t03_a_moved_price_is_paid_as_quoted_for_a_while_on_actix() {
    a_moved_price::<Actix>().await;
}
