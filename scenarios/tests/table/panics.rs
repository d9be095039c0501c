use std::sync::Arc;

use scenarios::{Actix, Axum, Bare, Handler, Request, Stack, Totals};

use crate::run::{settled_down, when_free};
use crate::shops::{PRICE, settled_first, shop};

/// The connection ends as the framework sees fit; the money is right.
async fn a_panic_costs_nothing<S: Stack>() {
    let shop = Arc::new(shop().sell("/after", PRICE, Handler::Panics).sell(
        "/before",
        settled_first(),
        Handler::Panics,
    ));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let after = Request::get("/after").pay("good-1");
    for served in 1..=2 {
        assert_eq!(when_free(&stack, &after).await, None);
        let expected = Totals {
            served,
            releases: served,
            ..Totals::default()
        };
        settled_down(|| till.totals() == expected).await;
        assert_eq!(till.totals(), expected, "{}", S::NAME);
    }
    // What was settled is not settled again.
    let before = Request::get("/before").pay("good-2");
    for served in 3..=4 {
        assert_eq!(when_free(&stack, &before).await, None);
        let totals = till.totals();
        assert_eq!((totals.served, totals.settles), (served, 1), "{}", S::NAME);
    }
}

#[tokio::test]
async fn a_panic_costs_nothing_on_axum() {
    a_panic_costs_nothing::<Axum>().await;
}

#[tokio::test]
async fn a_panic_costs_nothing_on_hyper_alone() {
    a_panic_costs_nothing::<Bare>().await;
}

#[tokio::test]
async fn a_panic_costs_nothing_on_actix() {
    a_panic_costs_nothing::<Actix>().await;
}
