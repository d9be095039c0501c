//! Requests that have brought no payment.

use payment_core::usd;
use scenarios::{Handler, Reply, Request, Totals};

use crate::expected::{Change, answered, challenge, free, served, unpaid};
use crate::rows::{NOTHING, SOLD, get, row, weather};
use crate::run::Row;
use crate::shops::{PRICE, shop, without_origin};

pub(crate) fn rows() -> Vec<Row> {
    let options = || Request::new("OPTIONS", "/weather");
    let asks_with = |method, query: &str, body: &str| {
        let line = challenge(method, "/weather", PRICE)
            .replace("query=\"none\"", &format!("query=\"{query}\""))
            .replace("body=\"false\"", &format!("body=\"{body}\""));
        unpaid(method, "/weather").with("www-authenticate", &line)
    };
    let here = challenge("GET", "/weather", PRICE).replace("https:", "http:");
    vec![
        row(
            "an unpaid request is told what to pay, whatever its method",
            weather,
            [
                (get(), unpaid("GET", "/weather")),
                (
                    Request::new("HEAD", "/weather"),
                    unpaid("HEAD", "/weather").headless(),
                ),
                (options(), unpaid("OPTIONS", "/weather")),
                (Request::new("PUT", "/weather"), unpaid("PUT", "/weather")),
                (Request::new("get", "/weather"), unpaid("get", "/weather")),
                (Request::new("BREW", "/weather"), unpaid("BREW", "/weather")),
            ],
            NOTHING,
        ),
        row(
            "an offer is for the query and the body of the request",
            weather,
            [
                (Request::get("/weather?"), asks_with("GET", "", "false")),
                (
                    Request::get("/weather?a=%20&b"),
                    asks_with("GET", "a=%20&b", "false"),
                ),
                (
                    Request::new("POST", "/weather?q").body("hello"),
                    asks_with("POST", "q", "true"),
                ),
                (
                    Request::new("POST", "/weather").body(""),
                    unpaid("POST", "/weather"),
                ),
            ],
            NOTHING,
        ),
        row(
            "a preflight is free and never reaches the handler",
            weather,
            [
                (
                    preflight(options()),
                    Reply::new(204, [], "")
                        .with("allow", "OPTIONS")
                        .with("cache-control", "no-store"),
                ),
                (preflight(get()), unpaid("GET", "/weather")),
                (
                    options().header("origin", "https://elsewhere.example"),
                    unpaid("OPTIONS", "/weather"),
                ),
            ],
            NOTHING,
        ),
        row(
            "what has no price is as it was",
            weather,
            [
                (Request::get("/free"), free(200, "free")),
                (Request::get("/free").pay("good-1"), free(200, "free")),
            ],
            Totals {
                served: 2,
                ..NOTHING
            },
        ),
        row(
            "without an origin the host that was asked for is shown, and no forwarded one",
            || without_origin().sell("/weather", PRICE, Handler::says("sunny")),
            [
                (
                    get(),
                    unpaid("GET", "/weather").with("www-authenticate", &here),
                ),
                (
                    get()
                        .header("x-forwarded-host", "elsewhere.example")
                        .header("x-forwarded-proto", "https")
                        .header("forwarded", "host=elsewhere.example;proto=https"),
                    unpaid("GET", "/weather").with("www-authenticate", &here),
                ),
            ],
            NOTHING,
        ),
        row(
            "a price on everything is asked for unknown paths too, and not taken for them",
            || weather().front(usd!("0.02")),
            [
                (
                    Request::get("/nowhere"),
                    unpaid("GET", "/nowhere").with(
                        "www-authenticate",
                        &challenge("GET", "/nowhere", usd!("0.02")),
                    ),
                ),
                (Request::get("/nowhere").pay("good-1"), answered(404, "")),
                (Request::get("/free").pay("good-2"), served("free")),
            ],
            Totals {
                releases: 1,
                ..SOLD
            },
        ),
        row(
            "a table in front prices what it names and leaves the rest alone",
            || {
                shop()
                    .give("/weather", Handler::says("sunny"))
                    .give("/free", Handler::Tells)
                    .front_only("/weather", PRICE)
            },
            [
                (get(), unpaid("GET", "/weather")),
                (Request::get("/free"), free(200, "free")),
                (Request::get("/free").pay("good-1"), free(200, "free")),
                (Request::get("/nowhere"), free(404, "")),
                (get().pay("good-1"), served("sunny")),
            ],
            Totals { served: 3, ..SOLD },
        ),
    ]
}

fn preflight(request: Request) -> Request {
    request
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET")
}
