//! Requests at a gate, without a web framework.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, StatusCode};
use payment_core::{
    Admission, Ask, BoxFuture, Challenge, Claim, Clock, ConfigError, Denied, Fault, Gate,
    HoldError, Offering, Outcome, Payment, PaymentProtocol, ProtocolName, Refusal, RequestHead,
    Route, RouteGate, Served, Soon, Spawn, Timer, Timestamp,
};
use serde_json::Value;

use super::{NOW, route};

/// A clock that stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing(pub(crate) Arc<Mutex<Timestamp>>);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn standing(now: Timestamp) -> Standing {
    Standing(Arc::new(Mutex::new(now)))
}

#[derive(Clone)]
struct OnTokio;

impl Spawn for OnTokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for OnTokio {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Page;

impl Served for Page {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

pub(crate) fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().method(method).uri(uri)
}

/// What a client sees.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) problem: Value,
    pub(crate) served: bool,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn kind(&self) -> &str {
        let kind = self.problem["type"].as_str().unwrap_or_default();
        kind.rsplit("/problems/").next().unwrap_or_default()
    }
}

pub(crate) async fn visit(gate: &RouteGate, request: http::request::Builder) -> Seen {
    let head = request.body(()).unwrap().into_parts().0;
    let reply = match gate.admit(&head) {
        Admission::Answer(reply) => reply,
        Admission::Priced(job) => {
            let serve = |_| async { Ok::<_, Infallible>(Page) };
            match job.run(OnTokio, serve).await.unwrap() {
                Outcome::Reply(reply) => reply,
                Outcome::Served { stamps, .. } => {
                    let headers = stamps.into_iter().collect();
                    return Seen {
                        status: 200,
                        headers,
                        problem: Value::Null,
                        served: true,
                    };
                }
            }
        }
    };
    Seen {
        status: reply.status.as_u16(),
        headers: reply.headers,
        problem: serde_json::from_slice(&reply.body).unwrap_or_default(),
        served: false,
    }
}

/// Takes down what the gate makes of a request.
#[derive(Clone, Default)]
struct Spy(Arc<Mutex<Option<Ask>>>);

impl PaymentProtocol for Spy {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("spy")
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(self.clone())))
    }
}

impl Offering for Spy {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        *self.0.lock().unwrap() = Some(ask.clone());
        Soon::now(Ok(Challenge::default()))
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        unreachable!("nothing was claimed")
    }
}

/// A request as protocols see it.
pub(crate) async fn ask_of(request: http::request::Builder, now: Timestamp) -> Ask {
    let spy = Spy::default();
    let gate = Gate::builder(spy.clone())
        .clock(standing(now))
        .build()
        .unwrap();
    visit(&gate.route(route("0.01")).unwrap(), request).await;
    spy.0.lock().unwrap().take().unwrap()
}

/// `GET /weather` at this moment.
pub(crate) async fn ask_at(now: Timestamp) -> Ask {
    ask_of(request("GET", "/weather"), now).await
}

pub(crate) async fn ask() -> Ask {
    ask_at(NOW).await
}
