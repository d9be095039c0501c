//! What is answered without a future: requests that brought nothing to look at.

use http::{HeaderName, HeaderValue, StatusCode};

use super::shop::{Tasks, polled};
use crate::*;

const NAME: ProtocolName = ProtocolName::new("test");

/// A protocol that refuses in the status that is asked for, takes `good`, and has its challenge
/// at once or later.
#[derive(Clone, Copy)]
enum Protocol {
    AtOnce,
    Later,
}

impl PaymentProtocol for Protocol {
    fn name(&self) -> ProtocolName {
        NAME
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(*self)))
    }
}

impl Offering for Protocol {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let status = match head.query() {
            None => return Ok(None),
            Some("good") => return Ok(Some(Claim::new(NAME, 0, "good".into()))),
            Some("402") => StatusCode::PAYMENT_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        };
        let problem = Problem::new("urn:test", "Test", status, "test", "");
        Err(Refusal::new(NAME, problem).retry_after(std::time::Duration::from_secs(3)))
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let name = HeaderName::from_static("x-challenge");
        let headers = vec![(name, HeaderValue::from_static("pay"))];
        let challenge = match &*ask.path {
            "/down" => Err(Fault::unavailable("down", "down")),
            _ => Ok(Challenge::new(headers, "\"a\":1".into())),
        };
        match self {
            Self::AtOnce => Soon::now(challenge),
            Self::Later => Soon::later(std::future::ready(challenge)),
        }
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        Err(Fault::internal("never", "not run").into())
    }
}

struct NoPage;

impl Served for NoPage {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

fn job(protocol: Protocol, url: &str) -> Job {
    let gate = Gate::new(protocol);
    let route = gate.route(Money::from_decimal("0.01").unwrap()).unwrap();
    let (head, ()) = http::Request::get(url).body(()).unwrap().into_parts();
    match route.admit(&head) {
        Admission::Priced(job) => job,
        Admission::Answer(reply) => panic!("answered {}", reply.status),
    }
}

fn run(job: Job) -> Reply {
    let serve = |_| async { Ok::<_, ()>(NoPage) };
    match polled(&mut Box::pin(job.run(Tasks::default(), serve)), 9) {
        Some(Ok(Outcome::Reply(reply))) => reply,
        _ => panic!("not answered"),
    }
}

#[test]
fn the_answer_at_once_is_that_of_the_run() {
    for (url, status) in [
        ("/a", 402),
        ("/a?402", 402),
        ("/a?400", 400),
        ("/down", 503),
        ("/down?402", 503),
        ("/down?400", 400),
    ] {
        let at_once = job(Protocol::AtOnce, url).answer_at_once().unwrap();
        for protocol in [Protocol::AtOnce, Protocol::Later] {
            let run = run(job(protocol, url));
            assert_eq!(run.status, status, "{url}");
            assert_eq!((at_once.status, &at_once.body), (run.status, &run.body));
            assert_eq!(at_once.headers, run.headers, "{url}");
        }
    }
}

#[test]
fn what_must_be_awaited_or_looked_at_is_to_be_run() {
    assert!(job(Protocol::AtOnce, "/a?good").answer_at_once().is_none());
    assert!(job(Protocol::Later, "/a").answer_at_once().is_none());
    // No challenge goes with it, so none is awaited.
    assert!(job(Protocol::Later, "/a?400").answer_at_once().is_some());
}
