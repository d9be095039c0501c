use std::sync::Arc;
use std::sync::atomic::Ordering;

use payment_core::{On, Refund};
use scenarios::{Actix, Axum, Bare, Handler, Request, Shop, Stack};

use crate::run::{settled_down, when_free};
use crate::shops::{settled_first, with};

/// What is paid before it fails, where a hook is asked for the money.
fn refunding(how: fn() -> Refund) -> Shop {
    let shop = with(|gate, till| {
        let till = Arc::clone(till);
        gate.hooks(On::new().refund(move |_, _| {
            till.refunds.fetch_add(1, Ordering::SeqCst);
            async move { how() }
        }))
    });
    shop.sell("/weather", settled_first(), Handler::status(500, "no"))
}

/// Fails twice with one payment. The statuses, and how often the handler ran.
async fn twice<S: Stack>(how: fn() -> Refund) -> ([u16; 2], usize) {
    let shop = Arc::new(refunding(how));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let request = Request::get("/weather").pay("good-1");
    let first = when_free(&stack, &request).await.unwrap();
    settled_down(|| till.totals().refunds == 1).await;
    assert_eq!(till.totals().refunds, 1, "{}", S::NAME);
    let second = when_free(&stack, &request).await.unwrap();
    assert_eq!(till.totals().settles, 1, "{}", S::NAME);
    ([first.status, second.status], till.totals().served)
}

async fn what_failed_is_refunded_or_kept<S: Stack>() {
    let refunded = twice::<S>(|| Refund::Done).await;
    assert_eq!(refunded, ([500, 402], 1), "{}", S::NAME);
    // Else it waits for the same buyer.
    for how in [
        || Refund::Keep,
        || Refund::Failed("told to".to_owned()),
        || panic!("the hook panics, as it was told to"),
    ] {
        assert_eq!(twice::<S>(how).await, ([500, 500], 2), "{}", S::NAME);
    }
}

#[tokio::test]
async fn what_failed_is_refunded_or_kept_on_axum() {
    what_failed_is_refunded_or_kept::<Axum>().await;
}

#[tokio::test]
async fn what_failed_is_refunded_or_kept_on_hyper_alone() {
    what_failed_is_refunded_or_kept::<Bare>().await;
}

#[tokio::test]
async fn what_failed_is_refunded_or_kept_on_actix() {
    what_failed_is_refunded_or_kept::<Actix>().await;
}
