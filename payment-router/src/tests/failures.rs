//! A protocol that does not do its part.

use std::sync::Mutex;
use std::time::Duration;

use payment_core::PaymentProtocol;
use tokio::time::Instant;

use super::*;
use crate::{FailureKind, Phase, RouterError};

type Reports = Arc<Mutex<Vec<RouterError>>>;

/// A router that takes down what it reports.
fn watched(router: PaymentRouter) -> (PaymentRouter, Reports) {
    let reports = Reports::default();
    let taken = Arc::clone(&reports);
    let router = router.on_error(move |error| taken.lock().unwrap().push(error.clone()));
    (router, reports)
}

/// What was reported, in short.
fn told(reports: &Reports) -> Vec<(Phase, &'static str, FailureKind, &'static str)> {
    let reports = reports.lock().unwrap();
    assert!(reports.iter().all(|error| &*error.path == "/thing"));
    let short = |error: &RouterError| {
        let name = error.protocol.as_str();
        (error.phase, name, error.kind, error.code)
    };
    reports.iter().map(short).collect()
}

fn speeds<const N: usize>(speeds: [(&'static str, Speed); N]) -> PaymentRouter {
    let waiting = Arc::default();
    let add =
        |router: PaymentRouter, (name, speed)| router.add(1, fake(name).speed(speed, &waiting));
    speeds.into_iter().fold(PaymentRouter::new(), add)
}

const LATE: &str = "challenge_late";
const PANICKED: &str = "protocol_panicked";

#[tokio::test(start_paused = true)]
async fn a_late_challenge_is_left_out_and_the_others_are_there() {
    let begun = Instant::now();
    let (router, reports) = watched(speeds([
        ("never", Speed::Never),
        ("now", Speed::Now),
        ("neither", Speed::Never),
    ]));
    let reply = ask(router, &[]).await;
    assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(lines(&reply), ["now"]);
    // The clock stands but for timers: both were waited for together.
    assert_eq!(begun.elapsed().as_secs(), 2);
    let late = |name| (Phase::Challenge, name, FailureKind::Late, LATE);
    assert_eq!(told(&reports), [late("never"), late("neither")]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_sellers_to_set() {
    let slow = |deadline| {
        let router = speeds([("never", Speed::Never), ("now", Speed::Now)]);
        router.challenge_deadline(deadline)
    };
    for deadline in [Duration::ZERO, Duration::from_secs(7)] {
        let begun = Instant::now();
        assert_eq!(lines(&ask(slow(deadline), &[]).await), ["now"]);
        assert_eq!(begun.elapsed().as_secs(), deadline.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_waits_for_no_deadline() {
    let waiting = Arc::default();
    let router = PaymentRouter::new()
        .add(1, fake("slow").speed(Speed::Together(2), &waiting))
        .add(2, fake("slower").speed(Speed::Together(2), &waiting));
    let begun = Instant::now();
    assert_eq!(lines(&ask(router, &[]).await), ["slow", "slower"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_sole_protocol_has_a_deadline_and_may_panic_too() {
    for (speed, kind, code) in [
        (Speed::Never, FailureKind::Late, LATE),
        (Speed::Panicking, FailureKind::Panic, PANICKED),
        (Speed::PanickingLater, FailureKind::Panic, PANICKED),
        (Speed::Failing, FailureKind::Fault, "fake_failed"),
    ] {
        let (router, reports) = watched(speeds([("sole", speed)]));
        let reply = ask(router, &[]).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(super::code(&reply), "no_challenge");
        assert_eq!(told(&reports), [(Phase::Challenge, "sole", kind, code)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_protocol_that_panics_is_left_out_of_the_402() {
    for panicking in [Speed::Panicking, Speed::PanickingLater] {
        for (first, second) in [("a", "b"), ("b", "a")] {
            // Before and after one that has to be waited for.
            let (router, reports) = watched(speeds([
                (
                    first,
                    if first == "a" {
                        panicking
                    } else {
                        Speed::Together(1)
                    },
                ),
                (
                    second,
                    if second == "a" {
                        panicking
                    } else {
                        Speed::Together(1)
                    },
                ),
                ("now", Speed::Now),
            ]));
            let reply = ask(router, &[]).await;
            assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
            assert_eq!(lines(&reply), ["b", "now"]);
            let told = told(&reports);
            assert_eq!(
                told,
                [(Phase::Challenge, "a", FailureKind::Panic, PANICKED)]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_reported_once_with_its_cause() {
    let (router, reports) = watched(speeds([
        ("a", Speed::Failing),
        ("b", Speed::Panicking),
        ("c", Speed::Never),
        ("d", Speed::FailingLater),
        ("e", Speed::PanickingLater),
        ("f", Speed::Now),
    ]));
    let gate = Gate::new(router).route(PRICE).unwrap();
    let (head, ()) = Request::get("/thing").body(()).unwrap().into_parts();
    let Admission::Priced(job) = gate.admit(&head) else {
        panic!("not a preflight");
    };
    // As frameworks do: what has to be awaited is given up first, and asked for anew.
    assert!(job.answer_at_once().is_none());
    let run = job.run(NoSpawn, async |_| Ok::<Never, ()>(Never));
    let served = tokio::time::timeout(Duration::from_secs(60), run).await;
    assert!(matches!(served, Ok(Ok(Outcome::Reply(_)))));
    let causes: Vec<_> = reports
        .lock()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        causes,
        [
            "a failed to challenge: fake_failed: a",
            "b failed to challenge: protocol_panicked: panicked: b is lost",
            "c failed to challenge: challenge_late: the deadline has passed",
            "d failed to challenge: fake_failed: d",
            "e failed to challenge: protocol_panicked: panicked: lost later",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn when_none_is_left_in_time_there_is_no_402() {
    let (router, reports) = watched(speeds([
        ("a", Speed::Never),
        ("b", Speed::Panicking),
        ("c", Speed::PanickingLater),
        ("d", Speed::FailingLater),
    ]));
    let reply = ask(router, &[]).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(super::code(&reply), "no_challenge");
    assert!(lines(&reply).is_empty());
    assert_eq!(told(&reports).len(), 4);
}

#[tokio::test]
async fn a_402_that_nobody_could_pay_is_not_made() {
    for router in [
        speeds([("a", Speed::Silent)]),
        speeds([("a", Speed::Silent), ("b", Speed::Silent)]),
        speeds([("a", Speed::Silent), ("b", Speed::FailingLater)]),
    ] {
        let reply = ask(router, &[]).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(super::code(&reply), "no_challenge");
    }
    let reply = ask(speeds([("a", Speed::Silent), ("b", Speed::Now)]), &[]).await;
    assert_eq!(lines(&reply), ["b"]);
}

fn three() -> PaymentRouter {
    speeds([
        ("mpp", Speed::Now),
        ("x402", Speed::Now),
        ("third", Speed::Now),
    ])
}

#[tokio::test]
async fn a_claim_that_panics_opens_nothing_and_takes_nothing() {
    for headers in [
        &[("x-third", "strange")][..],
        // Another protocol's payment may not be the only one.
        &[("x-third", "strange"), ("x-mpp", "good")],
        &[("x-mpp", "strange"), ("x-third", "good")],
        &[("x-mpp", "strange"), ("x-third", "bad")],
    ] {
        let (router, reports) = watched(three());
        let reply = ask(router, headers).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{headers:?}");
        assert_eq!(super::code(&reply), PANICKED, "{headers:?}");
        assert!(lines(&reply).is_empty(), "{headers:?}");
        let name = &headers[0].0[2..];
        let told = told(&reports);
        assert_eq!(told, [(Phase::Claim, name, FailureKind::Panic, PANICKED)]);
    }
    // Two that are certain are ambiguous, whatever the third would have been.
    let all = [
        ("x-mpp", "strange"),
        ("x-x402", "good"),
        ("x-third", "good"),
    ];
    let reply = ask(three(), &all).await;
    assert_eq!(super::code(&reply), "ambiguous_payment");
    // It is no matter of a route that does not take the protocol.
    let only = Route::priced(PRICE).only([ProtocolName::new("x402")]);
    let headers = [("x-mpp", "strange"), ("x-x402", "good")];
    let reply = ask_route(three(), only, &headers).await;
    assert_eq!(super::code(&reply), "x402");
}

#[tokio::test]
async fn a_bind_that_panics_or_fails_is_reported_and_serves_nothing() {
    for (credential, status, kind, code) in [
        ("odd", 503, FailureKind::Panic, PANICKED),
        ("unlucky", 502, FailureKind::Fault, "no_luck"),
    ] {
        let (router, reports) = watched(three());
        let reply = ask(router, &[("x-third", credential)]).await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(super::code(&reply), code);
        assert_eq!(told(&reports), [(Phase::Bind, "third", kind, code)]);
    }
    // What the buyer has to mend is no failure.
    let (router, reports) = watched(three());
    let reply = ask(router, &[("x-third", "good")]).await;
    assert_eq!(reply.status, StatusCode::CONFLICT);
    assert!(told(&reports).is_empty());
}

#[tokio::test]
async fn a_claim_is_bound_by_who_made_it_whatever_it_says() {
    let reply = ask(three(), &[("x-third", "foreign")]).await;
    assert_eq!(super::code(&reply), "third");
}

#[tokio::test]
async fn a_listener_that_panics_changes_nothing() {
    let router = || speeds([("a", Speed::Panicking), ("mpp", Speed::Now)]);
    let router = || router().on_error(|_| panic!("not my day"));
    assert_eq!(lines(&ask(router(), &[]).await), ["mpp"]);
    let reply = ask(router(), &[("x-mpp", "strange")]).await;
    assert_eq!(super::code(&reply), PANICKED);
    let reply = ask(router(), &[("x-mpp", "odd")]).await;
    assert_eq!(super::code(&reply), PANICKED);
}

/// Panics with something that panics when it is dropped, and is a future that does.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

struct Bombs(fn(Bomb) -> Soon<'static, Result<Challenge, Fault>>);

impl PaymentProtocol for Bombs {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("bombs")
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(Self(self.0))))
    }
}

impl Offering for Bombs {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        self.0(Bomb)
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        unreachable!("nothing was claimed")
    }
}

#[tokio::test(start_paused = true)]
async fn what_panics_when_it_is_dropped_does_no_more_than_that() {
    let thrown = |bomb| std::panic::panic_any(bomb);
    let late = |bomb| {
        Soon::later(async move {
            let _kept = bomb;
            pending().await
        })
    };
    for bombs in [Bombs(thrown), Bombs(late)] {
        let reply = ask(PaymentRouter::new().with(bombs).with(fake("now")), &[]).await;
        assert_eq!(lines(&reply), ["now"]);
    }
}

#[test]
fn others_stand_behind_those_that_place_themselves() {
    struct Placed(u32);
    impl PaymentProtocol for Placed {
        fn name(&self) -> ProtocolName {
            ProtocolName::new("placed")
        }
        fn priority(&self) -> u32 {
            self.0
        }
        fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
            Ok(None)
        }
    }
    let router = PaymentRouter::new()
        .with(fake("unplaced"))
        .with(Placed(20))
        .add(5, fake("first"));
    assert_eq!(
        format!("{router:?}"),
        "{5: ProtocolName(\"first\"), 20: ProtocolName(\"placed\"), \
         100: ProtocolName(\"unplaced\")}"
    );
}
