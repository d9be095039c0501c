//! What a seller's own code has to say.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderName;
use payment_core::{Access, Denial, On, Recovery, Verdict};
use scenarios::{Handler, Request, Shop, Totals};

use crate::expected::{Change, VARY, answered, denied, fault, problem, refused, served};
use crate::rows::{GIVEN_BACK, NOTHING, SOLD, get, row};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, with};

/// The weather, sold behind these hooks; what is thrown away is counted.
fn behind(hooks: On) -> Shop {
    let shop = with(|gate, till| {
        let till = Arc::clone(till);
        let hooks = hooks.deadline(Duration::from_millis(5));
        gate.hooks(hooks).hooks(On::new().compensate(move |_| {
            till.undone.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        }))
    });
    shop.sell("/weather", PRICE, Handler::says("sunny")).sell(
        "/first",
        settled_first(),
        Handler::says("sunny"),
    )
}

const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Lets in who has a key, and turns away who has the wrong one.
fn keys() -> Shop {
    behind(
        On::new()
            .reading([KEY])
            .protected_request(async |ask| match ask.header(&KEY) {
                Some("good") => Access::Grant,
                Some(_) => Access::Deny(Denial::new("wrong_key").detail("get another")),
                None => Access::Pay,
            }),
    )
}

/// How a hook fails.
#[derive(Clone, Copy)]
enum How {
    Late,
    Panics,
    Says,
}

impl How {
    async fn fail(self) -> Verdict {
        match self {
            Self::Late => pending().await,
            Self::Panics => panic!("the hook panics, as it was told to"),
            Self::Says => Verdict::Failed("told to".to_owned()),
        }
    }
}

fn by<const HOW: u8>() -> How {
    [How::Late, How::Panics, How::Says][usize::from(HOW)]
}

fn asked_first<const HOW: u8>() -> Shop {
    behind(On::new().protected_request(async |_| {
        by::<HOW>().fail().await;
        Access::Failed("told to".to_owned())
    }))
}

fn verifying<const HOW: u8>() -> Shop {
    behind(On::new().before_verify(|_| by::<HOW>().fail()))
}

fn verified<const HOW: u8>() -> Shop {
    behind(On::new().after_verify(|_| by::<HOW>().fail()))
}

fn settling<const HOW: u8>() -> Shop {
    behind(On::new().before_settle(|_| by::<HOW>().fail()))
}

pub(crate) fn rows() -> Vec<Row> {
    let failed = || fault(503, "hook_failed").with("retry-after", "2");
    let mut rows = vec![
        row(
            "whom a hook lets in pays nothing, and a payment is left alone",
            keys,
            [
                (
                    get().header("x-api-key", "good"),
                    answered(200, "sunny")
                        .with("cache-control", "private")
                        .with("vary", &[VARY, "x-api-key"].join(", ")),
                ),
                (
                    get().header("x-api-key", "good").pay("good-1"),
                    answered(200, "sunny")
                        .with("cache-control", "private")
                        .with("vary", &[VARY, "x-api-key"].join(", ")),
                ),
                (
                    get().pay("good-1"),
                    served("sunny").with("vary", &[VARY, "x-api-key"].join(", ")),
                ),
            ],
            Totals { served: 3, ..SOLD },
        ),
        row(
            "whom a hook turns away is not served, whatever is paid",
            keys,
            [
                (
                    get().header("x-api-key", "bad"),
                    denied("wrong_key", "get another")
                        .with("vary", &[VARY, "x-api-key"].join(", ")),
                ),
                (
                    get().header("x-api-key", "bad").pay("good-1"),
                    denied("wrong_key", "get another")
                        .with("vary", &[VARY, "x-api-key"].join(", ")),
                ),
            ],
            NOTHING,
        ),
        row(
            "a payment that a hook denies is given back, and its response undone",
            || {
                let no = || Verdict::Deny(Denial::new("not_you").detail("go"));
                behind(On::new().before_settle(move |_| std::future::ready(no())))
            },
            [
                (get().pay("good-1"), denied("not_you", "go")),
                (
                    Request::get("/first").pay("good-2"),
                    denied("not_you", "go"),
                ),
            ],
            Totals {
                releases: 2,
                undone: 1,
                ..GIVEN_BACK
            },
        ),
        row(
            "what a hook delivers unpaid is delivered once",
            || behind(On::new().settle_failed(async |_, _| Recovery::Recover)),
            [
                (
                    get().pay("broke-1"),
                    served("sunny").without("payment-response"),
                ),
                (get().pay("broke-1"), refused("/weather", "spent")),
            ],
            Totals {
                releases: 1,
                ..SOLD
            },
        ),
        row(
            "where a hook goes on without a proof, only the settlement delivers",
            || behind(On::new().verify_failed(async |_, _| Recovery::Recover)),
            [
                (get().pay("doubt-1"), served("sunny")),
                (get().pay("false-2"), refused("/weather", "false")),
            ],
            SOLD,
        ),
        row(
            "a response that is not delivered is undone",
            || behind(On::new()).sell("/long", PRICE, Handler::says(TOO_LONG)),
            [
                (
                    get().pay("broke-1"),
                    refused("/weather", "no_funds").with("payment-response", "failed"),
                ),
                (
                    Request::get("/long").pay("good-2"),
                    fault(500, "response_not_holdable"),
                ),
            ],
            Totals {
                served: 2,
                settles: 1,
                releases: 2,
                undone: 2,
                ..NOTHING
            },
        ),
        row(
            "what only listens changes nothing",
            || {
                behind(
                    On::new()
                        .challenged(|_, _| async { panic!("told to") })
                        .after_settle(|_, _| pending())
                        .succeeded(|_| async { panic!("told to") })
                        .failed(|_, _| pending()),
                )
            },
            [
                (get().pay("good-1"), served("sunny")),
                (get().pay("good-1"), refused("/weather", "spent")),
            ],
            SOLD,
        ),
    ];
    for shop in [asked_first::<0>, asked_first::<1>, asked_first::<2>] {
        rows.push(row(
            "without an answer of the first hook nobody is let in",
            shop,
            [(get(), failed()), (get().pay("good-1"), failed())],
            NOTHING,
        ));
    }
    for shop in [
        verifying::<0>,
        verifying::<1>,
        verifying::<2>,
        verified::<0>,
        verified::<1>,
        verified::<2>,
    ] {
        rows.push(row(
            "without an answer of a hook before the handler nothing is charged",
            shop,
            [
                (get().pay("good-1"), failed()),
                (Request::get("/first").pay("good-2"), failed()),
            ],
            Totals {
                releases: 2,
                ..NOTHING
            },
        ));
    }
    for shop in [settling::<0>, settling::<1>, settling::<2>] {
        rows.push(row(
            "without an answer of a hook after the handler the payment goes on",
            shop,
            [(get().pay("good-1"), served("sunny"))],
            SOLD,
        ));
    }
    rows.push(row(
        "where a hook recovers nothing, a refusal stays one",
        || behind(On::new().settle_failed(|_, _| boom())),
        [(
            get().pay("broke-1"),
            problem(402, refused("/weather", "no_funds").body)
                .with(
                    "www-authenticate",
                    &crate::expected::challenge("GET", "/weather", PRICE),
                )
                .with("payment-response", "failed"),
        )],
        Totals {
            settles: 1,
            undone: 1,
            ..GIVEN_BACK
        },
    ));
    rows
}

async fn boom() -> Recovery {
    panic!("the hook panics, as it was told to")
}

/// A byte more than is held.
const TOO_LONG: &str = "01234567890123456789012345678901234567890123456789012345678901234";
