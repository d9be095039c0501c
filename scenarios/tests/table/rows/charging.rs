//! What the handler charges of what the buyer has signed.

use scenarios::{Handler, Request, Totals};

use crate::expected::served;
use crate::rows::{NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, shop};

pub(crate) fn rows() -> Vec<Row> {
    const FIXED: &str = "Fixed";
    const ONCE: &str = "charged, Twice";
    vec![
        row(
            "a handler charges once, and no more than was signed",
            || {
                shop()
                    .sell("/weather", PRICE, Handler::Charges(400))
                    .sell("/nothing", PRICE, Handler::Charges(0))
                    .sell("/dear", PRICE, Handler::Charges(10_001))
            },
            [
                (get().pay("most-1"), served(ONCE)),
                (Request::get("/nothing").pay("most-2"), served(ONCE)),
                (
                    Request::get("/dear").pay("most-3"),
                    served("TooMuch, TooMuch"),
                ),
            ],
            Totals {
                served: 3,
                settles: 3,
                units: 400,
                ..NOTHING
            },
        ),
        row(
            "what is fixed by the offer, or has moved, is not for the handler to charge",
            || {
                shop().sell("/weather", PRICE, Handler::Charges(400)).sell(
                    "/first",
                    settled_first(),
                    Handler::Charges(400),
                )
            },
            [
                (get().pay("good-1"), served(&[FIXED, FIXED].join(", "))),
                (
                    Request::get("/first").pay("most-2"),
                    served(&[FIXED, FIXED].join(", ")),
                ),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..SOLD
            },
        ),
    ]
}
