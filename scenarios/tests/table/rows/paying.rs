//! Payments that are taken.

use scenarios::{Handler, Reply, Request, Totals};

use crate::expected::{Change, free, refused, served};
use crate::rows::{NOTHING, SOLD, get, row, weather};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, shop};

pub(crate) fn rows() -> Vec<Row> {
    let head = || Request::new("HEAD", "/weather");
    vec![
        row(
            "what is paid is served once",
            weather,
            [
                (get().pay("good-1"), served("sunny")),
                (get().pay("good-1"), refused("/weather", "spent")),
                (get().pay("good-2"), served("sunny")),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..NOTHING
            },
        ),
        row(
            "HEAD is paid for as GET is",
            weather,
            [
                (head().pay("good-1"), served("sunny").headless()),
                (get().pay("good-1"), refused("/weather", "spent")),
            ],
            SOLD,
        ),
        row(
            "any method can be paid for",
            weather,
            [
                (
                    Request::new("OPTIONS", "/weather").pay("good-1"),
                    served("sunny"),
                ),
                (
                    Request::new("POST", "/weather").body("hello").pay("good-2"),
                    served("sunny"),
                ),
            ],
            Totals {
                served: 2,
                settles: 2,
                ..NOTHING
            },
        ),
        row(
            "a handler knows who has paid",
            || {
                shop()
                    .sell("/", PRICE, Handler::Tells)
                    .give("/free", Handler::Tells)
                    .sell("/first", settled_first(), Handler::Tells)
            },
            [
                (
                    Request::get("/").pay("good-1"),
                    served("10000 of alice by ours, not yet settled"),
                ),
                (
                    Request::get("/first").pay("good-2"),
                    served("10000 of alice by ours, 0xabc"),
                ),
                (Request::get("/free").pay("good-3"), free(200, "free")),
            ],
            Totals {
                served: 3,
                settles: 2,
                ..NOTHING
            },
        ),
        row(
            "a handler gets the body of a request that is paid",
            || {
                shop()
                    .sell("/", PRICE, Handler::Echoes)
                    .sell("/first", settled_first(), Handler::Echoes)
                    .give("/free", Handler::Echoes)
            },
            [
                (
                    Request::new("POST", "/").body("hello").pay("good-1"),
                    served("hello"),
                ),
                (
                    Request::new("POST", "/first").body("hello").pay("good-2"),
                    served("hello"),
                ),
                (
                    Request::new("POST", "/")
                        .header("transfer-encoding", "chunked")
                        .raw_body("3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
                        .pay("good-3"),
                    served("hello"),
                ),
                (
                    Request::new("POST", "/free").body("hello"),
                    free(200, "hello"),
                ),
            ],
            Totals {
                served: 4,
                settles: 3,
                ..NOTHING
            },
        ),
        row(
            "a redirect is sold as it is",
            || {
                shop().sell(
                    "/weather",
                    PRICE,
                    Handler::Answers {
                        status: 302,
                        headers: vec![("location", "/elsewhere")],
                        body: "",
                    },
                )
            },
            [(
                get().pay("good-1"),
                Reply {
                    status: 302,
                    ..served("").with("location", "/elsewhere")
                },
            )],
            SOLD,
        ),
    ]
}
