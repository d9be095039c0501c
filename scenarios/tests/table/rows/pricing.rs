//! Prices that are found for each request.

use std::future::pending;
use std::time::Duration;

use payment_core::{BoxError, Denial, PaymentOption, Pricing, Quote, Route, usd};
use scenarios::{Handler, Request, Shop, Totals};

use crate::expected::{Change, answered, challenge, denied, fault, own, served, unpaid};
use crate::rows::{NOTHING, SOLD, row};
use crate::run::Row;
use crate::shops::{PRICE, shop};

/// What the query says.
async fn by_query(query: Option<&str>) -> Result<Quote, BoxError> {
    Ok(match query {
        Some("large") => Quote::from(usd!("0.05")),
        Some("free") => Quote::Free,
        Some("never") => Quote::Deny(Denial::new("not_for_sale").detail("no")),
        Some("none") => Quote::Options(Vec::new()),
        Some("error") => return Err("down".into()),
        Some("panic") => panic!("the pricer panics, as it was told to"),
        Some("late") => pending().await,
        _ => Quote::Standard,
    })
}

fn priced() -> Shop {
    let pricing = Pricing::by(|ask| async move { by_query(ask.query.as_deref()).await });
    let pricing = pricing.deadline(Duration::from_millis(5));
    let route = Route::priced(PRICE).pricing(pricing);
    shop().sell("/weather", route, Handler::says("sunny"))
}

pub(crate) fn rows() -> Vec<Row> {
    let asked = |query: &str| Request::get(format!("/weather?{query}"));
    let of = |query: &str, price| {
        let line = challenge("GET", "/weather", price)
            .replace("query=\"none\"", &format!("query=\"{query}\""));
        unpaid("GET", "/weather").with("www-authenticate", &line)
    };
    let closed = || fault(503, "price_unavailable").with("retry-after", "2");
    let mut rows = vec![
        row(
            "a price is that of the request",
            priced,
            [
                (asked("small"), of("small", PRICE)),
                (asked("large"), of("large", usd!("0.05"))),
                (asked("large").pay("good-1"), served("sunny")),
            ],
            SOLD,
        ),
        row(
            "what a pricer gives away is free, and a payment is left alone",
            priced,
            [
                (
                    asked("free"),
                    answered(200, "sunny").with("cache-control", "private"),
                ),
                (
                    asked("free").pay("good-1"),
                    answered(200, "sunny").with("cache-control", "private"),
                ),
                (asked("small").pay("good-1"), served("sunny")),
            ],
            Totals { served: 3, ..SOLD },
        ),
        row(
            "what a pricer denies is not for sale",
            priced,
            [
                (asked("never"), denied("not_for_sale", "no")),
                (asked("never").pay("good-1"), denied("not_for_sale", "no")),
            ],
            NOTHING,
        ),
        row(
            "the ways to pay are offered in the seller's order",
            || {
                let options = [usd!("0.03"), usd!("0.02")].map(PaymentOption::new);
                let route = Route::priced(PRICE).options(options);
                shop().sell("/weather", route, Handler::says("sunny"))
            },
            [(
                Request::get("/weather"),
                unpaid("GET", "/weather").with(
                    "www-authenticate",
                    &challenge("GET", "/weather", usd!("0.03")),
                ),
            )],
            NOTHING,
        ),
        row(
            "a body over the limit is not priced",
            || {
                let pricing = Pricing::by(async |_| Ok(Quote::Standard)).reading_body(8);
                let route = Route::priced(PRICE).pricing(pricing);
                shop().sell("/weather", route, Handler::Echoes)
            },
            [
                (
                    Request::new("POST", "/weather")
                        .body("12345678")
                        .pay("good-1"),
                    served("12345678"),
                ),
                (
                    Request::new("POST", "/weather")
                        .body("123456789")
                        .pay("good-2"),
                    own(413, TOO_LARGE, "body_too_large"),
                ),
            ],
            SOLD,
        ),
    ];
    for query in ["error", "panic", "late"] {
        rows.push(row(
            "a price that fails closes the gate",
            priced,
            [
                (asked(query), closed()),
                (asked(query).pay("good-1"), closed()),
            ],
            NOTHING,
        ));
    }
    for query in ["none"] {
        rows.push(row(
            "a price that is none closes the gate",
            priced,
            [
                (asked(query), fault(500, "price_unusable")),
                (asked(query).pay("good-1"), fault(500, "price_unusable")),
            ],
            NOTHING,
        ));
    }
    rows
}

const TOO_LARGE: (&str, &str, &str) = (
    "urn:tollgate:problem:body-too-large",
    "Body Too Large",
    "the body is larger than is read here",
);
