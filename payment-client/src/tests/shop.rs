//! A seller on loopback that plays a script, one step a request, and remembers what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What the seller does with one request.
pub(super) enum Step {
    Answer(Response),
    /// Closes the connection without an answer.
    HangUp,
    /// Keeps the connection and says nothing.
    Silence,
}

/// One request that came.
pub(super) struct Seen {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&HeaderValue> {
        let mut values = self.parts.headers.get_all(name).iter();
        let value = values.next();
        assert!(values.next().is_none(), "{name} came twice");
        value
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.header(name).map(|value| value.to_str().unwrap())
    }

    /// Whether any header that pays is there.
    pub(super) fn pays(&self) -> bool {
        [
            "authorization",
            "payment-authorization",
            "payment-signature",
            "x-payment",
        ]
        .iter()
        .any(|name| self.parts.headers.contains_key(*name))
    }
}

#[derive(Clone)]
pub(super) struct Shop {
    address: SocketAddr,
    state: Arc<Mutex<Script>>,
    silent: Arc<Notify>,
}

#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    seen: Vec<Arc<Seen>>,
}

impl Shop {
    pub(super) async fn open(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shop = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(Script {
                steps: steps.into_iter().collect(),
                seen: Vec::new(),
            })),
            silent: Arc::default(),
        };
        let app = Router::new().fallback(play).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        shop
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/weather?city=Oslo", self.address)
    }

    pub(super) fn add(&self, step: Step) {
        self.state.lock().unwrap().steps.push_back(step);
    }

    /// Until a request came that gets no answer.
    pub(super) async fn silence(&self) {
        self.silent.notified().await;
    }

    pub(super) fn seen(&self) -> Vec<Arc<Seen>> {
        self.state.lock().unwrap().seen.clone()
    }
}

async fn play(State(shop): State<Shop>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let step = {
        let mut script = shop.state.lock().unwrap();
        script.seen.push(Arc::new(Seen { parts, body }));
        script.steps.pop_front()
    };
    match step {
        Some(Step::Answer(response)) => response,
        // Unwinding the task of the connection closes it; the panic hook stays quiet.
        Some(Step::HangUp) => std::panic::resume_unwind(Box::new("hang up")),
        Some(Step::Silence) => {
            shop.silent.notify_one();
            std::future::pending().await
        }
        None => answer(418, &[], "more requests than the script has"),
    }
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

pub(super) fn step(status: u16, headers: &[(&str, &str)]) -> Step {
    Step::Answer(answer(status, headers, "sunny"))
}
