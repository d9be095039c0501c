//! What the gate allocates on requests behind tower and axum, beside the same app without it. A
//! binary of its own, whose allocator counts by thread: tests beside each other don't mix.
#![allow(clippy::unwrap_used, missing_docs)]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use payment_core::{Gate, Route, RouteTable, Timing, usd};
use payment_tower::{GateExt, PaymentLayer};
use scenarios::Frugal;
use tower::{Layer, Service, service_fn};

const FREE: &str = "/health";
const PRICED: &str = "/weather";

fn table() -> RouteTable {
    let keys = ["GET /weather", "/users/:id", "POST /paid/*"];
    let routes = keys.map(|key| (key, usd!("0.01")));
    let table = Gate::new(Frugal).table().routes(routes).unwrap();
    table.build().unwrap()
}

/// A service that allocates nothing.
fn bare() -> impl Service<
    Request<axum::body::Body>,
    Response = Response<Full<Bytes>>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    service_fn(|_| -> Ready<Result<_, Infallible>> {
        ready(Ok(Response::new(Full::from(Bytes::from_static(b"sunny")))))
    })
}

/// A layer as any other: it has something, and does nothing.
#[derive(Clone)]
struct Idle<T>(T);

impl<S, T: Clone> Layer<S> for Idle<T> {
    type Service = IdleService<S, T>;

    fn layer(&self, inner: S) -> Self::Service {
        IdleService(inner, self.0.clone())
    }
}

#[derive(Clone)]
struct IdleService<S, T>(S, T);

impl<R, S: Service<R>, T> Service<R> for IdleService<S, T> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

fn priced(timing: Timing) -> PaymentLayer {
    let route = Route::priced(usd!("0.01")).timing(timing);
    Gate::new(Frugal).priced(route).unwrap()
}

fn priced_shop() -> Router {
    let handler = || get(async || "sunny");
    let priced = handler().layer(priced(Timing::AfterServing));
    Router::new().route(FREE, handler()).route(PRICED, priced)
}

fn shop() -> Router {
    let handler = || get(async || "sunny");
    Router::new()
        .route(FREE, handler())
        .route(PRICED, handler())
}

/// Requests of one kind.
#[derive(Clone, Copy)]
struct Asked {
    path: &'static str,
    pays: bool,
    expect: StatusCode,
}

const FOR_FREE: Asked = Asked {
    path: FREE,
    pays: false,
    expect: StatusCode::OK,
};
const UNPAID: Asked = Asked {
    path: PRICED,
    pays: false,
    expect: StatusCode::PAYMENT_REQUIRED,
};
const PAID: Asked = Asked {
    path: PRICED,
    pays: true,
    expect: StatusCode::OK,
};

impl Asked {
    fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// What it is answered with where there is no gate.
    fn without_gate(self) -> Self {
        let expect = StatusCode::OK;
        Self { expect, ..self }
    }

    fn request(self) -> Request<axum::body::Body> {
        static NONCE: AtomicUsize = AtomicUsize::new(0);
        let mut request = Request::get(self.path).header("host", "example.com");
        if self.pays {
            request = request.header(Frugal::HEADER, NONCE.fetch_add(1, Ordering::Relaxed));
        }
        request.body(axum::body::Body::empty()).unwrap()
    }
}

/// Allocations of one request, to the last frame of the answer. A median, since maps of what was
/// paid grow now and then.
fn allocations<S, R>(mut service: S, asked: Asked) -> u64
where
    S: Service<Request<axum::body::Body>, Response = Response<R>, Error = Infallible>,
    R: Body<Error: std::fmt::Debug>,
{
    let mut counts = Vec::new();
    for _ in 0..65 {
        let request = asked.request();
        let mut status = StatusCode::IM_A_TEAPOT;
        let info = allocation_counter::measure(|| {
            let response = at_once(service.call(request)).unwrap();
            let (head, body) = response.into_parts();
            let mut body = pin!(body);
            while let Some(frame) = at_once(std::future::poll_fn(|context| {
                body.as_mut().poll_frame(context)
            })) {
                black_box(frame.is_ok());
            }
            status = head.status;
        });
        assert_eq!(status, asked.expect);
        counts.push(info.count_total);
    }
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Nothing here waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("something waits"),
    }
}

#[test]
fn a_free_route_in_a_table_allocates_nothing() {
    let layer = PaymentLayer::new(table());
    for path in [FREE, "/", "/Health/Deep/v1.0", "/users/1/2", "/paid"] {
        let asked = FOR_FREE.at(path);
        assert_eq!(allocations(bare(), asked), 0, "the app allocates");
        assert_eq!(allocations(layer.layer(bare()), asked), 0, "{path}");
    }
}

/// To box a body that is not its own, as axum does with that of any layer.
const BODY_OF_ANOTHER_TYPE: u64 = 1;

#[test]
fn a_free_route_on_axum_allocates_nothing_but_what_any_layer_does() {
    let any = shop().layer(Idle(Arc::new(())));
    let table = shop().layer(PaymentLayer::new(table()));
    assert_eq!(
        allocations(table, FOR_FREE),
        allocations(any, FOR_FREE) + BODY_OF_ANOTHER_TYPE
    );
}

#[test]
fn a_free_route_beside_priced_ones_allocates_as_without_them() {
    let bare = allocations(shop(), FOR_FREE);
    assert_eq!(allocations(priced_shop(), FOR_FREE), bare);
}

/// The list of challenges (the protocol's), path and canonical URL of the request, two of the header
/// map, the body.
const UNPAID_402: u64 = 6;

#[test]
fn an_unpaid_402_allocates_so_often_and_no_more() {
    let service = || priced(Timing::AfterServing).layer(bare());
    assert_eq!(allocations(service(), UNPAID), UNPAID_402);
    let table = PaymentLayer::new(table()).layer(bare());
    assert_eq!(allocations(table, UNPAID), UNPAID_402);
    // On axum it takes the place of the handler's answer, which is not made.
    let without = allocations(shop(), UNPAID.without_gate());
    assert!(allocations(priced_shop(), UNPAID) <= without + UNPAID_402);
}

/// What the protocol takes (7); path and canonical URL; the futures of the request, of what goes on
/// without it, and of its timer (4), and the request in there; the payment for the handler, in a map
/// of extensions (3); the receipt as it is stored (3) and stamped (2), and its headers (2).
const PAID_200: u64 = 24;
/// Where it is settled before, the handler is told by which transaction.
const PAID_FIRST_200: u64 = 25;

#[test]
fn a_paid_request_allocates_so_often_and_no_more() {
    for (timing, most) in [
        (Timing::AfterServing, PAID_200),
        (Timing::BeforeServing, PAID_FIRST_200),
    ] {
        let paid = allocations(priced(timing).layer(bare()), PAID);
        assert!(paid <= most, "{timing:?}: {paid}");
    }
    let without = allocations(shop(), PAID.without_gate());
    assert!(allocations(priced_shop(), PAID) <= without + PAID_200 + 2);
}
