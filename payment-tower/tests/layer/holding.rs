use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use payment_core::{Gate, Route, Timing};
use payment_tower::{GateExt, PaymentBody};
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt, service_fn};

use crate::till::{PAY, PRICE, STAMP, Till};

/// Pays at a service that answers with this response.
async fn pay_for<B>(
    gate: &Gate,
    route: impl Into<Route>,
    method: Method,
    response: Response<B>,
) -> Response<PaymentBody<B>>
where
    B: http_body::Body + Send + 'static,
{
    let once = Arc::new(Mutex::new(Some(response)));
    let service = service_fn(move |_: Request<()>| {
        let response = once.lock().unwrap().take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let request = Request::builder().method(method).header(PAY, "n1");
    let service = gate.priced(route).unwrap().layer(service);
    service.oneshot(request.body(()).unwrap()).await.unwrap()
}

async fn get<B>(gate: &Gate, body: B) -> Response<PaymentBody<B>>
where
    B: http_body::Body + Send + 'static,
{
    pay_for(gate, PRICE, Method::GET, Response::new(body)).await
}

fn before() -> Route {
    Route::priced(PRICE).timing(Timing::BeforeServing)
}

type Piece = Result<Frame<Bytes>, &'static str>;

/// A body of these frames, each there at once, that says nothing of its size.
fn frames<const N: usize>(frames: [Piece; N]) -> Pieces {
    let (tx, rx) = mpsc::unbounded_channel();
    for frame in frames {
        tx.send(frame).unwrap();
    }
    Pieces(rx)
}

/// A body whose frames come from a channel.
struct Pieces(mpsc::UnboundedReceiver<Piece>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.0.poll_recv(context)
    }
}

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn trailers(name: &'static str) -> Piece {
    let mut map = HeaderMap::new();
    map.insert(name, "forged".parse().unwrap());
    map.insert("checksum", "abc".parse().unwrap());
    Ok(Frame::trailers(map))
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_sold() {
    let fits = || vec![b'a'; 8];
    let till = Till::new();
    let response = get(&till.gate_holding(8), Full::new(Bytes::from(fits()))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        fits()
    );
    assert_eq!(till.settles(), 1);

    let till = Till::new();
    let response = get(&till.gate_holding(8), Full::new(Bytes::from(vec![b'a'; 9]))).await;
    refused(response).await;
    assert_eq!(till.settles(), 0);

    // Nobody knows how long these are before they are read.
    let till = Till::new();
    let response = get(
        &till.gate_holding(8),
        frames([data("1234"), data("5678"), data("")]),
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK);
    let till = Till::new();
    let response = get(
        &till.gate_holding(8),
        frames([data("1234"), data("5678"), data("9")]),
    )
    .await;
    refused(response).await;
    let response = get(&till.gate_holding(8), frames([data("123456789")])).await;
    refused(response).await;
    assert_eq!(till.settles(), 0);
}

async fn refused<B>(response: Response<PaymentBody<B>>)
where
    B: http_body::Body + Send + 'static,
    B::Error: std::fmt::Debug,
{
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key(STAMP));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["code"], "response_not_holdable");
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("nothing was charged")
    );
}

/// Says it is huge, and must not be read.
struct Huge;

impl http_body::Body for Huge {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("read, though it says it is too large");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::MAX)
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let till = Till::new();
    refused(get(&till.gate(), Huge).await).await;
    assert_eq!(till.settles(), 0);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_sold() {
    for body in [
        frames([Err("reset"), data("never"), data("never")]),
        frames([data("12"), Err("reset"), data("never")]),
        frames([data("12"), data("34"), Err("reset")]),
    ] {
        let till = Till::new();
        refused(get(&till.gate(), body).await).await;
        assert_eq!(till.settles(), 0);
    }
}

#[tokio::test]
async fn an_upgrade_is_not_sold_after_the_fact() {
    let switching = || {
        Response::builder()
            .status(101)
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let connected = || Response::new(Full::<Bytes>::default());
    for (method, response) in [(Method::GET, switching()), (Method::CONNECT, connected())] {
        let till = Till::new();
        refused(pay_for(&till.gate(), PRICE, method, response).await).await;
        assert_eq!(till.settles(), 0);
    }
    for (method, response) in [(Method::GET, switching()), (Method::CONNECT, connected())] {
        let till = Till::new();
        let status = response.status();
        let response = pay_for(&till.gate(), before(), method, response).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[STAMP], "settled");
        assert_eq!(till.settles(), 1);
    }
}

#[tokio::test]
async fn what_is_held_leaves_as_it_came() {
    let till = Till::new();
    let held = get(
        &till.gate(),
        frames([data("12"), data(""), data("34"), trailers("x")]),
    )
    .await;
    let collected = held.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["checksum"], "abc");
    assert_eq!(collected.trailers().unwrap()["x"], "forged");
    assert_eq!(collected.to_bytes(), "1234");

    let till = Till::new();
    let empty = get(&till.gate(), Full::<Bytes>::default())
        .await
        .into_body();
    assert!(empty.is_end_stream());
    assert_eq!(empty.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn a_body_that_was_made_at_once_is_not_copied() {
    let till = Till::new();
    let text = Bytes::from(vec![b'a'; 100_000]);
    let address = text.as_ptr();
    let mut body = get(&till.gate(), Body::from(text)).await.into_body();
    assert_eq!(body.size_hint().exact(), Some(100_000));
    assert!(!body.is_end_stream());
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!((frame.as_ptr(), frame.len()), (address, 100_000));
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn trailers_cannot_forge_a_receipt() {
    let after = Route::priced(PRICE);
    for route in [after, before()] {
        for name in [
            "payment-response",
            "x-payment-response",
            "payment-receipt",
            // Declared by the protocol.
            "x-test-receipt",
        ] {
            let till = Till::new();
            let body = Response::new(frames([data("12"), trailers(name)]));
            let response = pay_for(&till.gate(), route.clone(), Method::GET, body).await;
            let collected = response.into_body().collect().await.unwrap();
            let trailers = collected.trailers().unwrap();
            assert_eq!(
                (trailers.len(), &trailers["checksum"]),
                (1, &"abc".parse().unwrap())
            );
        }
    }
}

#[tokio::test]
async fn settle_first_streams() {
    let till = Till::new();
    let (tx, rx) = mpsc::unbounded_channel();
    let body = Response::new(Pieces(rx));
    let response = pay_for(&till.gate(), before(), Method::GET, body).await;
    assert_eq!(response.headers()[STAMP], "settled");
    let mut body = response.into_body();
    for text in ["one", "two"] {
        tx.send(data(text)).unwrap();
        assert_eq!(
            body.frame().await.unwrap().unwrap().into_data().unwrap(),
            text
        );
    }
    drop(tx);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn nothing_leaves_before_it_is_settled() {
    let till = Till::stopped();
    let gate = till.gate();
    let body = Full::new(Bytes::from("worth it"));
    let mut response = pin!(get(&gate, body));
    let mut context = Context::from_waker(Waker::noop());
    while till.settles() == 0 {
        assert!(response.as_mut().poll(&mut context).is_pending());
    }
    assert!(response.as_mut().poll(&mut context).is_pending());
    till.go.add_permits(1);
    assert_eq!(response.await.headers()[STAMP], "settled");
}

fn announcing(length: &str, body: Pieces) -> Response<Pieces> {
    let response = Response::builder().header("content-length", length);
    response.body(body).unwrap()
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_not_sold() {
    for length in ["3", "5", "4, 4", "none"] {
        let till = Till::new();
        let response = announcing(length, frames([data("12"), data("34")]));
        refused(pay_for(&till.gate(), PRICE, Method::GET, response).await).await;
        assert_eq!(till.settles(), 0);
    }
    let till = Till::new();
    let response = announcing("4", frames([data("12"), data("34")]));
    let response = pay_for(&till.gate(), PRICE, Method::GET, response).await;
    assert_eq!(response.headers()["content-length"], "4");
    assert_eq!(till.settles(), 1);
}

#[tokio::test]
async fn an_answer_to_head_announces_what_is_not_sent() {
    let till = Till::new();
    let response = announcing("4", frames([]));
    let response = pay_for(&till.gate(), PRICE, Method::HEAD, response).await;
    assert_eq!(response.headers()["content-length"], "4");
    assert_eq!(till.settles(), 1);
}

/// Says how long it is, and is not.
struct Lies(Pieces, SizeHint);

impl http_body::Body for Lies {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.1
    }
}

#[tokio::test]
async fn a_body_of_another_size_than_it_says_is_not_sold() {
    let mut least = SizeHint::new();
    least.set_lower(5);
    let mut most = SizeHint::new();
    most.set_upper(3);
    for hint in [
        least,
        most,
        SizeHint::with_exact(5),
        SizeHint::with_exact(3),
    ] {
        let till = Till::new();
        let body = Lies(frames([data("12"), data("34")]), hint);
        refused(get(&till.gate(), body).await).await;
        assert_eq!(till.settles(), 0);
    }
    let till = Till::new();
    let body = Lies(frames([data("12"), data("34")]), SizeHint::with_exact(4));
    assert_eq!(get(&till.gate(), body).await.headers()[STAMP], "settled");
}
