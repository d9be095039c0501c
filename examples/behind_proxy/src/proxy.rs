use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::Client;

use crate::Failure;

/// Largest body that is passed on.
const MOST: usize = 1024 * 1024;

/// What is said to one server and not to the next.
const HOP_BY_HOP: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE];

/// What clients like to say in the place of proxies.
const CLAIMED: [HeaderName; 4] = [
    FORWARDED,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-for"),
];
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A reverse proxy as small as can be, in the place of the one that ends TLS for you.
#[derive(Clone)]
pub(crate) struct Proxy {
    client: Client,
    upstream: String,
}

impl Proxy {
    /// Passes everything on to this origin.
    pub(crate) fn to(upstream: String) -> Result<Self, Failure> {
        let client = payment_http::client()?.no_proxy().build()?;
        Ok(Self { client, upstream })
    }

    pub(crate) fn app(self) -> Router {
        Router::new().fallback(pass).with_state(self)
    }

    /// Passes a request on as the proxy in front does: with its own word on where it came from.
    pub(crate) async fn pass(&self, request: Request) -> Result<Response, Failure> {
        let (mut head, body) = request.into_parts();
        let host = head.headers.remove(HOST);
        for name in HOP_BY_HOP.iter().chain(&CLAIMED) {
            head.headers.remove(name);
        }
        if let Some(host) = host {
            head.headers.insert(X_FORWARDED_HOST, host);
        }
        let https = HeaderValue::from_static("https");
        head.headers.insert(X_FORWARDED_PROTO, https);
        let asked = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let answer = self
            .client
            .request(head.method, format!("{}{asked}", self.upstream))
            .headers(head.headers)
            .body(to_bytes(body, MOST).await?)
            .send()
            .await?;
        let status = answer.status();
        let headers = passed_on(answer.headers());
        let mut response = Response::new(Body::from(answer.bytes().await?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    proxy.pass(request).await.unwrap_or_else(|error| {
        eprintln!("{error}");
        StatusCode::BAD_GATEWAY.into_response()
    })
}
