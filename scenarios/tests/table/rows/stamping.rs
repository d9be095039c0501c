//! Headers that handlers set, and that are not theirs alone.

use scenarios::{Handler, Request, Totals};

use crate::expected::{Change, answered, served};
use crate::rows::{NOTHING, get, row};
use crate::run::Row;
use crate::shops::{PRICE, shop};

pub(crate) fn rows() -> Vec<Row> {
    const OURS: &str = "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";
    fn says(status: u16, headers: &[(&'static str, &'static str)]) -> Handler {
        Handler::Answers {
            status,
            headers: headers.to_vec(),
            body: "sunny",
        }
    }
    vec![
        row(
            "a handler cannot forge a receipt",
            || {
                let forged = [
                    ("payment-response", "forged"),
                    ("payment-response", "twice"),
                    ("x-payment-response", "forged"),
                    ("payment-receipt", "forged"),
                    ("x-other", "kept"),
                ];
                shop().sell("/weather", PRICE, says(200, &forged)).sell(
                    "/fails",
                    PRICE,
                    says(500, &forged),
                )
            },
            [
                (get().pay("good-1"), served("sunny").with("x-other", "kept")),
                (
                    Request::get("/fails").pay("good-2"),
                    answered(500, "sunny").with("x-other", "kept"),
                ),
            ],
            Totals {
                served: 2,
                settles: 1,
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "no shared cache keeps what was paid for",
            || {
                let public = [
                    ("cache-control", "public, max-age=60"),
                    ("cache-control", "s-maxage=9, immutable"),
                ];
                shop().sell("/weather", PRICE, says(200, &public)).sell(
                    "/fails",
                    PRICE,
                    says(404, &public[..1]),
                )
            },
            [
                (
                    get().pay("good-1"),
                    served("sunny").with("cache-control", "private, max-age=60, immutable"),
                ),
                (
                    Request::get("/fails").pay("good-2"),
                    answered(404, "sunny").with("cache-control", "public, max-age=60"),
                ),
            ],
            Totals {
                served: 2,
                settles: 1,
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "what a handler varies on is kept",
            || {
                let vary = [("vary", "Accept"), ("vary", "Origin, Accept-Language")];
                shop().sell("/weather", PRICE, says(200, &vary)).sell(
                    "/all",
                    PRICE,
                    says(200, &[("vary", "*")]),
                )
            },
            [
                (
                    get().pay("good-1"),
                    served("sunny")
                        .with("vary", &format!("Accept, Origin, Accept-Language, {OURS}")),
                ),
                (
                    Request::get("/all").pay("good-2"),
                    served("sunny").with("vary", "*"),
                ),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..NOTHING
            },
        ),
    ]
}
