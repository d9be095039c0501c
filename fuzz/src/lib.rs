//! What the fuzz targets share: a request head of raw bytes, a standing clock, and the JSON that
//! a target reads a second time to judge what was accepted.
//!
//! A target panics when a rule of the project is broken; what strangers may send is everything.

pub mod mpp;
pub mod quotes;
pub mod session;
pub mod x402;

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use payment_core::{
    Admission, Ask, BoxFuture, Challenge, Claim, Clock, ConfigError, Denied, Fault, Gate, Offering,
    Outcome, Payment, PaymentProtocol, ProtocolName, Refusal, Reply, RequestHead, Route, Soon,
    Timestamp, usd,
};
use serde_json::Value;

/// The origin of every request here.
pub const ORIGIN: &str = "https://api.example.com";

/// A request without a body. Its headers may hold any bytes.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// What the framework has made of the path.
    pub dispatched: Option<&'a str>,
    /// The pattern by which it has dispatched.
    pub pattern: Option<&'a str>,
    /// The query.
    pub query: Option<&'a str>,
    /// Names in small letters, and values.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Head<'a> {
    /// `GET` of a path with these values of a header.
    #[must_use]
    pub fn new(path: &'a str, name: &'a str, values: Vec<&'a [u8]>) -> Self {
        let headers = values.into_iter().map(|value| (name, value)).collect();
        Self {
            headers,
            ..Self::of("GET", path)
        }
    }

    /// A request without headers.
    #[must_use]
    pub const fn of(method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            dispatched: None,
            pattern: None,
            query: None,
            headers: Vec::new(),
        }
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn dispatched_path(&self) -> Option<&str> {
        self.dispatched
    }

    fn pattern(&self) -> Option<&str> {
        self.pattern
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn has_body(&self) -> bool {
        false
    }

    fn each_value<'v>(&'v self, name: &str, visit: &mut dyn FnMut(&'v [u8])) {
        let values = self.headers.iter().filter(|(named, _)| *named == name);
        values.for_each(|(_, value)| visit(value));
    }
}

/// A clock that stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing(pub Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What the gate makes of a request without headers, at this moment.
///
/// # Panics
///
/// When the gate asks no protocol.
#[must_use]
pub fn ask(path: &str, now: Timestamp) -> Ask {
    let witness = Witness::default();
    let gate = Gate::builder(witness.clone())
        .clock(Standing(now))
        .origin(ORIGIN)
        .build();
    let route = gate
        .and_then(|gate| gate.route(usd!("0.01")))
        .expect("a route of constants");
    let reply = answer(route.admit(&Head::of("GET", path)));
    assert!(reply.is_some(), "an unpaid request is not served");
    let seen = witness.0.lock().expect("one thread").take();
    seen.expect("the gate asks for challenges")
}

/// What the gate answers in the handler's place; `None` when it would have called it.
#[must_use]
pub fn answer(admission: Admission) -> Option<Reply> {
    let job = match admission {
        Admission::Answer(reply) => return Some(reply),
        Admission::Priced(job) => job,
    };
    let serve = |_| async { Err::<Never, ()>(()) };
    match block_on(job.run(Nowhere, serve)) {
        Ok(Outcome::Reply(reply)) => Some(reply),
        Ok(Outcome::Served { response, .. }) => match response {},
        Err(()) => None,
    }
}

#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Option<Ask>>>);

impl PaymentProtocol for Witness {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("witness")
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(self.clone())))
    }
}

impl Offering for Witness {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        *self.0.lock().expect("one thread") = Some(ask.clone());
        Soon::now(Ok(Challenge::default()))
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        unreachable!("nothing is claimed")
    }
}

/// A response that does not exist.
enum Never {}

impl payment_core::Served for Never {
    fn status(&self) -> http::StatusCode {
        match *self {}
    }

    async fn hold(self, _: usize) -> Result<Self, payment_core::HoldError> {
        match self {}
    }
}

#[derive(Clone)]
struct Nowhere;

impl payment_core::Spawn for Nowhere {
    fn spawn(&self, _: BoxFuture<'static, ()>) {}
}

impl payment_core::Timer for Nowhere {
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Runs what waits for nothing.
///
/// # Panics
///
/// When it waits.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// Header values: one for each line of the input.
pub fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n').take(8)
}

/// Base64 as x402 writes it.
#[must_use]
pub fn base64(bytes: &[u8]) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

/// Base64 as MPP writes it.
#[must_use]
pub fn base64url(bytes: &[u8]) -> Vec<u8> {
    URL_SAFE_NO_PAD.encode(bytes).into_bytes()
}

/// The input, again and again, until it is longer than so many bytes.
#[must_use]
pub fn grown(data: &[u8], past: usize) -> Vec<u8> {
    let unit: &[u8] = if data.is_empty() { b"A" } else { data };
    unit.iter().copied().cycle().take(past + 1).collect()
}

/// JSON as a reader without any of our rules sees it.
///
/// # Panics
///
/// When it is not JSON: what was accepted must be.
#[must_use]
pub fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("what is accepted is JSON")
}

/// Whether two texts are the same hex, in any case.
#[must_use]
pub fn same_hex(text: &Value, expected: &str) -> bool {
    text.as_str()
        .is_some_and(|text| text.eq_ignore_ascii_case(expected))
}

/// Whether two JSON values are the same. Fractions may differ in the last place: the reader of
/// the library rounds them, and no amount is one.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|o| same(value, o)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let bits = |number: &serde_json::Number| number.as_f64().map(f64::to_bits);
            bits(one)
                .zip(bits(other))
                .is_some_and(|(one, other)| one.abs_diff(other) <= 2)
        }
        (one, other) => one == other,
    }
}
