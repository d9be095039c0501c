use std::sync::Arc;

use payment_core::Route;
use scenarios::{Actix, Axum, Bare, Handler, Request, Stack};
use tokio::task::JoinSet;

use crate::shops::{PRICE, settled_first, shop};

/// A hundred equal requests are one delivery.
async fn one_is_served<S: Stack>(price: Route) {
    let shop = Arc::new(shop().sell("/weather", price, Handler::says("sunny")));
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

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_axum() {
    one_is_served::<Axum>(PRICE.into()).await;
    one_is_served::<Axum>(settled_first()).await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_hyper_alone() {
    one_is_served::<Bare>(PRICE.into()).await;
    one_is_served::<Bare>(settled_first()).await;
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_served_on_actix() {
    one_is_served::<Actix>(PRICE.into()).await;
    one_is_served::<Actix>(settled_first()).await;
}
