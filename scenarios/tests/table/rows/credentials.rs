//! Credentials that are none, or are not taken.

use payment_core::Route;
use scenarios::{Handler, OURS, RIVAL};

use crate::expected::{AMBIGUOUS, Change, TOO_LARGE, own, problem, refused, served, unpaid};
use crate::rows::{NOTHING, SOLD, get, row, weather};
use crate::run::Row;
use crate::shops::{PRICE, of_two};

pub(crate) fn rows() -> Vec<Row> {
    let repeated =
        "{\"type\":\"urn:test\",\"title\":\"Test\",\"status\":400,\"code\":\"repeated\"}";
    let of_both = || of_two().sell("/weather", PRICE, Handler::says("sunny"));
    vec![
        row(
            "junk is refused",
            weather,
            [
                (get().pay("junk"), refused("/weather", "malformed")),
                (get().pay(""), refused("/weather", "malformed")),
                (get().pay("\u{e9}-1"), refused("/weather", "malformed")),
                (get().pay("false-1"), refused("/weather", "false")),
            ],
            NOTHING,
        ),
        row(
            "a credential that the route does not take is none",
            || {
                of_two().sell(
                    "/weather",
                    Route::priced(PRICE).only([OURS.name]),
                    Handler::says("sunny"),
                )
            },
            [(
                get().header(RIVAL.header, "good-1"),
                unpaid("GET", "/weather"),
            )],
            NOTHING,
        ),
        row(
            "a credential beyond the limit is not read",
            weather,
            [
                (
                    get().pay(format!("good-{}", "1".repeat(1019))),
                    served("sunny"),
                ),
                (
                    get().pay(format!("good-{}", "1".repeat(1020))),
                    own(431, TOO_LARGE, "credential_too_large"),
                ),
            ],
            SOLD,
        ),
        row(
            "two credentials are no credential",
            weather,
            [(
                get().pay("good-1").pay("good-1"),
                problem(400, repeated.to_owned()),
            )],
            NOTHING,
        ),
        row(
            "credentials of two protocols are ambiguous",
            of_both,
            [
                (
                    get().pay("good-1").header(RIVAL.header, "good-1"),
                    own(400, AMBIGUOUS, "ambiguous_payment"),
                ),
                (
                    get().header(RIVAL.header, "good-1"),
                    served("sunny")
                        .without("payment-response")
                        .with("x-rival-receipt", "settled"),
                ),
            ],
            SOLD,
        ),
    ]
}
