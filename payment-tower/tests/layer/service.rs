use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use payment_core::{
    Admission, Admit, MemoryReplayGuard, Pricing, Quote, RequestHead, Route, RouteGate, Spawn,
};
use payment_tower::{GateExt, PaymentLayer, ReadBody, TokioSpawn};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::till::{PAY, PRICE, Till};

/// Panics when the very instance that is called was not polled ready before.
struct Strict<B> {
    ready: bool,
    takes: PhantomData<fn(B)>,
}

impl<B> Strict<B> {
    fn new() -> Self {
        Self {
            ready: false,
            takes: PhantomData,
        }
    }
}

impl<B> Clone for Strict<B> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<B> Service<Request<B>> for Strict<B> {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        ready(Ok(Response::new(Full::from("strict"))))
    }
}

fn request(method: Method, nonce: &str) -> Request<()> {
    let mut request = Request::builder().method(method);
    if !nonce.is_empty() {
        request = request.header(PAY, nonce);
    }
    request.body(()).unwrap()
}

#[tokio::test]
async fn the_instance_that_was_polled_ready_is_called() {
    let till = Till::new();
    let mut service = till
        .gate()
        .priced(PRICE)
        .unwrap()
        .layer(Strict::<()>::new());
    let preflight = Request::options("/")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "GET");
    for (request, status) in [
        (request(Method::GET, "n1"), StatusCode::OK),
        (request(Method::GET, ""), StatusCode::PAYMENT_REQUIRED),
        (preflight.body(()).unwrap(), StatusCode::NO_CONTENT),
        (request(Method::GET, "n2"), StatusCode::OK),
    ] {
        let response = service.ready().await.unwrap().call(request);
        assert_eq!(response.await.unwrap().status(), status);
    }
    let response = service.clone().oneshot(request(Method::GET, "n3")).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert_eq!(till.settles(), 3);
}

/// A table in which some paths are priced by their body, some by nothing, and some not at all.
#[derive(Clone)]
struct Table {
    by_body: RouteGate,
    fixed: RouteGate,
}

impl Table {
    fn of(&self, head: &dyn RequestHead) -> Option<&RouteGate> {
        match head.path() {
            "/body" => Some(&self.by_body),
            "/fixed" => Some(&self.fixed),
            _ => None,
        }
    }
}

impl Admit for Table {
    type Guard = MemoryReplayGuard;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission> {
        Some(self.of(head)?.admit(head))
    }

    fn reads_body(&self, head: &dyn RequestHead) -> Option<usize> {
        Admit::reads_body(self.of(head)?, head)
    }
}

#[tokio::test]
async fn the_instance_that_was_polled_ready_is_called_once_the_body_is_read() {
    let till = Till::new();
    let pricing = Pricing::by(async |_| Ok(Quote::Standard)).reading_body(4);
    let table = Table {
        by_body: till
            .gate()
            .route(Route::priced(PRICE).pricing(pricing))
            .unwrap(),
        fixed: till.gate().route(PRICE).unwrap(),
    };
    let layers = (ReadBody::new(table.clone()), PaymentLayer::new(table));
    let mut service = layers.layer(Strict::<Full<Bytes>>::new());
    for (path, nonce, body, status) in [
        ("/body", "n1", "body", 200),
        ("/body", "", "body", 402),
        ("/body", "n2", "bodies", 413),
        ("/free", "", "bodies", 200),
        ("/body", "n3", "", 200),
        ("/fixed", "n4", "bodies", 200),
        ("/fixed", "", "bodies", 402),
        ("/free", "n5", "", 200),
        ("/body", "n6", "body", 200),
    ] {
        let mut request = Request::post(path);
        if !nonce.is_empty() {
            request = request.header(PAY, nonce);
        }
        let request = request.body(Full::<Bytes>::from(body)).unwrap();
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), status, "{path} {nonce}");
    }
    let request = Request::get("/body").header(PAY, "n7");
    let request = request.body(Full::default()).unwrap();
    let response = service.clone().oneshot(request).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
    assert_eq!(till.settles(), 5);
}

/// Ready when told; then fails.
#[derive(Clone)]
struct Busy(Arc<AtomicBool>);

impl Service<Request<()>> for Busy {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        match self.0.load(Ordering::SeqCst) {
            true => Poll::Ready(Err("closed")),
            false => Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Err("failed"))
    }
}

#[tokio::test]
async fn readiness_is_that_of_the_service() {
    let closed = Arc::new(AtomicBool::new(false));
    let busy = Busy(Arc::clone(&closed));
    let till = Till::new();
    let mut service = till.gate().priced(PRICE).unwrap().layer(busy);
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
    closed.store(true, Ordering::SeqCst);
    assert_eq!(service.poll_ready(&mut context), Poll::Ready(Err("closed")));
    // An error of the service is passed on, and nothing is settled for it.
    let response = service.call(request(Method::GET, "n1")).await;
    assert_eq!(response.unwrap_err(), "failed");
    till.released.notified().await;
    assert_eq!(till.settles(), 0);
}

#[test]
fn a_request_may_outlive_its_runtime() {
    let till = Till::new();
    let never = service_fn(|_: Request<()>| std::future::pending::<Result<_, Infallible>>());
    let mut service = till.gate().priced(PRICE).unwrap().layer(never);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut response = {
        let _entered = runtime.enter();
        let mut response: std::pin::Pin<Box<_>> =
            Box::pin(service.call(request(Method::GET, "n1")));
        for _ in 0..3 {
            let polled: Poll<Result<Response<payment_tower::PaymentBody<Full<Bytes>>>, _>> =
                response.as_mut().poll(&mut context);
            assert!(polled.is_pending());
        }
        response
    };
    drop(runtime);
    assert!(response.as_mut().poll(&mut context).is_pending());
    drop(response);
    assert_eq!(till.settles(), 0);
}

#[test]
fn without_a_runtime_nothing_is_spawned_and_nothing_panics() {
    let ran = Arc::new(AtomicBool::new(false));
    let task = || {
        let ran = Arc::clone(&ran);
        Box::pin(async move { ran.store(true, Ordering::SeqCst) })
    };
    TokioSpawn::current().spawn(task());
    assert!(!ran.load(Ordering::SeqCst));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let spawn = runtime.block_on(async { TokioSpawn::current() });
    spawn.spawn(task());
    runtime.block_on(tokio::task::yield_now());
    assert!(ran.swap(false, Ordering::SeqCst));

    drop(runtime);
    spawn.spawn(task());
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn a_paid_request_without_a_runtime_does_not_panic() {
    let till = Till::new();
    let never = service_fn(|_: Request<()>| std::future::pending::<Result<_, Infallible>>());
    let mut service = till.gate().priced(PRICE).unwrap().layer(never);
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut response = pin!(service.call(request(Method::GET, "n1")));
        for _ in 0..3 {
            let polled: Poll<Result<Response<payment_tower::PaymentBody<Full<Bytes>>>, _>> =
                response.as_mut().poll(&mut context);
            assert!(polled.is_pending());
        }
    }
    assert_eq!(till.settles(), 0);
}
