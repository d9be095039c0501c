//! Handlers that fail.

use scenarios::{Handler, Totals};

use crate::expected::{Change, answered};
use crate::rows::{GIVEN_BACK, NOTHING, get, row};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, shop};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        row(
            "a handler that fails costs nothing, and the same credential may try again",
            || shop().sell("/weather", PRICE, Handler::status(500, "no")),
            [
                (get().pay("good-1"), answered(500, "no")),
                (get().pay("good-1"), answered(500, "no")),
            ],
            Totals {
                served: 2,
                releases: 2,
                ..NOTHING
            },
        ),
        row(
            "a client error of the handler costs nothing",
            || shop().sell("/weather", PRICE, Handler::status(404, "")),
            [(get().pay("good-1"), answered(404, ""))],
            GIVEN_BACK,
        ),
        row(
            "where the money has moved first, a failure shows the receipt and the credential stays good",
            || shop().sell("/weather", settled_first(), Handler::status(500, "no")),
            [
                (
                    get().pay("good-1"),
                    answered(500, "no")
                        .with("cache-control", "private")
                        .with("payment-response", "settled"),
                ),
                (
                    get().pay("good-1"),
                    answered(500, "no")
                        .with("cache-control", "private")
                        .with("payment-response", "settled"),
                ),
            ],
            Totals {
                served: 2,
                settles: 1,
                ..NOTHING
            },
        ),
    ]
}
