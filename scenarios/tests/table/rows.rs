use payment_core::{Route, Tariff, usd};
use scenarios::{Handler, RIVAL, Reply, Request, Totals};

use crate::expected::{
    AMBIGUOUS, Change, PENDING, TOO_LARGE, answered, challenge, fault, free, own, refused, served,
    unpaid,
};
use crate::run::Row;
use crate::shops::{PRICE, of_two, settled_first, shop, without_origin};

/// The table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = asking();
    rows.extend(credentials());
    rows.extend(paying());
    rows.extend(failing());
    rows.extend(settling());
    rows.extend(holding());
    rows.extend(stamping());
    rows.extend(mounting());
    rows.extend(metering());
    rows
}

fn row<const N: usize>(
    name: &'static str,
    shop: fn() -> scenarios::Shop,
    steps: [(Request, Reply); N],
    totals: Totals,
) -> Row {
    Row {
        name,
        shop,
        steps: steps.into(),
        totals,
    }
}

const NOTHING: Totals = Totals {
    served: 0,
    settles: 0,
    reconciles: 0,
    releases: 0,
    units: 0,
};

const SOLD: Totals = Totals {
    served: 1,
    settles: 1,
    ..NOTHING
};

const GIVEN_BACK: Totals = Totals {
    served: 1,
    releases: 1,
    ..NOTHING
};

/// The weather, sold and given away.
fn weather() -> scenarios::Shop {
    shop()
        .sell("/weather", PRICE, Handler::says("sunny"))
        .give("/free", Handler::says("free"))
}

fn get() -> Request {
    Request::get("/weather")
}

fn preflight(request: Request) -> Request {
    request
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "GET")
}

/// Requests that have brought no payment.
fn asking() -> Vec<Row> {
    let options = || Request::new("OPTIONS", "/weather");
    let asks_with = |method, query: &str, body: &str| {
        let line = challenge(method, "/weather", PRICE)
            .replace("query=\"none\"", &format!("query=\"{query}\""))
            .replace("body=\"false\"", &format!("body=\"{body}\""));
        unpaid(method, "/weather").with("www-authenticate", &line)
    };
    let here = challenge("GET", "/weather", PRICE).replace("https:", "http:");
    let elsewhere = ["http://", "x-forwarded-host.example"].concat();
    vec![
        row(
            "an unpaid request is told what to pay, whatever its method",
            weather,
            [
                (get(), unpaid("GET", "/weather")),
                (
                    Request::new("HEAD", "/weather"),
                    unpaid("HEAD", "/weather").headless(),
                ),
                (options(), unpaid("OPTIONS", "/weather")),
                (Request::new("PUT", "/weather"), unpaid("PUT", "/weather")),
                (Request::new("get", "/weather"), unpaid("get", "/weather")),
                (Request::new("BREW", "/weather"), unpaid("BREW", "/weather")),
            ],
            NOTHING,
        ),
        row(
            "an offer is for the query and the body of the request",
            weather,
            [
                (Request::get("/weather?"), asks_with("GET", "", "false")),
                (
                    Request::get("/weather?a=%20&b"),
                    asks_with("GET", "a=%20&b", "false"),
                ),
                (
                    Request::new("POST", "/weather?q").body("hello"),
                    asks_with("POST", "q", "true"),
                ),
                (
                    Request::new("POST", "/weather").body(""),
                    unpaid("POST", "/weather"),
                ),
            ],
            NOTHING,
        ),
        row(
            "a preflight is free and never reaches the handler",
            weather,
            [
                (
                    preflight(options()),
                    Reply::new(204, [], "")
                        .with("allow", "OPTIONS")
                        .with("cache-control", "no-store"),
                ),
                (preflight(get()), unpaid("GET", "/weather")),
                (
                    options().header("origin", "https://elsewhere.example"),
                    unpaid("OPTIONS", "/weather"),
                ),
            ],
            NOTHING,
        ),
        row(
            "what has no price is as it was",
            weather,
            [
                (Request::get("/free"), free(200, "free")),
                (Request::get("/free").pay("good-1"), free(200, "free")),
            ],
            Totals {
                served: 2,
                ..NOTHING
            },
        ),
        row(
            "without an origin the host that was asked for is shown, and no forwarded one",
            || without_origin().sell("/weather", PRICE, Handler::says("sunny")),
            [
                (
                    get(),
                    unpaid("GET", "/weather").with("www-authenticate", &here),
                ),
                (
                    get()
                        .header("x-forwarded-host", &elsewhere[7..])
                        .header("x-forwarded-proto", "https")
                        .header("forwarded", "host=elsewhere.example;proto=https"),
                    unpaid("GET", "/weather").with("www-authenticate", &here),
                ),
            ],
            NOTHING,
        ),
        row(
            "a price on everything is asked for unknown paths too, and not taken for them",
            || weather().front(usd!("0.02")),
            [
                (
                    Request::get("/nowhere"),
                    unpaid("GET", "/nowhere").with(
                        "www-authenticate",
                        &challenge("GET", "/nowhere", usd!("0.02")),
                    ),
                ),
                (Request::get("/nowhere").pay("good-1"), answered(404, "")),
                (Request::get("/free").pay("good-2"), served("free")),
            ],
            Totals {
                releases: 1,
                ..SOLD
            },
        ),
        row(
            "a table in front prices what it names and leaves the rest alone",
            || {
                shop()
                    .give("/weather", Handler::says("sunny"))
                    .give("/free", Handler::Tells)
                    .front_only("/weather", PRICE)
            },
            [
                (get(), unpaid("GET", "/weather")),
                (Request::get("/free"), free(200, "free")),
                (Request::get("/free").pay("good-1"), free(200, "free")),
                (Request::get("/nowhere"), free(404, "")),
                (get().pay("good-1"), served("sunny")),
            ],
            Totals { served: 3, ..SOLD },
        ),
    ]
}

/// Credentials that are none, or are not taken.
fn credentials() -> Vec<Row> {
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
                    Route::priced(PRICE).only([scenarios::OURS.name]),
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
                crate::expected::problem(400, repeated.to_owned()),
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
                (get().header(RIVAL.header, "good-1"), served("sunny")),
            ],
            SOLD,
        ),
    ]
}

/// Payments that are taken.
fn paying() -> Vec<Row> {
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

/// Handlers that fail.
fn failing() -> Vec<Row> {
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

/// Settlements that are no plain success.
fn settling() -> Vec<Row> {
    let pending = own(503, PENDING, "settlement_pending")
        .with("payment-response", "pending")
        .with("retry-after", "2");
    let broke = refused("/weather", "no_funds").with("payment-response", "failed");
    let first = || shop().sell("/weather", settled_first(), Handler::says("sunny"));
    vec![
        row(
            "a settlement that is refused keeps the response back and shows the receipt",
            weather,
            [(get().pay("broke-1"), broke.clone())],
            Totals {
                settles: 1,
                ..GIVEN_BACK
            },
        ),
        row(
            "a settlement that is lost is found by the same credential, and served once",
            weather,
            [
                (get().pay("lost-1"), pending.clone()),
                (get().pay("lost-1"), served("sunny")),
                (get().pay("lost-1"), refused("/weather", "spent")),
            ],
            Totals {
                served: 2,
                settles: 1,
                reconciles: 1,
                ..NOTHING
            },
        ),
        row(
            "what verifies is down",
            weather,
            [(
                get().pay("down-1"),
                fault(503, "verifier_down").with("retry-after", "2"),
            )],
            Totals {
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "settled first, a refusal never reaches the handler",
            first,
            [(get().pay("broke-1"), broke)],
            Totals {
                settles: 1,
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "settled first, a lost settlement never reaches the handler until it is found",
            first,
            [
                (get().pay("lost-1"), pending),
                (get().pay("lost-1"), served("sunny")),
            ],
            Totals {
                reconciles: 1,
                ..SOLD
            },
        ),
        row(
            "settled first, it is served once",
            first,
            [
                (get().pay("good-1"), served("sunny")),
                (get().pay("good-1"), refused("/weather", "spent")),
            ],
            SOLD,
        ),
    ]
}

/// Bodies that are held until they are paid.
fn holding() -> Vec<Row> {
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

/// Headers that handlers set, and that are not theirs alone.
fn stamping() -> Vec<Row> {
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

/// Routes below others.
fn mounting() -> Vec<Row> {
    fn nested() -> scenarios::Shop {
        shop()
            .nest("/north", "/weather", PRICE, Handler::says("snow"))
            .nest("/south", "/weather", PRICE, Handler::says("sunny"))
    }
    let north = || Request::get("/north/weather");
    vec![row(
        "an offer names a nested route in full, and what pays for one does not pay for another",
        nested,
        [
            (north(), unpaid("GET", "/north/weather")),
            (north().pay("good-1"), served("snow")),
            (
                Request::get("/south/weather").pay("good-1"),
                refused("/south/weather", "spent"),
            ),
        ],
        SOLD,
    )]
}

/// What is paid by use.
fn metering() -> Vec<Row> {
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
