use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::fault::{Fault, Faults};
use super::message::Body;
use super::method::dispatch;
use crate::chain::Chain;
use crate::serve::{Cut, Server};

/// The largest request body, in bytes.
const BODY: usize = 1 << 20;

/// A JSON-RPC server, and the faults tests order from it. It stops when this is dropped.
#[derive(Debug, Default)]
pub struct Rpc {
    faults: Arc<Faults>,
    /// Absent where nothing is served.
    server: Option<Server>,
}

impl Rpc {
    /// Serves a chain on 127.0.0.1; port 0 takes a free one.
    ///
    /// # Errors
    /// The port could not be opened.
    pub async fn serve(chain: Arc<Chain>, port: u16) -> io::Result<Self> {
        let faults = Arc::new(Faults::default());
        let face = Face {
            chain,
            faults: Arc::clone(&faults),
        };
        let answer = move |request| {
            let face = face.clone();
            async move { face.answer(request).await }
        };
        Ok(Self {
            faults,
            server: Some(Server::start(port, answer).await?),
        })
    }

    /// Where it listens; empty where nothing is served.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.as_ref().map_or("", Server::url)
    }

    /// Lets the next `requests` HTTP requests fail.
    pub fn fail_next(&self, requests: usize, fault: Fault) {
        self.faults.order(requests, None, fault);
    }

    /// Lets the next `requests` HTTP requests that call this method fail; others pass.
    pub fn fail_next_calling(&self, method: &str, requests: usize, fault: Fault) {
        self.faults.order(requests, Some(method), fault);
    }

    /// Takes back the faults that have not happened.
    pub fn heal(&self) {
        self.faults.clear();
    }
}

#[derive(Clone)]
struct Face {
    chain: Arc<Chain>,
    faults: Arc<Faults>,
}

impl Face {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        if request.method() != Method::POST {
            return Ok(bare(StatusCode::METHOD_NOT_ALLOWED));
        }
        let Ok(bytes) = Limited::new(request.into_body(), BODY).collect().await else {
            return Ok(bare(StatusCode::PAYLOAD_TOO_LARGE));
        };
        let body = match Body::parse(&bytes.to_bytes()) {
            Ok(body) => body,
            Err(error) => return Ok(json(&error.reply(&Value::Null))),
        };
        let fault = self.faults.take(&body.methods());
        match fault {
            Some(Fault::Http500) => return Ok(bare(StatusCode::INTERNAL_SERVER_ERROR)),
            Some(Fault::CloseBefore) => return Err(Cut),
            Some(Fault::CloseAfter) | None => {}
        }
        let reply = body.answer(|method, params| dispatch(&self.chain, method, params));
        match (fault, reply) {
            (Some(_), _) => Err(Cut),
            (None, Some(reply)) => Ok(json(&reply)),
            (None, None) => Ok(bare(StatusCode::NO_CONTENT)),
        }
    }
}

fn bare(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn json(value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
