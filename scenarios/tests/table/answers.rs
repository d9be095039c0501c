use std::sync::Arc;

use payment_core::{Cors, CustomBody, Gate, Page, Route};
use scenarios::{Actix, Axum, Bare, Handler, OURS, Reply, Request, Shop, Stack, Till};

use crate::shops::PRICE;

const ORIGIN: &str = "https://page.example";

/// A shop with pages, words of its own, and pages of another origin that buy.
fn shop() -> Shop {
    let till = Arc::new(Till::default());
    let gate = Gate::builder(OURS.at(&till))
        .cors(Cors::origins([ORIGIN]))
        .paywall(|_: &_, _: &_| Some(Page::new("<p>pay!")));
    let worded = Route::priced(PRICE)
        .no_paywall()
        .unpaid_body(|_| CustomBody::of("text/plain", "pay!"))
        .settlement_failed_body(|_, failure| CustomBody::of("text/plain", failure.code.clone()));
    Shop::new(till, gate.build().unwrap())
        .sell("/weather", PRICE, Handler::Echoes)
        .sell("/worded", worded, Handler::Echoes)
}

async fn answers<S: Stack>() -> Vec<Reply> {
    let stack = S::open(Arc::new(shop())).await;
    let get = |path: &str| Request::get(path).header("origin", ORIGIN);
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/weather")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "x-own")
    };
    let mut replies = Vec::new();
    for request in [
        preflight(ORIGIN),
        preflight("https://other.example"),
        get("/weather"),
        get("/weather").header("accept", "text/html, */*;q=0.8"),
        get("/weather").pay("good-1"),
        Request::get("/weather").pay("good-2"),
        get("/worded").header("accept", "text/html"),
        get("/worded").pay("broke-1"),
    ] {
        replies.push(stack.send(&request).await.unwrap());
    }
    replies
}

#[tokio::test]
async fn answers_are_worded_and_shared_in_the_same_way() {
    let replies = answers::<Axum>().await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [204, 204, 402, 402, 200, 200, 402, 402]);
    let said = [3, 6, 7].map(|at| &*replies[at].body);
    assert_eq!(said, ["<p>pay!", "pay!", "no_funds"]);
    for (at, reply) in replies.iter().enumerate() {
        let allowed = reply.header("access-control-allow-origin");
        let named = !matches!(at, 1 | 5);
        assert_eq!(allowed, vec![ORIGIN; usize::from(named)], "{at}");
    }
    assert_eq!(answers::<Bare>().await, replies);
    assert_eq!(answers::<Actix>().await, replies);
}
