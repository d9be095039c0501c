use payment_core::usd;
use scenarios::{Actix, Axum, Bare, Handler, Shop, Stack};

use crate::raw::{Open, SOLD};
use crate::shops::{PRICE, settled_first, shop};

/// Heads of requests for `/weather` and `/north/weather`, or for what may be taken for them, up to
/// where a payment is added.
const HEADS: &[&str] = &[
    "GET /weather HTTP/1.1\r\nhost: a\r\n",
    "GET /north/weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example/weather HTTP/1.1\r\nhost: elsewhere.example\r\n",
    "GET http://shop.example/north/weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example/weather HTTP/1.1\r\n",
    "GET http://shop.example:80/weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://user:secret@shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "GET https://shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "GET ftp://shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example//weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example/./weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example?/weather HTTP/1.1\r\nhost: a\r\n",
    "GET http://shop.example/north/../weather HTTP/1.1\r\nhost: a\r\n",
    "GET http:///weather HTTP/1.1\r\nhost: a\r\n",
    "GET http:/weather HTTP/1.1\r\nhost: a\r\n",
    "GET shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "GET weather HTTP/1.1\r\nhost: a\r\n",
    "GET shop.example:80 HTTP/1.1\r\nhost: a\r\n",
    "GET * HTTP/1.1\r\nhost: a\r\n",
    "GET *weather HTTP/1.1\r\nhost: a\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: a\r\n",
    "OPTIONS /weather HTTP/1.1\r\nhost: a\r\n",
    "OPTIONS http://shop.example HTTP/1.1\r\nhost: a\r\n",
    "options /weather HTTP/1.1\r\nhost: a\r\norigin: a\r\naccess-control-request-method: GET\r\n",
    "OPTIONS /weather HTTP/1.1\r\nhost: a\r\naccess-control-request-method: GET\r\n",
    "CONNECT shop.example:80 HTTP/1.1\r\nhost: a\r\n",
    "CONNECT /weather HTTP/1.1\r\nhost: a\r\n",
    "CONNECT http://shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "connect /weather HTTP/1.1\r\nhost: a\r\n",
    "get /weather HTTP/1.1\r\nhost: a\r\n",
    "gEt /north/weather HTTP/1.1\r\nhost: a\r\n",
    "head /weather HTTP/1.1\r\nhost: a\r\n",
    "PAID /weather HTTP/1.1\r\nhost: a\r\n",
    "TRACE /weather HTTP/1.1\r\nhost: a\r\n",
    "M-SEARCH /weather HTTP/1.1\r\nhost: a\r\n",
    "POST /weather HTTP/1.1\r\nhost: a\r\nx-http-method-override: GET\r\ncontent-length: 0\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nx-original-url: /weather\r\nx-rewrite-url: /weather\r\n",
    "GET //shop.example/weather HTTP/1.1\r\nhost: a\r\n",
    "GET ///weather HTTP/1.1\r\nhost: a\r\n",
    "GET /weather#f HTTP/1.1\r\nhost: a\r\n",
    "GET /#/weather HTTP/1.1\r\nhost: a\r\n",
    "GET /north/weather#f HTTP/1.1\r\nhost: a\r\n",
    "GET /weather;x HTTP/1.1\r\nhost: a\r\n",
    "GET /north;x/weather HTTP/1.1\r\nhost: a\r\n",
    "GET /./weather HTTP/1.1\r\nhost: a\r\n",
    "GET /%2e/weather HTTP/1.1\r\nhost: a\r\n",
    "GET /north/./weather HTTP/1.1\r\nhost: a\r\n",
    "GET /north%2fweather HTTP/1.1\r\nhost: a\r\n",
    "GET /\\weather HTTP/1.1\r\nhost: a\r\n",
    "GET /north\\weather HTTP/1.1\r\nhost: a\r\n",
    "GET /%5cweather HTTP/1.1\r\nhost: a\r\n",
    "GET /weather%0d%0ax-our-payment:%20good-1 HTTP/1.1\r\nhost: a\r\n",
    "GET /weather%23 HTTP/1.1\r\nhost: a\r\n",
    "GET /weather%3f HTTP/1.1\r\nhost: a\r\n",
    "GET /%u0077eather HTTP/1.1\r\nhost: a\r\n",
    "GET /%2577eather HTTP/1.1\r\nhost: a\r\n",
    "GET /%7weather HTTP/1.1\r\nhost: a\r\n",
    "GET /weather?# HTTP/1.1\r\nhost: a\r\n",
    "GET /weather\t HTTP/1.1\r\nhost: a\r\n",
    "GET /wea\tther HTTP/1.1\r\nhost: a\r\n",
    "GET\t/weather\tHTTP/1.1\r\nhost: a\r\n",
    "GET  /weather  HTTP/1.1\r\nhost: a\r\n",
    " GET /weather HTTP/1.1\r\nhost: a\r\n",
    "\r\nGET /weather HTTP/1.1\r\nhost: a\r\n",
    "\r\n\r\n\nGET /weather HTTP/1.1\r\nhost: a\r\n",
    "GET /weather HTTP/1.1 HTTP/1.1\r\nhost: a\r\n",
    "GET /weather\0 HTTP/1.1\r\nhost: a\r\n",
    "GET /weather\u{7f} HTTP/1.1\r\nhost: a\r\n",
    "GET /weather\u{e9} HTTP/1.1\r\nhost: a\r\n",
    "GET /\u{ff57}eather HTTP/1.1\r\nhost: a\r\n",
    "GET /weather\rHTTP/1.1\r\nhost: a\r\n",
    "GET /weather HTTP/1.1\nhost: a\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\nx-folded: b\r\n c\r\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\n x-our-payment: good-1\r\n",
    "GET /weather HTTP/1.1\r\n x: y\r\nhost: a\r\n",
    "GET /weather HTTP/1.1\r\nhost : a\r\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\nx-our-payment : good-1\r\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\n: b\r\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
    "GET /weather HTTP/1.1\r\nhost: a, b\r\n",
    "GET /weather HTTP/1.1\r\nhost:\r\n",
    "GET /weather HTTP/1.1\r\nhost: a/weather?\"\\\r\n",
    "GET /weather HTTP/1.1\r\nhost: \u{e9}\r\n",
    "GET /weather HTTP/1.1\r\n",
    "GET /weather HTTP/1.0\r\n",
    "GET /north/weather HTTP/1.0\r\n",
    "GET http://shop.example/weather HTTP/1.0\r\n",
    "GET /weather HTTP/0.9\r\n",
    "GET /weather\r\n",
    "GET /weather HTTP/1.2\r\nhost: a\r\n",
    "GET /weather HTTP/2.0\r\nhost: a\r\n",
    "GET /weather http/1.1\r\nhost: a\r\n",
    "PRI * HTTP/2.0\r\n",
    "GET /weather HTTP/1.1\r\nhost: a\r\n:path: /free\r\n",
];

/// Heads that are too long for some servers.
fn long() -> Vec<String> {
    let head = |target: String| format!("GET {target} HTTP/1.1\r\nhost: a\r\n");
    vec![
        head(format!("/weather?{}", "a".repeat(20_000))),
        head(format!("/weather?{}", "a".repeat(65_000))),
        head(format!("/weather?{}", "a".repeat(700_000))),
        head(format!("/{}weather", "./".repeat(5_000))),
        head(format!("{}weather", "/".repeat(5_000))),
        head(format!("/weather{}", ";a".repeat(5_000))),
        head(format!("/{}weather", "%2e/".repeat(5_000))),
        head("/weather".to_owned()) + &"x: y\r\n".repeat(90),
        head("/weather".to_owned()) + &"x: y\r\n".repeat(300),
    ]
}

/// No head runs a handler unpaid, and some find one by paying.
async fn no_head_is_a_way_around<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    let heads = HEADS.iter().map(|head| (*head).to_owned());
    let mut found = Vec::new();
    for (at, head) in heads.chain(long()).enumerate() {
        let closed = format!("{head}connection: close\r\n");
        let unpaid = open.unpaid(format!("{closed}\r\n")).await;
        // What follows a CONNECT is a tunnel, and some handlers wait for its end.
        if head.to_ascii_uppercase().starts_with("CONNECT") {
            continue;
        }
        let paid = format!("{closed}x-our-payment: good-{at}\r\n\r\n");
        let asked = unpaid.statuses() == [402];
        let (said, more) = open.paid(paid, usize::from(asked)).await;
        if more.served > 0 {
            assert!(asked, "{} {head} {said:?}", S::NAME);
            found.push(head);
        }
    }
    let plain = [
        "GET /weather HTTP/1.1",
        "GET http://shop.example/weather HTTP/1.1",
    ];
    for plain in plain {
        let is_there = found.iter().any(|head| head.starts_with(plain));
        assert!(is_there, "{} {found:#?}", S::NAME);
    }
}

fn on_each_route() -> Shop {
    shop().sell("/weather", PRICE, Handler::says(SOLD)).nest(
        "/north",
        "/weather",
        PRICE,
        Handler::says(SOLD),
    )
}

fn on_each_route_settled_first() -> Shop {
    shop()
        .sell("/weather", settled_first(), Handler::says(SOLD))
        .nest("/north", "/weather", settled_first(), Handler::says(SOLD))
}

fn by_a_table() -> Shop {
    shop()
        .give("/weather", Handler::says(SOLD))
        .give_below("/north", "/weather", Handler::says(SOLD))
        .table([("/weather", PRICE), ("/north/weather", PRICE)])
}

/// All that is there has a price, and all that is not.
fn by_a_star() -> Shop {
    shop()
        .give("/weather", Handler::says(SOLD))
        .give_below("/north", "/weather", Handler::says(SOLD))
        .give_rest(Handler::says(SOLD))
        .table([("/*", PRICE)])
}

/// The same by two keys, and the shorter is the dearer.
fn by_two_keys() -> Shop {
    by_a_star().table([("/north/*", PRICE), ("/*", usd!("0.02"))])
}

/// One gate in front, and handlers for what no route takes.
fn by_a_gate_in_front() -> Shop {
    shop()
        .give("/weather", Handler::says(SOLD))
        .give_below("/north", "/weather", Handler::says(SOLD))
        .give_rest(Handler::says(SOLD))
        .front(PRICE)
}

async fn on_every_stack(open: fn() -> Shop) {
    no_head_is_a_way_around::<Axum>(open).await;
    no_head_is_a_way_around::<Bare>(open).await;
    no_head_is_a_way_around::<Actix>(open).await;
}

#[tokio::test]
async fn t90_no_head_is_a_way_around_a_priced_route() {
    on_every_stack(on_each_route).await;
    on_every_stack(on_each_route_settled_first).await;
}

#[tokio::test]
async fn t90_no_head_is_a_way_around_a_table() {
    on_every_stack(by_a_table).await;
}

#[tokio::test]
async fn t90_no_head_is_a_way_around_a_star() {
    on_every_stack(by_a_star).await;
    on_every_stack(by_two_keys).await;
}

#[tokio::test]
async fn t90_no_head_is_a_way_around_a_gate_in_front() {
    on_every_stack(by_a_gate_in_front).await;
}

/// The URLs that are offered for this target, under one gate in front of all that is there.
async fn offered<S: Stack>(head: &str) -> Vec<String> {
    let open = Open::<S>::new(by_a_gate_in_front()).await;
    let head = format!("{head} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let said = open.unpaid(head).await;
    let urls = said.0.split("url=\"").skip(1);
    urls.map(|rest| rest[..rest.find('"').unwrap()].to_owned())
        .collect()
}

#[tokio::test]
async fn t06_no_target_makes_an_offer_of_another_host() {
    for target in [
        "*",
        "*@elsewhere.example/weather",
        "*.elsewhere.example",
        "http://elsewhere.example/weather",
        "http://a@elsewhere.example:1?@elsewhere.example",
        "//elsewhere.example/weather",
        "@elsewhere.example/weather",
        ".elsewhere.example/weather",
        ":1/weather",
    ] {
        let head = format!("GET {target}");
        let mut all = offered::<Axum>(&head).await;
        all.extend(offered::<Bare>(&head).await);
        all.extend(offered::<Actix>(&head).await);
        for url in &all {
            assert!(url.starts_with("https://shop.example/"), "{target} {url}");
        }
        let plain = target == "*" || target.contains("//");
        assert!(!plain || !all.is_empty(), "{target}");
    }
    for url in offered::<Axum>("CONNECT shop.example:80").await {
        assert_eq!(url, "https://shop.example/");
    }
}
