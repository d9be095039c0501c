//! What leaves a route, whoever answers: its body, who may keep it and who may read it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Builder};
use serde_json::{Value, json};

use super::shop::{Tasks, polled};
use super::world::*;
use crate::*;

/// A route, and what stands behind it.
struct Stand {
    world: Arc<World>,
    route: RouteGate,
    /// What the handler answers with.
    status: StatusCode,
    headers: HeaderMap,
}

impl Stand {
    fn new(route: Route) -> Self {
        Self::with(route, |gate| gate)
    }

    fn with(route: Route, set: impl FnOnce(GateBuilder) -> GateBuilder) -> Self {
        let world = World::new();
        let clock = ManualClock::at(Timestamp::from_seconds(100));
        let gate = Gate::builder(FakeProtocol(Arc::clone(&world))).clock(clock);
        Self {
            world,
            route: set(gate).build().unwrap().route(route).unwrap(),
            status: StatusCode::OK,
            headers: HeaderMap::new(),
        }
    }

    /// The answer as it leaves.
    fn ask(&self, request: Builder) -> Answer {
        let tasks = Tasks::default();
        let answer = self.begin(request, &tasks);
        let answer = answer.unwrap_or_else(|mut run| polled(&mut run, 100).expect("hangs"));
        tasks.run();
        answer
    }

    /// The answer, or what leads to it.
    fn begin(&self, request: Builder, tasks: &Tasks) -> Result<Answer, BoxFuture<'static, Answer>> {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let job = match self.route.admit(&head) {
            Admission::Answer(reply) => return Ok(reply.into()),
            Admission::Priced(job) => job,
        };
        if let Some(reply) = job.answer_at_once() {
            return Ok(reply.into());
        }
        let mut response = http::Response::new(());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        let run = job.run(tasks.clone(), move |_| async {
            Ok::<_, ()>(Sold(response))
        });
        Err(Box::pin(async {
            match run.await.unwrap() {
                Outcome::Reply(reply) => reply.into(),
                Outcome::Served {
                    response: Sold(mut response),
                    stamps,
                } => {
                    stamp(&mut response, stamps);
                    Answer {
                        status: response.status().as_u16(),
                        headers: response.headers().clone(),
                        body: Bytes::new(),
                    }
                }
            }
        }))
    }
}

struct Sold(http::Response<()>);

impl Served for Sold {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self {
            status: reply.status.as_u16(),
            headers: reply.headers,
            body: reply.body,
        }
    }
}

impl Answer {
    fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
        values.join(" | ")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap().to_owned()
    }

    fn is_html(&self) -> bool {
        self.header("content-type") == "text/html; charset=utf-8"
    }
}

fn priced() -> Route {
    Route::priced(Money::from_decimal("0.01").unwrap())
}

fn get() -> Builder {
    http::Request::get("/a")
}

fn paying(credential: &str) -> Builder {
    get().header("x-pay", credential)
}

fn browsing() -> Builder {
    get().header("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")
}

fn preflight() -> Builder {
    http::Request::options("/a")
        .header("origin", "https://page.example")
        .header("access-control-request-method", "GET")
}

const VARY: &str = "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";

/// Every way in which the gate answers in the handler's place.
fn every_answer(set: impl Fn(GateBuilder) -> GateBuilder) -> Vec<(u16, &'static str, Answer)> {
    let scripted = |route: Route, step: &'static str, act: Act, credential: &str| {
        let stand = Stand::with(route, &set);
        stand.world.script(step, &[act]);
        stand.ask(match credential {
            "" => get(),
            credential => paying(credential),
        })
    };
    let of = |act, step, credential| scripted(priced(), step, act, credential);
    let first = || priced().timing(Timing::BeforeServing);
    let large = Stand::with(priced(), &set).ask(paying(&"a".repeat(20_000)));
    let busy = {
        let stand = Stand::with(priced(), &set);
        stand.world.script("settle", &[Act::Hang]);
        let tasks = Tasks::default();
        let mut first = stand.begin(paying("a"), &tasks).unwrap_err();
        assert!(polled(&mut first, 100).is_none());
        let second = stand.ask(paying("a"));
        stand.world.let_go(1);
        assert_eq!(polled(&mut first, 100).unwrap().status, 200);
        second
    };
    let quote = |quote: fn() -> Result<Quote, BoxError>| {
        let route = priced().pricing(Pricing::by(move |_| std::future::ready(quote())));
        Stand::with(route, &set).ask(get())
    };
    let by_body = priced().pricing(Pricing::by(async |_| Ok(Quote::Standard)).reading_body(9));
    let by_body = Stand::with(by_body, &set);
    let (head, ()) = get().body(()).unwrap().into_parts();
    let unread = |why| Answer::from(Admit::unread(&by_body.route, &head, why));
    vec![
        (402, "payment_required", of(Act::Ok, "claim", "")),
        (402, "claim", of(Act::Refuse, "claim", "a")),
        (403, "claim", of(Act::Forbid, "claim", "a")),
        (502, "challenge", of(Act::Fail, "challenge", "")),
        (431, "credential_too_large", large),
        (402, "check", of(Act::Refuse, "check", "a")),
        (403, "check", of(Act::Forbid, "check", "a")),
        (402, "expired", of(Act::Ok, "claim", "a:1:101")),
        (409, "payment_in_progress", busy),
        (502, "verify", of(Act::Fail, "verify", "a")),
        (402, "settle", of(Act::Refuse, "settle", "a")),
        (502, "settle", of(Act::Fail, "settle", "a")),
        (503, "settlement_pending", of(Act::Unknown, "settle", "a")),
        (402, "settle", scripted(first(), "settle", Act::Refuse, "a")),
        (200, "managed", of(Act::Ok, "claim", "manage")),
        (402, "settle", of(Act::Refuse, "settle", "manage")),
        (503, "price_unavailable", quote(|| Err("down".into()))),
        (500, "price_unusable", quote(|| Ok(Quote::Options(vec![])))),
        (
            403,
            "banned",
            quote(|| Ok(Quote::Deny(Denial::new("banned")))),
        ),
        (500, "body_not_gathered", by_body.ask(get())),
        (413, "body_too_large", unread(Unread::TooLarge)),
        (400, "body_broken", unread(Unread::Broken)),
    ]
}

#[test]
fn t92_no_answer_of_the_gate_is_kept_by_a_cache() {
    for (status, code, answer) in every_answer(|gate| gate) {
        assert_eq!((answer.status, &*answer.code()), (status, code));
        assert_eq!(answer.header("cache-control"), "no-store", "{code}");
        if status >= 400 {
            assert_eq!(answer.header("vary"), VARY, "{code}");
        }
    }
    let answer = Stand::new(priced()).ask(preflight());
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn t97_every_refusal_is_a_problem_with_a_code() {
    for (status, code, answer) in every_answer(|gate| gate).into_iter().filter(|a| a.0 >= 400) {
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{code}"
        );
        let body = answer.json();
        assert_eq!(body["status"], status);
        for member in ["type", "title", "code"] {
            assert!(!body[member].as_str().unwrap().is_empty(), "{code}");
        }
        // Neither what was down nor what it said.
        assert!(!answer.body.windows(4).any(|window| window == b"down"));
    }
}

#[test]
fn t96_every_answer_may_be_read_by_the_pages_that_are_named() {
    let exposed = Cors::exposed_headers().map(|name| name.to_string());
    for (_, code, answer) in every_answer(|gate| gate.cors(Cors::any())) {
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{code}");
        let names = answer.header("access-control-expose-headers");
        let names: Vec<_> = names.split(", ").map(str::to_ascii_lowercase).collect();
        assert_eq!(names, exposed, "{code}");
        assert!(!answer.header("vary").contains("Origin"), "{code}");
    }
}

#[test]
fn t92_what_was_delivered_is_private_whether_it_was_paid_or_not() {
    struct Grant;
    impl Hooks for Grant {
        fn protected_request<'a>(&'a self, _: &'a Ask) -> Soon<'a, Access> {
            Soon::now(Access::Grant)
        }
    }
    let free = Pricing::by(async |_| Ok(Quote::Free));
    for (mut stand, request) in [
        (Stand::new(priced()), paying("a")),
        (Stand::with(priced(), |gate| gate.hooks(Grant)), get()),
        (Stand::new(priced().pricing(free)), get()),
    ] {
        let public = HeaderValue::from_static("public, max-age=60");
        stand.headers.insert("cache-control", public);
        let answer = stand.ask(request);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), "private, max-age=60");
        assert_eq!(answer.header("vary"), VARY);
    }
    let mut failing = Stand::new(priced());
    failing.status = StatusCode::NOT_FOUND;
    let answer = failing.ask(paying("a"));
    assert_eq!((answer.status, &*answer.header("vary")), (404, VARY));
}

#[test]
fn t92_what_the_price_is_read_from_is_varied_on() {
    let tier = HeaderName::from_static("x-tier");
    let pricing = Pricing::by(async |_| Ok(Quote::Standard));
    let pricing = pricing.reading([tier.clone(), tier, http::header::AUTHORIZATION]);
    let stand = Stand::new(priced().pricing(pricing));
    for request in [get(), paying("a")] {
        let vary = stand.ask(request).header("vary");
        assert_eq!(vary, format!("{VARY}, x-tier"));
    }
}

#[test]
fn a_header_that_is_read_twice_came_once() {
    let tier = HeaderName::from_static("x-tier");
    let priced_by = Pricing::by(async |ask: Ask| {
        let tier = HeaderName::from_static("x-tier");
        Ok(
            match (ask.header(&tier), ask.header(&http::header::ACCEPT)) {
                (Some("one"), Some("a/b")) => Quote::Free,
                _ => Quote::Standard,
            },
        )
    });
    let pricing = priced_by.reading([tier.clone(), http::header::ACCEPT, tier]);
    let stand = Stand::new(priced().pricing(pricing).paywall(|_: &Ask, _: &Reply| None));
    let request = get().header("x-tier", "one").header("accept", "a/b");
    assert_eq!(stand.ask(request).status, 200);
}

#[test]
fn the_body_of_the_402_is_the_sellers_and_how_to_pay_stays() {
    let ours = Stand::new(priced()).ask(get());
    let members = |ask: &Ask| {
        let path = Value::from(&*ask.path);
        CustomBody::json([
            ("path", path),
            ("accepts", json!("mine")),
            ("code", json!(0)),
        ])
    };
    let stand = Stand::new(priced().unpaid_body(members));
    let answer = stand.ask(get());
    assert_eq!(answer.headers, ours.headers);
    let mut expected = ours.json();
    expected["path"] = "/a".into();
    assert_eq!(answer.json(), expected);

    let whole = |_: &Ask| CustomBody::of("text/plain", "pay!");
    let stand = Stand::new(priced().unpaid_body(whole));
    let answer = stand.ask(get());
    assert_eq!((answer.status, &*answer.body), (402, &b"pay!"[..]));
    assert_eq!(answer.header("content-type"), "text/plain");
    for name in ["x-challenge", "cache-control", "vary"] {
        assert_eq!(answer.headers[name], ours.headers[name], "{name}");
    }
    // A payment that was refused is told why.
    stand.world.script("check", &[Act::Refuse]);
    assert_eq!(stand.ask(paying("a")).code(), "check");
    stand.world.script("claim", &[Act::Refuse]);
    assert_eq!(stand.ask(paying("a")).code(), "claim");
}

#[test]
fn a_body_that_fails_leaves_ours() {
    let ours = Stand::new(priced()).ask(get());
    let panics = |_: &Ask| -> CustomBody { panic!("no words") };
    let untyped = |_: &Ask| CustomBody::of("text/plain\r\nset-cookie: a=b", "pay!");
    assert_eq!(Stand::new(priced().unpaid_body(panics)).ask(get()), ours);
    assert_eq!(Stand::new(priced().unpaid_body(untyped)).ask(get()), ours);
    let panics = |_: &Ask, _: &Failure| -> CustomBody { panic!("no words") };
    let stand = Stand::new(priced().settlement_failed_body(panics));
    stand.world.script("settle", &[Act::Refuse]);
    assert_eq!(stand.ask(paying("a")).code(), "settle");
}

#[test]
fn the_seller_words_what_was_not_settled_and_nothing_else() {
    let says = |_: &Ask, failure: &Failure| {
        let Failure {
            code,
            status,
            unknown,
        } = failure;
        CustomBody::of(
            "text/plain",
            format!("{code} {} {unknown}", status.as_u16()),
        )
    };
    let first = || priced().timing(Timing::BeforeServing);
    for (route, credential) in [(priced(), "a"), (first(), "b"), (priced(), "manage")] {
        for (act, said) in [
            (Act::Refuse, "settle 402 false"),
            (Act::Fail, "settle 502 false"),
            (Act::Unknown, "settlement_pending 503 true"),
        ] {
            let plain = Stand::new(route.clone());
            let stand = Stand::new(route.clone().settlement_failed_body(says));
            for stand in [&plain, &stand] {
                stand.world.script("settle", &[act]);
            }
            let (answer, ours) = (stand.ask(paying(credential)), plain.ask(paying(credential)));
            assert_eq!(answer.body, said.as_bytes());
            assert_eq!(answer.header("content-type"), "text/plain");
            assert_eq!(answer.header("x-receipt"), ours.header("x-receipt"));
            assert_eq!(answer.header("x-challenge"), ours.header("x-challenge"));
            assert_eq!(answer.header("retry-after"), ours.header("retry-after"));
            // Asked again, nobody knows more.
            if act == Act::Unknown {
                stand.world.script("reconcile", &[Act::Unknown]);
                assert_eq!(stand.ask(paying(credential)).body, said.as_bytes());
            }
        }
    }
    for step in ["claim", "check", "verify"] {
        let stand = Stand::new(priced().settlement_failed_body(says));
        stand.world.script(step, &[Act::Refuse]);
        assert_eq!(stand.ask(paying("a")).code(), step);
        assert_eq!(stand.ask(get()).code(), "payment_required");
    }
}

#[test]
fn hooks_read_the_code_whatever_the_seller_says() {
    #[derive(Clone, Default)]
    struct Ear(Arc<std::sync::Mutex<Vec<String>>>);
    impl Hooks for Ear {
        fn failed<'a>(&'a self, _: &'a Ask, failure: &'a Failure) -> Soon<'a, ()> {
            self.0.lock().unwrap().push(failure.code.clone());
            Soon::now(())
        }

        fn challenged<'a>(&'a self, _: &'a Ask, reply: &'a Reply) -> Soon<'a, ()> {
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            let code = body["code"].as_str().unwrap();
            self.0.lock().unwrap().push(format!("402 {code}"));
            Soon::now(())
        }
    }
    let ear = Ear::default();
    let says = |_: &Ask, _: &Failure| CustomBody::of("text/plain", "sorry");
    let route = priced()
        .settlement_failed_body(says)
        .unpaid_body(|_| CustomBody::of("text/plain", "pay!"));
    let stand = Stand::with(route, |gate| gate.hooks(ear.clone()));
    stand.world.script("settle", &[Act::Refuse]);
    assert_eq!(stand.ask(paying("a")).body, "sorry");
    assert_eq!(stand.ask(get()).body, "pay!");
    let mut heard = ear.0.lock().unwrap().clone();
    heard.sort();
    assert_eq!(heard, ["402 payment_required", "402 settle", "settle"]);
}

fn page(_: &Ask, reply: &Reply) -> Option<Page> {
    let title = reply.headers.contains_key("x-challenge");
    let html = format!("<p>{title}");
    let policy = HeaderName::from_static("content-security-policy");
    let link = HeaderValue::from_static("</a>; rel=icon");
    let page = Page::new(html)
        .header(policy, HeaderValue::from_static("default-src 'none'"))
        .header(http::header::LINK, link.clone())
        .header(http::header::LINK, link);
    let hostile = ["cache-control", "vary", "x-challenge", "content-length"];
    let hostile = hostile
        .into_iter()
        .chain(["content-type", "payment-response"]);
    Some(hostile.fold(page, |page, name| {
        page.header(
            HeaderName::from_static(name),
            HeaderValue::from_static("no"),
        )
    }))
}

#[test]
fn who_prefers_html_gets_the_page() {
    let ours = Stand::new(priced()).ask(browsing());
    assert_eq!(ours.code(), "payment_required");
    for stand in [
        Stand::with(priced(), |gate| gate.paywall(page)),
        Stand::new(priced().paywall(page)),
    ] {
        for request in [browsing(), browsing().method("HEAD")] {
            let answer = stand.ask(request);
            assert!(answer.is_html());
            assert_eq!((answer.status, &*answer.body), (402, &b"<p>true"[..]));
            // What the answer says already is not the page's to say.
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("x-challenge"), "pay");
            assert_eq!(answer.header("vary"), format!("{VARY}, accept"));
            assert_eq!(
                answer.header("content-security-policy"),
                "default-src 'none'"
            );
            assert_eq!(answer.header("link"), "</a>; rel=icon | </a>; rel=icon");
            for none in ["content-length", "payment-response"] {
                assert_eq!(answer.header(none), "");
            }
        }
        // A page's own script, and a program.
        for accept in ["*/*", "application/json", "text/html, application/json", ""] {
            let answer = stand.ask(get().header("accept", accept));
            assert_eq!(answer.code(), "payment_required");
            assert_eq!(answer.header("vary"), format!("{VARY}, accept"));
        }
    }
}

#[test]
fn only_what_was_looked_at_and_not_paid_for_is_a_page() {
    let stand = Stand::with(priced(), |gate| gate.paywall(page));
    assert_eq!(
        stand.ask(browsing().method("POST")).code(),
        "payment_required"
    );
    for (step, act) in [
        ("claim", Act::Refuse),
        ("claim", Act::Forbid),
        ("check", Act::Refuse),
        ("settle", Act::Refuse),
        ("settle", Act::Unknown),
    ] {
        stand.world.script(step, &[act]);
        let answer = stand.ask(browsing().header("x-pay", format!("{step}{act:?}")));
        assert!(!answer.is_html(), "{step} {act:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{step}"
        );
    }
    stand.world.script("challenge", &[Act::Fail]);
    assert_eq!(stand.ask(browsing()).code(), "challenge");
    // What is delivered does not vary on what pages are chosen by.
    assert_eq!(
        stand.ask(browsing().header("x-pay", "b")).header("vary"),
        VARY
    );
}

#[test]
fn a_route_has_its_own_page_or_none() {
    let own = |_: &Ask, _: &Reply| Some(Page::new("own"));
    let shared = |gate: GateBuilder| gate.paywall(page);
    let answer = Stand::with(priced().paywall(own), shared).ask(browsing());
    assert_eq!(answer.body, "own");
    let answer = Stand::with(priced().no_paywall(), shared).ask(browsing());
    assert_eq!(answer.code(), "payment_required");
    assert_eq!(answer.header("vary"), VARY);
}

#[test]
fn a_page_that_fails_leaves_the_answer() {
    let panics = |_: &Ask, _: &Reply| -> Option<Page> { panic!("no page") };
    let none = |_: &Ask, _: &Reply| None;
    let said = |_: &Ask| CustomBody::of("text/plain", "pay!");
    for route in [priced().paywall(panics), priced().paywall(none)] {
        let answer = Stand::new(route.clone()).ask(browsing());
        assert_eq!(answer.code(), "payment_required");
        // And what the seller says to programs, then.
        let answer = Stand::new(route.unpaid_body(said)).ask(browsing());
        assert_eq!(answer.body, "pay!");
    }
}

#[test]
fn a_page_reads_the_headers_that_it_asks_for() {
    struct Polyglot([HeaderName; 1]);
    impl Paywall for Polyglot {
        fn page(&self, ask: &Ask, _: &Reply) -> Option<Page> {
            Some(Page::new(ask.header(&self.0[0])?.to_owned()))
        }

        fn headers(&self) -> &[HeaderName] {
            &self.0
        }
    }
    let paywall = Polyglot([http::header::ACCEPT_LANGUAGE]);
    let stand = Stand::new(priced().paywall(paywall));
    let answer = stand.ask(browsing().header("accept-language", "de"));
    assert_eq!(answer.body, "de");
    let vary = format!("{VARY}, accept, accept-language");
    assert_eq!(answer.header("vary"), vary);
}

#[test]
fn t96_the_origin_that_is_named_may_read_what_it_paid_for() {
    let cors = || Cors::origins(["https://page.example", "http://localhost:5173"]);
    let mut stand = Stand::with(priced(), |gate| gate.cors(cors().credentials()));
    let theirs = HeaderValue::from_static("X-Own, Retry-After");
    stand
        .headers
        .insert("access-control-expose-headers", theirs);
    stand
        .headers
        .insert("vary", HeaderValue::from_static("Origin"));
    for (n, origin) in ["https://page.example", "http://localhost:5173"]
        .into_iter()
        .enumerate()
    {
        let paying = paying(&n.to_string()).header("origin", origin);
        let served = stand.ask(paying);
        let unpaid = stand.ask(get().header("origin", origin));
        for answer in [&served, &unpaid] {
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert_eq!(answer.header("access-control-allow-credentials"), "true");
        }
        assert_eq!(
            served.header("access-control-expose-headers"),
            "X-Own, Retry-After, PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, \
             WWW-Authenticate, Payment-Receipt"
        );
        assert_eq!(served.header("vary"), format!("Origin, {VARY}"));
        assert_eq!(unpaid.header("vary"), format!("{VARY}, origin"));
    }
    // Nobody else, and caches are told that somebody may.
    for request in [get(), get().header("origin", "https://other.example")] {
        let answer = stand.ask(request);
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("access-control-expose-headers"), "");
        assert_eq!(answer.header("vary"), format!("{VARY}, origin"));
    }
}

#[test]
fn t96_a_table_lets_pages_read_too() {
    let gate =
        Gate::builder(FakeProtocol(World::new())).cors(Cors::origins(["https://page.example"]));
    let gate = gate.build().unwrap();
    let table = gate.table().route("/a/b", priced()).unwrap();
    let table = table.route("/*", priced()).unwrap().build().unwrap();
    let ask = |request: Builder| {
        let request = request.header("origin", "https://page.example");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let unread = Answer::from(table.unread(&head, Unread::TooLarge));
        assert_eq!(unread.status, 413);
        let admitted = table.admit(&head).unwrap();
        let answer = match admitted {
            Admission::Answer(reply) => reply.into(),
            Admission::Priced(job) => job.answer_at_once().unwrap().into(),
        };
        [answer, unread]
    };
    let preflight = || {
        let asked = ("access-control-request-method", "GET");
        http::Request::options("/c").header(asked.0, asked.1)
    };
    for (request, status) in [
        (http::Request::get("/c"), 402),
        (http::Request::get("//a/B"), 400),
        (preflight(), 204),
    ] {
        let [answer, unread] = ask(request);
        assert_eq!(answer.status, status);
        for answer in [answer, unread] {
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, "https://page.example", "{status}");
            let vary = answer.header("vary").to_ascii_lowercase();
            assert!(vary.contains("origin"), "{status}");
        }
    }
}

#[test]
fn t96_a_table_lets_no_page_do_what_is_free() {
    let gate = Gate::builder(FakeProtocol(World::new())).cors(Cors::any());
    let table = gate.build().unwrap().table();
    let table = table.route("GET /a", priced()).unwrap().build().unwrap();
    for (method, allowed) in [
        ("GET", true),
        ("HEAD", true),
        ("get", true),
        ("DELETE", false),
        ("OPTIONS", false),
        ("", false),
        ("\u{e9}", false),
    ] {
        let head = http::Request::options("/a")
            .header("origin", "https://page.example")
            .header("access-control-request-method", method);
        let (head, ()) = head.body(()).unwrap().into_parts();
        let Some(Admission::Answer(reply)) = table.admit(&head) else {
            panic!("{method} reached the handler");
        };
        let allows = reply.headers.contains_key("access-control-allow-origin");
        assert_eq!((reply.status.as_u16(), allows), (204, allowed), "{method}");
    }
}

#[test]
fn t96_a_handler_that_allows_an_origin_exposes_the_receipt() {
    let mut stand = Stand::new(priced());
    let expose = |stand: &Stand, name| {
        let answer = stand.ask(paying(name));
        answer.header("access-control-expose-headers")
    };
    assert_eq!(expose(&stand, "a"), "");
    let any = HeaderValue::from_static("*");
    stand
        .headers
        .insert("access-control-allow-origin", any.clone());
    let ours = "PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, WWW-Authenticate, \
                Payment-Receipt, Retry-After";
    assert_eq!(expose(&stand, "b"), ours);
    // With credentials `*` is a name like any other.
    stand.headers.insert("access-control-expose-headers", any);
    assert_eq!(expose(&stand, "c"), format!("*, {ours}"));
}
