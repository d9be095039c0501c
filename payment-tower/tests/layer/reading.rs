//! Prices that are read from the body.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use payment_core::{Ask, Cors, Denial, Gate, Pricing, Quote, Route};
use payment_tower::{GateExt, PaymentLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt, service_fn};

use crate::till::{PAY, PRICE, Till, code, get, header, send, text};

const LIMIT: usize = 8;

/// What pricer and handlers have read.
#[derive(Clone, Default)]
struct Read(Arc<Mutex<Vec<String>>>);

impl Read {
    fn note(&self, who: &str, what: &[u8]) {
        let note = format!("{who} {}", String::from_utf8_lossy(what));
        self.0.lock().unwrap().push(note);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Priced by the body: what is `banned` is not for sale, what is `free` costs nothing.
    fn route(&self) -> Route {
        let read = self.clone();
        let pricing = Pricing::by(move |ask: Ask| {
            let body = ask.body.unwrap();
            assert_eq!(ask.has_body, !body.is_empty());
            read.note("price", &body);
            std::future::ready(Ok(match &*body {
                b"banned" => Quote::Deny(Denial::new("banned")),
                b"free" => Quote::Free,
                _ => Quote::Standard,
            }))
        });
        Route::priced(PRICE).pricing(pricing.reading_body(LIMIT))
    }

    fn app(&self, gate: &Gate) -> Router {
        let read = self.clone();
        let handler = async move |request: Request<Body>| {
            let body = request.into_body().collect().await.unwrap();
            assert!(body.trailers().is_none());
            let body = body.to_bytes();
            read.note("serve", &body);
            body
        };
        let layers = gate.priced_by_body(self.route()).unwrap();
        Router::new().route("/", any(handler).layer(layers))
    }
}

/// A body in pieces, which does not say how long it is.
struct Pieces(VecDeque<Result<Frame<Bytes>, &'static str>>);

impl Pieces {
    fn of(pieces: impl IntoIterator<Item = Result<&'static str, &'static str>>) -> Self {
        let data = |piece: &'static str| Frame::data(Bytes::from(piece));
        Self(pieces.into_iter().map(|piece| piece.map(data)).collect())
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front())
    }
}

/// A body that nobody may ask for.
struct Untouched;

impl http_body::Body for Untouched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read")
    }
}

fn post(nonce: &str, body: Body) -> Request<Body> {
    let mut request = Request::post("/");
    if !nonce.is_empty() {
        request = request.header(PAY, nonce);
    }
    request.body(body).unwrap()
}

fn chunked(nonce: &str, body: Pieces) -> Request<Body> {
    let mut request = post(nonce, Body::new(body));
    let chunked = HeaderValue::from_static("chunked");
    request.headers_mut().insert("transfer-encoding", chunked);
    request
}

#[tokio::test]
async fn the_handler_reads_what_was_priced() {
    let (till, read) = (Till::new(), Read::default());
    let app = read.app(&till.gate());
    let response = send(&app, post("", "12345678".into())).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(read.take(), ["price 12345678"]);
    let pieces = || Pieces::of([Ok("123"), Ok(""), Ok("45"), Ok("678")]);
    for (nonce, request) in [
        ("n1", post("n1", "12345678".into())),
        ("n2", chunked("n2", pieces())),
        // Neither a length nor a word that there is a body: it is read all the same.
        ("n3", post("n3", Body::new(pieces()))),
    ] {
        let response = send(&app, request).await;
        assert_eq!(text(response).await, "12345678", "{nonce}");
        assert_eq!(read.take(), ["price 12345678", "serve 12345678"]);
    }
    assert_eq!(text(send(&app, get("/", "n4")).await).await, "");
    assert_eq!(read.take(), ["price ", "serve "]);
    assert_eq!(till.settles(), 4);
}

#[tokio::test]
async fn t07_another_body_is_priced_anew() {
    let (till, read) = (Till::new(), Read::default());
    let app = read.app(&till.gate());
    let response = send(&app, post("", "a".into())).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    let response = send(&app, post("n1", "banned".into())).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(code(response).await, "banned");
    assert_eq!(read.take(), ["price a", "price banned"]);
    assert_eq!(till.settles(), 0);
    let response = send(&app, post("", "free".into())).await;
    assert_eq!(text(response).await, "free");
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_gathered() {
    let (till, read) = (Till::new(), Read::default());
    let app = read.app(&till.gate());
    let mut said = post("n1", Body::new(Untouched));
    let headers = said.headers_mut();
    headers.insert("content-length", HeaderValue::from_static("9"));
    let mut huge = post("n1", Body::new(Untouched));
    let headers = huge.headers_mut();
    headers.insert(
        "content-length",
        HeaderValue::from_static("18446744073709551615"),
    );
    for request in [
        said,
        huge,
        post("n1", "123456789".into()),
        chunked("n1", Pieces::of([Ok("12345678"), Ok("9")])),
        chunked("n1", Pieces::of([Ok("1234"), Ok("56789"), Err("unread")])),
        chunked("", Pieces::of([Ok("123456789")])),
    ] {
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(
            header(&response, "content-type"),
            ["application/problem+json"]
        );
        assert_eq!(header(&response, "cache-control"), ["no-store"]);
        assert_eq!(code(response).await, "body_too_large");
    }
    assert_eq!((till.settles(), read.take().len()), (0, 0));
    // And no payment was used up by it.
    let response = send(&app, post("n1", "12345678".into())).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_priced() {
    let (till, read) = (Till::new(), Read::default());
    let app = read.app(&till.gate());
    for pieces in [vec![Err("gone")], vec![Ok("12345678"), Err("gone")]] {
        let response = send(&app, chunked("n1", Pieces::of(pieces))).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(code(response).await, "body_broken");
    }
    assert_eq!((till.settles(), read.take().len()), (0, 0));
}

#[tokio::test]
async fn trailers_of_a_request_are_dropped() {
    let read = Read::default();
    let app = read.app(&Till::new().gate());
    let mut pieces = Pieces::of([Ok("1")]);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-pay", HeaderValue::from_static("n2"));
    pieces.0.push_back(Ok(Frame::trailers(trailers)));
    let response = send(&app, chunked("n1", pieces)).await;
    assert_eq!(text(response).await, "1");
}

#[tokio::test]
async fn t96_a_preflight_is_not_waited_for_and_a_page_reads_that_its_body_is_too_large() {
    let till = Till::new();
    let gate = till.builder().cors(Cors::any()).build().unwrap();
    let read = Read::default();
    let app = read.app(&gate);
    let preflight = Request::options("/")
        .header("origin", "https://page.example")
        .header("access-control-request-method", "POST")
        .body(Body::new(Untouched));
    let response = send(&app, preflight.unwrap()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let response = send(&app, post("n1", "123456789".into())).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(header(&response, "access-control-allow-origin"), ["*"]);
    let response = send(&app, post("n1", "1".into())).await;
    assert_eq!(header(&response, "access-control-allow-origin"), ["*"]);
    let exposed = header(&response, "access-control-expose-headers");
    assert!(exposed[0].contains("PAYMENT-RESPONSE"));
}

#[tokio::test]
async fn a_service_without_axum_reads_bodies_too() {
    let till = Till::new();
    let layers = till.gate().priced_by_body(Read::default().route());
    let echo = async |request: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    };
    let service = layers.unwrap().layer(service_fn(echo));
    for (nonce, body, status) in [
        ("", "12345678", 402),
        ("n1", "12345678", 200),
        ("n2", "123456789", 413),
        // Nothing in the head says that there is a body, and it counts.
        ("n3", "banned", 403),
        ("n4", "", 200),
    ] {
        let mut request = Request::post("/");
        if !nonce.is_empty() {
            request = request.header(PAY, nonce);
        }
        let request = request.body(Full::from(body)).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{body}");
        if status == 200 {
            let served = response.into_body().collect().await.unwrap();
            assert_eq!(served.to_bytes(), body);
        }
    }
    assert_eq!(till.settles(), 2);
}

#[tokio::test]
async fn a_price_by_the_body_is_not_sold_without_it() {
    let till = Till::new();
    let error = till.gate().priced(Read::default().route()).unwrap_err();
    assert!(error.to_string().contains("priced_by_body"), "{error}");

    let gate = till.gate().route(Read::default().route()).unwrap();
    let handler = any(async || "sold").layer(PaymentLayer::new(gate));
    let app = Router::new().route("/", handler);
    for request in [post("n1", "1".into()), get("/", "n1"), get("/", "")] {
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(code(response).await, "body_not_gathered");
    }
    assert_eq!(till.settles(), 0);

    // A price that is not read from it leaves bodies alone.
    let layers = till.gate().priced_by_body(PRICE).unwrap();
    let app = Router::new().route("/", any(async || "sold").layer(layers));
    let response = send(&app, post("n1", Body::new(Untouched))).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn t95_what_was_read_of_one_request_is_not_the_body_of_another() {
    let till = Till::new();
    let gate = till.gate().route(Read::default().route()).unwrap();
    let inner = Router::new().route("/", any(async || "sold").layer(PaymentLayer::new(gate)));
    // A handler that asks another service, with all that came with its own request.
    let forward = async move |request: Request<Body>| {
        let request = request.map(|_| Body::from("another"));
        inner.oneshot(request).await.unwrap()
    };
    let layers = till.gate().priced_by_body(Read::default().route());
    let app = Router::new().route("/", any(forward).layer(layers.unwrap()));
    let response = send(&app, post("n1", "12345678".into())).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(code(response).await, "body_not_gathered");
}

#[tokio::test]
async fn a_client_that_hangs_up_in_its_body_is_not_served() {
    let (till, read) = (Till::new(), Read::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = read.app(&till.gate());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let ask = async |sent: &str, hangs_up: bool| {
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{PAY}: n1\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        if hangs_up {
            client.shutdown().await.unwrap();
        }
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        answered
    };
    for sent in [
        "content-length: 8\r\n\r\n1234",
        "transfer-encoding: chunked\r\n\r\n4\r\n1234\r\n",
    ] {
        let answered = ask(sent, true).await;
        assert!(answered.starts_with("HTTP/1.1 400"), "{answered}");
    }
    let answered = ask("content-length: 9\r\n\r\n", false).await;
    assert!(answered.starts_with("HTTP/1.1 413"), "{answered}");
    assert_eq!((till.settles(), read.take().len()), (0, 0));
    let whole = "transfer-encoding: chunked\r\n\r\n4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n";
    let answered = ask(whole, false).await;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    assert!(answered.ends_with("\r\n\r\n12345678"), "{answered}");
}
