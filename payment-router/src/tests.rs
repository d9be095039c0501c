#![allow(clippy::unwrap_used)]

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use payment_core::{
    Admission, Ask, BoxFuture, Challenge, Claim, ConfigError, Denied, Fault, Gate, HoldError,
    Money, Offering, Outcome, Payment, PaymentOption, PaymentProtocol, Pricing, Problem,
    ProtocolName, Quote, Refusal, Reply, RequestHead, Route, Served, Soon, Spawn, Timer, usd,
};

use crate::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};

mod failures;

/// How a fake answers when it is asked for a challenge.
#[derive(Clone, Copy, PartialEq)]
enum Speed {
    Now,
    /// Only when so many fakes wait at the same time.
    Together(usize),
    Never,
    Failing,
    FailingLater,
    Panicking,
    PanickingLater,
    /// Says nothing at all.
    Silent,
}

/// Takes credentials from the header `x-<name>`; `bad` is one that it can't read, `strange` one that
/// it panics at, `foreign` one that it says is another's. It panics when it binds `odd`, and fails
/// when it binds `unlucky`.
#[derive(Clone)]
struct Fake {
    name: &'static str,
    speed: Speed,
    offers: Result<bool, ()>,
    waiting: Arc<AtomicUsize>,
    /// How often it was asked for a quote.
    asked: Arc<AtomicUsize>,
}

fn fake(name: &'static str) -> Fake {
    Fake {
        name,
        speed: Speed::Now,
        offers: Ok(true),
        waiting: Arc::default(),
        asked: Arc::default(),
    }
}

impl Fake {
    fn speed(mut self, speed: Speed, waiting: &Arc<AtomicUsize>) -> Self {
        self.speed = speed;
        self.waiting = Arc::clone(waiting);
        self
    }

    fn refuse(&self, status: StatusCode, code: &'static str) -> Refusal {
        let problem = Problem::new("urn:fake", "Fake", status, code, "");
        Refusal::new(self.name(), problem)
    }

    fn made(&self) -> Challenge {
        let line = HeaderValue::from_static(self.name);
        let members = match self.name {
            "quiet" => Bytes::new(),
            name => Bytes::from(format!("\"{name}\":1")),
        };
        Challenge::new(vec![(WWW_AUTHENTICATE, line)], members)
    }
}

impl PaymentProtocol for Fake {
    fn name(&self) -> ProtocolName {
        ProtocolName::new(self.name)
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        let means = |option: &PaymentOption| option.protocol.is_none_or(|name| name == self.name());
        match self.offers {
            Ok(true) if !route.each_option().iter().any(means) => Ok(None),
            Ok(true) => Ok(Some(Box::new(self.clone()))),
            Ok(false) => Ok(None),
            Err(()) => Err(ConfigError::NoAsset),
        }
    }
}

impl Offering for Fake {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut found = None;
        head.each_value(&format!("x-{}", self.name), &mut |value| {
            found = Some(Bytes::copy_from_slice(value));
        });
        match found {
            Some(bytes) if bytes == "bad" => Err(self.refuse(StatusCode::BAD_REQUEST, self.name)),
            Some(bytes) if bytes == "strange" => panic!("what is this?"),
            Some(bytes) if bytes == "foreign" => {
                Ok(Some(Claim::new(ProtocolName::new("mpp"), 0, bytes)))
            }
            found => Ok(found.map(|bytes| Claim::new(self.name(), 0, bytes))),
        }
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let failed = || Err(Fault::upstream("fake_failed", self.name));
        match self.speed {
            Speed::Now => Soon::now(Ok(self.made())),
            Speed::Failing => Soon::now(failed()),
            Speed::FailingLater => Soon::later(async move { failed() }),
            Speed::Never => Soon::later(pending()),
            Speed::Panicking => panic!("{} is {}", self.name, "lost"),
            Speed::PanickingLater => Soon::later(async { panic!("lost later") }),
            Speed::Silent => Soon::now(Ok(Challenge::default())),
            Speed::Together(all) => Soon::later(async move {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    match self.waiting.load(Ordering::SeqCst) == all {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    }
                })
                .await;
                Ok(self.made())
            }),
        }
    }

    fn quote(&self, _: &Claim) -> Option<Box<str>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        None
    }

    /// Tells who was asked, by the code of the refusal.
    fn bind(&self, _: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        match &*claim.credential {
            b"odd" => panic!("what is this?"),
            b"unlucky" => return Err(Fault::upstream("no_luck", "a broken mirror").into()),
            _ => {}
        }
        Err(self.refuse(StatusCode::CONFLICT, self.name).into())
    }
}

#[derive(Clone)]
struct NoSpawn;

impl Spawn for NoSpawn {
    fn spawn(&self, _: payment_core::BoxFuture<'static, ()>) {}
}

impl Timer for NoSpawn {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Never;

impl Served for Never {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

const PRICE: Money = usd!("0.01");

async fn ask_route(
    router: PaymentRouter,
    route: impl Into<Route>,
    headers: &[(&str, &str)],
) -> Reply {
    let gate = Gate::new(router).route(route).unwrap();
    let mut request = Request::get("/thing");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let job = match gate.admit(&head) {
        Admission::Priced(job) => job,
        Admission::Answer(reply) => return reply,
    };
    let run = job.run(NoSpawn, async |_| Ok::<Never, ()>(Never));
    let patience = std::time::Duration::from_secs(60);
    let served = tokio::time::timeout(patience, run).await;
    match served.expect("an answer, however late").unwrap() {
        Outcome::Reply(reply) => reply,
        Outcome::Served { .. } => panic!("no fake payment binds"),
    }
}

async fn ask(router: PaymentRouter, headers: &[(&str, &str)]) -> Reply {
    ask_route(router, PRICE, headers).await
}

fn lines(reply: &Reply) -> Vec<&str> {
    let values = reply.headers.get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}

fn body(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn code(reply: &Reply) -> String {
    body(reply)["code"].as_str().unwrap().to_owned()
}

fn refused_offer(router: PaymentRouter, route: impl Into<Route>) -> ConfigError {
    Gate::new(router).route(route).unwrap_err()
}

#[tokio::test]
async fn one_402_carries_every_challenge_in_order_of_priority() {
    let router = PaymentRouter::new()
        .add(X402_PRIORITY, fake("late"))
        .add(X402_PRIORITY, fake("quiet"))
        .add(MPP_PRIORITY, fake("early"))
        .add(X402_PRIORITY, fake("last"));
    assert_eq!(
        format!("{router:?}"),
        "{10: ProtocolName(\"early\"), 20: ProtocolName(\"late\"), 20: ProtocolName(\"quiet\"), \
         20: ProtocolName(\"last\")}"
    );
    let reply = ask(router, &[]).await;
    assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(lines(&reply), ["early", "late", "quiet", "last"]);
    let text = std::str::from_utf8(&reply.body).unwrap();
    assert!(text.ends_with(r#","early":1,"late":1,"last":1}"#), "{text}");
}

#[tokio::test]
async fn a_claim_is_bound_by_the_protocol_that_made_it() {
    for name in ["mpp", "x402"] {
        let router = PaymentRouter::new()
            .add(10, fake("mpp"))
            .add(20, fake("x402"));
        let reply = ask(router, &[(&format!("x-{name}"), "good")]).await;
        assert_eq!(
            (reply.status, code(&reply)),
            (StatusCode::CONFLICT, name.into())
        );
    }
}

#[tokio::test]
async fn what_the_first_protocol_cannot_read_is_not_asked_again() {
    let router = PaymentRouter::new()
        .add(10, fake("mpp"))
        .add(20, fake("x402"));
    let reply = ask(router, &[("x-mpp", "bad")]).await;
    assert_eq!(
        (reply.status, &*code(&reply)),
        (StatusCode::BAD_REQUEST, "mpp")
    );
}

#[tokio::test]
async fn payments_of_two_protocols_are_ambiguous() {
    for (mpp, x402) in [
        ("good", "good"),
        ("bad", "good"),
        ("good", "bad"),
        ("bad", "bad"),
    ] {
        let router = PaymentRouter::new()
            .add(10, fake("mpp"))
            .add(20, fake("x402"))
            .add(30, fake("third"));
        let reply = ask(router, &[("x-mpp", mpp), ("x-x402", x402)]).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{mpp} {x402}");
        assert_eq!(code(&reply), "ambiguous_payment", "{mpp} {x402}");
        assert!(lines(&reply).is_empty());
    }
}

#[tokio::test]
async fn a_payment_that_the_route_does_not_take_is_none() {
    let only = |name| Route::priced(PRICE).only([ProtocolName::new(name)]);
    for credential in ["good", "bad"] {
        let router = PaymentRouter::new()
            .add(10, fake("mpp"))
            .add(20, fake("x402"));
        let reply = ask_route(router, only("x402"), &[("x-mpp", credential)]).await;
        assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(lines(&reply), ["x402"]);
    }
    let router = PaymentRouter::new()
        .add(10, fake("mpp"))
        .add(20, fake("x402"));
    let both = [("x-mpp", "good"), ("x-x402", "good")];
    let reply = ask_route(router, only("x402"), &both).await;
    assert_eq!(code(&reply), "x402");
}

#[tokio::test]
async fn a_protocol_that_fails_is_left_out_of_the_402() {
    let waiting = Arc::default();
    for failing in [Speed::Failing, Speed::FailingLater] {
        let router = PaymentRouter::new()
            .add(10, fake("mpp").speed(failing, &waiting))
            .add(20, fake("x402"));
        let reply = ask(router, &[]).await;
        assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(lines(&reply), ["x402"]);
    }
}

#[tokio::test]
async fn when_every_protocol_fails_there_is_no_402() {
    let waiting = Arc::default();
    for failing in [Speed::Failing, Speed::FailingLater] {
        let router = PaymentRouter::new()
            .add(10, fake("mpp").speed(Speed::Failing, &waiting))
            .add(20, fake("x402").speed(failing, &waiting));
        let reply = ask(router, &[]).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(code(&reply), "no_challenge");
    }
}

#[tokio::test]
async fn slow_challenges_are_waited_for_together_and_stand_in_order() {
    let waiting = Arc::default();
    let router = PaymentRouter::new()
        .add(1, fake("now"))
        .add(2, fake("slow").speed(Speed::Together(2), &waiting))
        .add(3, fake("quick"))
        .add(4, fake("slower").speed(Speed::Together(2), &waiting));
    let reply = ask(router, &[]).await;
    assert_eq!(lines(&reply), ["now", "slow", "quick", "slower"]);
}

#[test]
fn challenges_that_are_here_take_no_await() {
    let router = PaymentRouter::new().add(1, fake("a")).add(2, fake("b"));
    let seen = Arc::new(AtomicUsize::new(0));
    let spy = Spy {
        router,
        seen: Arc::clone(&seen),
    };
    let gate = Gate::new(spy).route(PRICE).unwrap();
    let (head, ()) = Request::get("/").body(()).unwrap().into_parts();
    let Admission::Priced(job) = gate.admit(&head) else {
        panic!("not a preflight");
    };
    let mut run = pin!(job.run(NoSpawn, async |_| Ok::<Never, ()>(Never)));
    let polled = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_ready());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// Counts the challenges of a router that were there at once.
struct Spy<T> {
    router: T,
    seen: Arc<AtomicUsize>,
}

impl PaymentProtocol for Spy<PaymentRouter> {
    fn name(&self) -> ProtocolName {
        self.router.name()
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        let router = self.router.offer(route)?.unwrap();
        let seen = Arc::clone(&self.seen);
        Ok(Some(Box::new(Spy { router, seen })))
    }
}

impl Offering for Spy<Box<dyn Offering>> {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        self.router.claim(head)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let soon = self.router.challenge(ask, why);
        if matches!(soon, Soon::Now(Some(Ok(_)))) {
            self.seen.fetch_add(1, Ordering::SeqCst);
        }
        soon
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        self.router.bind(ask, claim)
    }
}

#[test]
fn a_route_that_no_protocol_takes_is_not_built() {
    let none = ProtocolName::new("none");
    let two = || {
        PaymentRouter::new()
            .add(10, fake("mpp"))
            .add(20, fake("x402"))
    };
    let not_offering = Fake {
        offers: Ok(false),
        ..fake("mpp")
    };
    for error in [
        refused_offer(PaymentRouter::new(), PRICE),
        refused_offer(two(), Route::priced(PRICE).only([none])),
        refused_offer(PaymentRouter::new().add(1, not_offering), PRICE),
    ] {
        assert!(matches!(error, ConfigError::NoProtocol), "{error}");
    }
}

#[test]
fn an_offer_that_one_protocol_cannot_make_is_an_error() {
    let failing = || Fake {
        offers: Err(()),
        ..fake("mpp")
    };
    let router = || {
        PaymentRouter::new()
            .add(10, failing())
            .add(20, fake("x402"))
    };
    assert!(matches!(
        refused_offer(router(), PRICE),
        ConfigError::NoAsset
    ));
    // Not asked, where it is not taken.
    let only = Route::priced(PRICE).only([ProtocolName::new("x402")]);
    assert!(Gate::new(router()).route(only).is_ok());
}

#[test]
fn names_tell_protocols_apart() {
    let twice = PaymentRouter::new()
        .add(1, fake("x402"))
        .add(2, fake("x402"));
    let nested = PaymentRouter::new().add(1, PaymentRouter::new().add(1, fake("x402")));
    for router in [twice, nested] {
        let error = refused_offer(router, PRICE);
        assert!(
            matches!(
                error,
                ConfigError::Setting {
                    setting: "router",
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn headers_of_all_are_kept() {
    let name = HeaderName::from_static("payment-required");
    let mut all = crate::challenges::Challenges::default();
    let header = |value| vec![(name.clone(), HeaderValue::from_static(value))];
    all.add(ProtocolName::new("a"), Ok(Challenge::default()));
    all.add(
        ProtocolName::new("b"),
        Ok(Challenge::new(header("1"), Bytes::from_static(b"\"b\":1"))),
    );
    let merged = all.merged(&crate::error::Reporter::silent(), "/").unwrap();
    assert_eq!(merged.headers, header("1"));
    assert_eq!(merged.members, "\"b\":1");
}

/// A route whose standard way to pay is by one protocol, and whose pricer names another.
fn moving(standard: &'static str, now: &'static str) -> Route {
    let by = |name| PaymentOption::new(PRICE).protocol(ProtocolName::new(name));
    let pricing = Pricing::by(move |_| async move { Ok(Quote::from(by(now))) });
    Route::priced(PRICE)
        .options([by(standard)])
        .pricing(pricing)
}

#[tokio::test]
async fn a_pricer_may_name_a_protocol_that_the_route_does_not() {
    let router = || {
        PaymentRouter::new()
            .add(10, fake("mpp"))
            .add(20, fake("x402"))
    };
    let reply = ask_route(router(), moving("mpp", "x402"), &[]).await;
    assert_eq!(lines(&reply), ["x402"]);
    let reply = ask_route(router(), moving("mpp", "x402"), &[("x-x402", "good")]).await;
    assert_eq!(
        (reply.status, &*code(&reply)),
        (StatusCode::CONFLICT, "x402")
    );
    // What is not offered any more is refused, with what is.
    for route in [moving("mpp", "x402"), moving("x402", "x402")] {
        let reply = ask_route(router(), route, &[("x-mpp", "good")]).await;
        assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(
            (&*code(&reply), lines(&reply)),
            ("payment_not_taken", vec!["x402"])
        );
    }
}

#[tokio::test]
async fn a_quote_is_read_by_the_protocol_that_made_the_claim() {
    let (mpp, x402) = (fake("mpp"), fake("x402"));
    let asked = [Arc::clone(&mpp.asked), Arc::clone(&x402.asked)];
    let router = PaymentRouter::new().add(10, mpp).add(20, x402);
    ask_route(router, moving("mpp", "mpp"), &[("x-x402", "good")]).await;
    assert_eq!(asked.map(|count| count.load(Ordering::SeqCst)), [0, 1]);
}
