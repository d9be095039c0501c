//! Bodies that are held until they are paid.

use scenarios::{Handler, Request, Totals};

use crate::expected::{Change, fault, served};
use crate::rows::{GIVEN_BACK, NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, shop};

pub(crate) fn rows() -> Vec<Row> {
    const FITS: &str = "0123456789012345678901234567890123456789012345678901234567890123";
    const TOO_LONG: &str = "01234567890123456789012345678901234567890123456789012345678901234";
    let refused = || fault(500, "response_not_holdable");
    vec![
        row(
            "a body is held up to the limit",
            || {
                shop().sell("/fits", PRICE, Handler::says(FITS)).sell(
                    "/streams",
                    PRICE,
                    Handler::Streams(vec![Ok(FITS), Ok("")]),
                )
            },
            [
                (Request::get("/fits").pay("good-1"), served(FITS)),
                (Request::get("/streams").pay("good-2"), served(FITS)),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..NOTHING
            },
        ),
        row(
            "a body over the limit is not sold",
            || shop().sell("/weather", PRICE, Handler::says(TOO_LONG)),
            [(get().pay("good-1"), refused())],
            GIVEN_BACK,
        ),
        row(
            "a body that grows over the limit is not sold",
            || shop().sell("/weather", PRICE, Handler::Streams(vec![Ok(FITS), Ok("5")])),
            [(get().pay("good-1"), refused())],
            GIVEN_BACK,
        ),
        row(
            "a body that breaks off is not sold",
            || {
                shop().sell(
                    "/weather",
                    PRICE,
                    Handler::Streams(vec![Ok("a"), Err("reset")]),
                )
            },
            [(get().pay("good-1"), refused())],
            GIVEN_BACK,
        ),
        row(
            "a body of another length than its head says is not sold",
            || {
                let says = |length| Handler::Answers {
                    status: 200,
                    headers: vec![("content-length", length)],
                    body: "sunny",
                };
                shop()
                    .sell("/weather", PRICE, says("9"))
                    .sell("/less", PRICE, says("3"))
            },
            [
                (get().pay("good-1"), refused()),
                (Request::get("/less").pay("good-2"), refused()),
            ],
            Totals {
                served: 2,
                releases: 2,
                ..NOTHING
            },
        ),
        row(
            "an upgrade is not sold after the fact",
            || shop().sell("/weather", PRICE, Handler::status(101, "")),
            [(get().pay("good-1"), refused())],
            GIVEN_BACK,
        ),
        row(
            "a held body is sent as one",
            || {
                shop().sell(
                    "/weather",
                    PRICE,
                    Handler::Streams(vec![Ok("a"), Ok(""), Ok("b")]),
                )
            },
            [(get().pay("good-1"), served("ab"))],
            SOLD,
        ),
        row(
            "settled first, a body streams, however long",
            || {
                shop().sell(
                    "/weather",
                    settled_first(),
                    Handler::Streams(vec![Ok(TOO_LONG), Ok("b")]),
                )
            },
            [(
                get().pay("good-1"),
                served(&[TOO_LONG, "b"].concat()).without("content-length"),
            )],
            SOLD,
        ),
    ]
}
