//! What is paid by use.

use payment_core::{Route, Tariff};
use scenarios::{Handler, Totals};

use crate::expected::{Change, served};
use crate::rows::{NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, shop};

pub(crate) fn rows() -> Vec<Row> {
    fn by_the_word() -> Route {
        Tariff::per("word", PRICE).up_to(10).into()
    }
    let streams = |body: &str| {
        served(body)
            .without("content-length")
            .with("cache-control", "private, no-store")
            .with("content-type", "text/event-stream")
            .with("x-accel-buffering", "no")
    };
    const WORDS: &[&str] = &["a", "b", "c"];
    vec![
        row(
            "events are paid one by one, and end when nobody pays for more",
            || shop().sell("/weather", by_the_word(), Handler::Events(WORDS)),
            [
                (
                    get().pay("stream-2"),
                    streams(
                        "data: a\n\ndata: b\n\nevent: payment-receipt\ndata: {\"spent\":\"2\"}\n\n",
                    ),
                ),
                (
                    get().pay("stream-9"),
                    streams(
                        "data: a\n\ndata: b\n\ndata: c\n\nevent: payment-receipt\ndata: {\"spent\":\"3\"}\n\n",
                    ),
                ),
            ],
            Totals {
                served: 2,
                settles: 2,
                units: 5,
                ..NOTHING
            },
        ),
        row(
            "a whole response costs what its handler reports",
            || shop().sell("/weather", by_the_word(), Handler::Uses(3)),
            [(get().pay("stream-9"), served("used"))],
            Totals { units: 3, ..SOLD },
        ),
    ]
}
