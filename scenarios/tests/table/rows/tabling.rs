//! Prices by a table in front of the shop.

use payment_core::{Pricing, Quote, Route, usd};
use scenarios::{Handler, Request, Shop, Totals};

use crate::expected::{Change, challenge, free, own, served, unpaid};
use crate::rows::{NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, shop};

fn tabled() -> Shop {
    shop()
        .give("/weather", Handler::says("sunny"))
        .give("/verb", Handler::says("verb"))
        .give("/free", Handler::says("free"))
        .give_below("/north", "/weather", Handler::says("snow"))
        .table([
            ("/weather", PRICE),
            ("GET /verb", PRICE),
            ("/north/*", PRICE),
        ])
}

pub(crate) fn rows() -> Vec<Row> {
    let verb = |method| Request::new(method, "/verb");
    vec![
        row(
            "a key without a verb is for every verb",
            tabled,
            [
                (get(), unpaid("GET", "/weather")),
                (
                    Request::new("HEAD", "/weather"),
                    unpaid("HEAD", "/weather").headless(),
                ),
                (
                    Request::new("OPTIONS", "/weather"),
                    unpaid("OPTIONS", "/weather"),
                ),
                (Request::new("BREW", "/weather"), unpaid("BREW", "/weather")),
                (Request::new("get", "/weather"), unpaid("get", "/weather")),
                (get().pay("good-1"), served("sunny")),
            ],
            SOLD,
        ),
        row(
            "a key for GET is for HEAD too, and for no other",
            tabled,
            [
                (verb("GET"), unpaid("GET", "/verb")),
                (verb("HEAD"), unpaid("HEAD", "/verb").headless()),
                (verb("HEAD").pay("good-1"), served("verb").headless()),
                (verb("DELETE"), free(200, "verb")),
            ],
            Totals { served: 2, ..SOLD },
        ),
        row(
            "a preflight of what a key takes is answered, and of nothing else",
            tabled,
            [
                (
                    preflight("/verb"),
                    scenarios::Reply::new(204, [], "")
                        .with("allow", "OPTIONS")
                        .with("cache-control", "no-store"),
                ),
                (preflight("/free"), free(200, "free")),
            ],
            Totals {
                served: 1,
                ..NOTHING
            },
        ),
        row(
            "a table knows mounted routes by their whole path",
            tabled,
            [
                (
                    Request::get("/north/weather"),
                    unpaid("GET", "/north/weather"),
                ),
                (Request::get("/north/weather").pay("good-1"), served("snow")),
                // Nothing is there, and it has a price all the same.
                (
                    Request::get("/north/nowhere"),
                    unpaid("GET", "/north/nowhere"),
                ),
                (Request::get("/free"), free(200, "free")),
            ],
            Totals { served: 2, ..SOLD },
        ),
        row(
            "a path that leads to two keys is refused",
            || {
                shop()
                    .give("/weather", Handler::says("sunny"))
                    .give("/north", Handler::says("snow"))
                    .table([("/weather", PRICE), ("/north", usd!("0.02"))])
            },
            [
                (
                    Request::get("/north;%2f..%2fweather"),
                    own(400, AMBIGUOUS, "ambiguous_path"),
                ),
                (
                    Request::get("/north;%2f..%2fweather").pay("good-1"),
                    own(400, AMBIGUOUS, "ambiguous_path"),
                ),
            ],
            NOTHING,
        ),
        row(
            "a table reads the bodies that its prices are read from",
            || {
                let pricing = Pricing::by(async |ask| {
                    Ok(match ask.body.unwrap_or_default().len() {
                        0..=3 => Quote::Standard,
                        _ => Quote::from(usd!("0.05")),
                    })
                });
                let route = Route::priced(PRICE).pricing(pricing.reading_body(8));
                shop()
                    .give("/weather", Handler::Echoes)
                    .give("/free", Handler::Echoes)
                    .table([("/weather", route)])
            },
            [
                (
                    Request::new("POST", "/weather").body("abcd"),
                    unpaid("POST", "/weather").with(
                        "www-authenticate",
                        &challenge("POST", "/weather", usd!("0.05"))
                            .replace("body=\"false\"", "body=\"true\""),
                    ),
                ),
                (
                    Request::new("POST", "/weather").body("abcd").pay("good-1"),
                    served("abcd"),
                ),
                (
                    Request::new("POST", "/free").body("123456789"),
                    free(200, "123456789"),
                ),
            ],
            Totals { served: 2, ..SOLD },
        ),
    ]
}

fn preflight(path: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET")
}

const AMBIGUOUS: (&str, &str, &str) = (
    "urn:tollgate:problem:ambiguous-path",
    "Ambiguous Path",
    "this path can be read in several ways that cost differently; ask in its plain spelling",
);
