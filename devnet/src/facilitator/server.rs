use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::call::{Bare, Call, Route};
use super::exact;
use crate::script::{Act, Script, plain};
use crate::serve::{Cut, Server};
use crate::{Chain, Devnet, Wallet};

/// The largest request body, in bytes.
const BODY: usize = 1 << 20;

/// An x402 facilitator on 127.0.0.1 that settles on the chain. It stops when this is dropped.
///
/// It answers `/verify`, `/settle` and `/supported` honestly, but for what
/// [`Facilitator::order`] says of the next requests.
#[derive(Debug)]
pub struct Facilitator {
    server: Server,
    script: Arc<Script<Call>>,
}

impl Facilitator {
    /// Serves the devnet's chain, settling with its settler's key; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// The port could not be opened.
    pub async fn start(net: &Devnet, port: u16) -> io::Result<Self> {
        let script = Arc::new(Script::default());
        let desk = Arc::new(Desk {
            chain: Arc::clone(&net.chain),
            settler: net.settler.clone(),
            script: Arc::clone(&script),
        });
        let server = Server::start(port, move |request| {
            let desk = Arc::clone(&desk);
            async move { desk.answer(request).await }
        })
        .await?;
        Ok(Self { server, script })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Says what happens to the next request of this kind that has no order yet.
    pub fn order(&self, route: Route, act: Act) {
        self.script.order(route, act);
    }

    /// Takes back the orders that have not been played.
    pub fn heal(&self) {
        self.script.clear();
    }

    /// Every request so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.script.calls()
    }

    /// Waits until this many requests of a kind have come in.
    pub async fn arrived(&self, route: Route, count: usize) {
        self.script.arrived(route, count).await;
    }
}

struct Desk {
    chain: Arc<Chain>,
    settler: Wallet,
    script: Arc<Script<Call>>,
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let route = match (request.method(), request.uri().path()) {
            (&Method::POST, "/verify") => Route::Verify,
            (&Method::POST, "/settle") => Route::Settle,
            (&Method::GET, "/supported") => Route::Supported,
            _ => return Ok(plain(StatusCode::NOT_FOUND, Bytes::new())),
        };
        let Ok(bytes) = Limited::new(request.into_body(), BODY).collect().await else {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, Bytes::new()));
        };
        let body = serde_json::from_slice(&bytes.to_bytes()).unwrap_or(Value::Null);
        self.script.note(Call {
            route,
            body: body.clone(),
        });
        let work = || Bare {
            status: StatusCode::OK,
            body: self.work(route, &body),
        };
        self.script.next(route).play(work).await
    }

    fn work(&self, route: Route, body: &Value) -> Value {
        match route {
            Route::Verify => exact::verify(&self.chain, &self.settler, body),
            Route::Settle => exact::settle(&self.chain, &self.settler, body),
            Route::Supported => self.supported(),
        }
    }

    fn supported(&self) -> Value {
        let network = format!("eip155:{}", self.chain.chain_id());
        let mut kinds = vec![json!({"x402Version": 2, "scheme": "exact", "network": network})];
        if self.chain.chain_id() == 84532 {
            kinds.push(json!({"x402Version": 1, "scheme": "exact", "network": "base-sepolia"}));
        }
        let settler = self.settler.address.to_checksum(None);
        json!({"kinds": kinds, "extensions": [], "signers": {"eip155:*": [settler]}})
    }
}
