use std::sync::Arc;

use scenarios::{Actix, Axum, Bare, Handler, Request, Shop, Stack};

use crate::shops::{PRICE, shop};

/// Ways to write the paths `/weather` and `/north/weather`.
const SPELLINGS: [&str; 26] = [
    "/weather",
    "/weather?free=1",
    "//weather",
    "/weather/",
    "/weather//",
    "/WEATHER",
    "/Weather",
    "/%77eather",
    "/%57eather",
    "/we%61the%72",
    "/%2fweather",
    "/%2Fweather",
    "/weather%2f",
    "/weather%20",
    "/weather%00",
    "/weather;a=b",
    "/./weather",
    "/%2e/weather",
    "/free/../weather",
    "/free/%2e%2e/weather",
    "/weather.",
    "/north/weather",
    "/north//weather",
    "/nort%68/weather",
    "/north/%77eather",
    "http://elsewhere.example/weather",
];

/// No spelling runs a handler unpaid; where one is found, it is found by paying.
async fn no_spelling_is_a_way_around<S: Stack>(open: fn() -> Shop) -> Vec<&'static str> {
    let shop = Arc::new(open());
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let mut found = Vec::new();
    for spelling in SPELLINGS {
        let unpaid = stack.send(&Request::get(spelling)).await.unwrap();
        let closed = [400, 402, 404].contains(&unpaid.status);
        assert!(closed, "{} {spelling} {unpaid:?}", S::NAME);
        let before = till.totals();
        assert_eq!(before.served, before.settles, "{} {spelling}", S::NAME);
        let request = Request::get(spelling).pay(format!("good-{}", found.len()));
        let paid = stack.send(&request).await.unwrap();
        let after = till.totals();
        assert_eq!(after.served, after.settles, "{} {spelling}", S::NAME);
        if paid.status == 200 {
            assert_eq!(unpaid.status, 402, "{} {spelling}", S::NAME);
            assert_eq!(after.settles, before.settles + 1, "{} {spelling}", S::NAME);
            found.push(spelling);
        }
    }
    assert!(found.len() >= 2, "{} {found:?}", S::NAME);
    found
}

fn on_each_route() -> Shop {
    shop().sell("/weather", PRICE, Handler::says("sunny")).nest(
        "/north",
        "/weather",
        PRICE,
        Handler::says("snow"),
    )
}

/// The handlers are free, and the gate in front knows them by the paths that it is told.
fn by_one_path() -> Shop {
    shop()
        .give("/weather", Handler::says("sunny"))
        .front_only("/weather", PRICE)
}

/// The handlers are free, and a table in front prices them.
fn by_a_table() -> Shop {
    shop()
        .give("/weather", Handler::says("sunny"))
        .give_below("/north", "/weather", Handler::says("snow"))
        .table([("/weather", PRICE), ("/north/weather", PRICE)])
}

/// The same with a price for all the rest.
fn by_a_table_of_all() -> Shop {
    by_a_table().table([
        ("/weather", PRICE),
        ("/north/:place", PRICE),
        ("/*", payment_core::usd!("0.02")),
    ])
}

#[tokio::test]
async fn no_spelling_is_a_way_around_a_priced_route() {
    no_spelling_is_a_way_around::<Axum>(on_each_route).await;
    no_spelling_is_a_way_around::<Bare>(on_each_route).await;
    let found = no_spelling_is_a_way_around::<Actix>(on_each_route).await;
    // actix undoes percent-encoding before it looks for a route.
    assert!(found.contains(&"/%77eather"), "{found:?}");
}

#[tokio::test]
async fn no_spelling_is_a_way_around_a_gate_in_front() {
    no_spelling_is_a_way_around::<Axum>(by_one_path).await;
    no_spelling_is_a_way_around::<Bare>(by_one_path).await;
    let found = no_spelling_is_a_way_around::<Actix>(by_one_path).await;
    assert!(found.contains(&"/%77eather"), "{found:?}");
}

#[tokio::test]
async fn t90_no_spelling_is_a_way_around_a_table() {
    no_spelling_is_a_way_around::<Axum>(by_a_table).await;
    no_spelling_is_a_way_around::<Bare>(by_a_table).await;
    // Found by a path of which the spelling that was sent says the same.
    let found = no_spelling_is_a_way_around::<Actix>(by_a_table).await;
    assert!(found.contains(&"/%77eather"), "{found:?}");
}

#[tokio::test]
async fn t90_a_spelling_that_two_keys_take_is_refused_by_a_table() {
    no_spelling_is_a_way_around::<Axum>(by_a_table_of_all).await;
    no_spelling_is_a_way_around::<Bare>(by_a_table_of_all).await;
    // As sent, it is all the rest; as actix reads it, the weather.
    let found = no_spelling_is_a_way_around::<Actix>(by_a_table_of_all).await;
    assert!(!found.contains(&"/%77eather"), "{found:?}");
    assert!(found.contains(&"/weather"), "{found:?}");
}

/// What a request for this path is offered, under `/item/{name}`.
async fn offered<S: Stack>(path: &str) -> String {
    let shop = shop().sell("/item/{name}", PRICE, Handler::says("it"));
    let stack = S::open(Arc::new(shop)).await;
    let reply = stack.send(&Request::get(path)).await.unwrap();
    assert_eq!(reply.status, 402, "{} {path}", S::NAME);
    let lines = reply.header("www-authenticate");
    let (_, url) = lines[0].split_once("url=\"").unwrap();
    url[..url.find('"').unwrap()].to_owned()
}

#[tokio::test]
async fn an_offer_shows_a_path_that_can_be_asked_for() {
    for path in [
        "/item/a",
        "/item/a%20b",
        "/item/%22%0D%0A",
        "/item/%2F%25%2B",
        "/item/%C3%A9",
        "/item/a.b-c_d~e!$&'()*+,;=:@",
    ] {
        let url = format!("https://shop.example{path}");
        assert_eq!(offered::<Axum>(path).await, url);
        assert_eq!(offered::<Actix>(path).await, url);
    }
    // What actix takes for one path has one name.
    for path in ["/item/%41", "/%69tem/A"] {
        assert_eq!(offered::<Actix>(path).await, "https://shop.example/item/A");
    }
    assert_eq!(
        offered::<Actix>("/item/%FF").await,
        "https://shop.example/item/%EF%BF%BD"
    );
}
