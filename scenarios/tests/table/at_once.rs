use std::sync::Arc;

use payment_core::Route;
use scenarios::{Actix, Axum, Bare, Handler, Request, Shop, Stack};
use tokio::task::JoinSet;

use crate::run::{settled_down, when_free};
use crate::shops::{PRICE, found, settled_first, shop, with_everything};

/// A hundred equal requests are one delivery.
async fn one_is_served<S: Stack>(shop: Shop, price: impl Into<Route>) {
    let shop = Arc::new(shop.sell("/weather", price, Handler::says("sunny")));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let address = stack.address();
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let request = Request::get("/weather").pay("good-1");
        requests.spawn(async move { request.send(address).await.unwrap() });
    }
    let mut delivered = 0;
    while let Some(reply) = requests.join_next().await {
        let reply = reply.unwrap();
        match reply.status {
            200 => delivered += 1,
            // Spent, or in progress.
            402 | 409 => assert!(!reply.body.contains("sunny")),
            _ => panic!("{} {reply:?}", S::NAME),
        }
    }
    assert_eq!((delivered, till.totals().settles), (1, 1), "{}", S::NAME);
    assert_eq!(till.totals().served, 1, "{}", S::NAME);
}

async fn one_of_a_hundred<S: Stack>() {
    one_is_served::<S>(shop(), PRICE).await;
    one_is_served::<S>(shop(), settled_first()).await;
    one_is_served::<S>(with_everything(), found(PRICE)).await;
    one_is_served::<S>(with_everything(), found(settled_first())).await;
}

/// A hundred equal requests for what fails are one refund, and nothing is sold after it.
async fn one_is_refunded<S: Stack>() {
    let fails = Handler::status(500, "no");
    let shop = with_everything().sell("/weather", found(settled_first()), fails);
    let shop = Arc::new(shop);
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let address = stack.address();
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let request = Request::get("/weather").pay("good-1");
        requests.spawn(async move { request.send(address).await.unwrap().status });
    }
    let mut failed = 0;
    while let Some(status) = requests.join_next().await {
        match status.unwrap() {
            500 => failed += 1,
            402 | 409 => {}
            status => panic!("{} {status}", S::NAME),
        }
    }
    settled_down(|| till.totals().refunds == 1).await;
    let spent = when_free(&stack, &Request::get("/weather").pay("good-1")).await;
    assert_eq!(spent.unwrap().status, 402, "{}", S::NAME);
    let totals = till.totals();
    assert_eq!((totals.settles, totals.refunds), (1, 1), "{}", S::NAME);
    assert!(failed >= 1, "{}", S::NAME);
    assert_eq!(failed, totals.served, "{}", S::NAME);
}

#[tokio::test]
async fn t23_of_a_hundred_at_once_one_is_refunded() {
    one_is_refunded::<Axum>().await;
    one_is_refunded::<Bare>().await;
    one_is_refunded::<Actix>().await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_axum() {
    one_of_a_hundred::<Axum>().await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_hyper_alone() {
    one_of_a_hundred::<Bare>().await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_actix() {
    one_of_a_hundred::<Actix>().await;
}
