//! Several protocols, of which some are no good, and receipts of any.

use scenarios::{Handler, Manner, OURS, RIVAL, Request, Shop, Totals};

use crate::expected::{Change, answered, fault, served, unpaid};
use crate::rows::{NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, of_these, of_two, settled_first};

fn beside(manner: Manner) -> Shop {
    let rival = RIVAL.in_manner(manner);
    of_these([rival, OURS]).sell("/weather", PRICE, Handler::says("sunny"))
}

fn alone(manner: Manner) -> Shop {
    of_these([OURS.in_manner(manner)]).sell("/weather", PRICE, Handler::says("sunny"))
}

/// A handler that writes receipts of its own.
fn forging(status: u16) -> Handler {
    Handler::Answers {
        status,
        headers: vec![
            ("x-rival-receipt", "forged"),
            ("x-rival-receipt", "twice"),
            ("payment-receipt", "forged"),
            ("x-other", "kept"),
        ],
        body: "sunny",
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let closed = |code: &str| fault(503, code).with("retry-after", "2");
    let by_rival = |path: &str| Request::get(path).header(RIVAL.header, "good-1");
    let shown = |reply: scenarios::Reply| {
        reply
            .without("payment-response")
            .with("x-rival-receipt", "settled")
            .with("x-other", "kept")
    };
    let mut rows = vec![
        row(
            "one that panics may have been paid, so nothing is taken",
            || beside(Manner::Panics),
            [
                (get(), closed("protocol_panicked")),
                (get().pay("good-1"), closed("protocol_panicked")),
            ],
            NOTHING,
        ),
        row(
            "nobody but the gate writes a receipt of any protocol",
            || {
                of_two()
                    .sell("/weather", PRICE, forging(200))
                    .sell("/fails", PRICE, forging(500))
            },
            [
                (by_rival("/weather"), shown(served("sunny"))),
                (
                    Request::get("/fails").header(RIVAL.header, "good-2"),
                    answered(500, "sunny").with("x-other", "kept"),
                ),
                (get().pay("good-3"), served("sunny").with("x-other", "kept")),
            ],
            Totals {
                served: 3,
                settles: 2,
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "what was paid before it failed is nobody else's, by any receipt",
            || of_two().sell("/weather", settled_first(), forging(500)),
            [(
                by_rival("/weather"),
                shown(answered(500, "sunny").with("cache-control", "private")),
            )],
            SOLD,
        ),
    ];
    for shop in [|| beside(Manner::Fails), || beside(Manner::Hangs)] {
        rows.push(row(
            "one that has no challenge is left out, and can be paid all the same",
            shop,
            [
                (get(), unpaid("GET", "/weather")),
                (get().pay("good-1"), served("sunny")),
                (
                    get().header(RIVAL.header, "good-1"),
                    served("sunny")
                        .without("payment-response")
                        .with("x-rival-receipt", "settled"),
                ),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..NOTHING
            },
        ));
    }
    for shop in [|| alone(Manner::Fails), || alone(Manner::Hangs)] {
        rows.push(row(
            "a 402 that nobody could pay is not given",
            shop,
            [(get(), closed("no_challenge"))],
            NOTHING,
        ));
    }
    rows
}
