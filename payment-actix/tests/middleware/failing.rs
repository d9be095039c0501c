use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, fn_service};
use actix_web::error::{ErrorBadGateway, InternalError};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::init_service;
use actix_web::{App, Error, HttpResponse, web};
use payment_actix::Unserved;
use scenarios::{Till, Totals};

use crate::shop::{PRICE, before, pay_for, paying, priced, send, settled_down};

#[tokio::test]
async fn an_error_of_the_service_is_passed_on_and_costs_nothing() {
    let till = Arc::default();
    let answer = || Err::<HttpResponse, _>(ErrorBadGateway("down"));
    let answered = pay_for(&till, PRICE, paying("/", "good-1"), answer).await;
    assert_eq!(answered.unwrap_err().to_string(), "down");
    let expected = Totals {
        releases: 1,
        ..Totals::default()
    };
    settled_down(|| till.totals() == expected).await;
}

#[tokio::test]
async fn what_was_settled_before_an_error_is_kept_for_the_same_credential() {
    let till = Arc::<Till>::default();
    let service = fn_service({
        let till = Arc::clone(&till);
        let failed = Rc::new(std::cell::Cell::new(false));
        move |request: ServiceRequest| {
            let answer = match failed.replace(true) {
                false => Err(ErrorBadGateway("down")),
                true => Ok(HttpResponse::Ok().body("sunny")),
            };
            assert_eq!(till.totals().settles, 1);
            async move { Ok::<_, Error>(ServiceResponse::new(request.into_parts().0, answer?)) }
        }
    });
    let service = priced(&till, before())
        .new_transform(service)
        .await
        .unwrap();
    let request = || paying("/", "good-1").to_srv_request();
    assert!(service.call(request()).await.is_err());
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let response = service.call(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(till.totals().settles, 1);
}

#[tokio::test]
async fn an_error_of_the_handler_is_what_its_status_says() {
    let till = Arc::default();
    let fails = async |status: StatusCode| Err::<String, _>(InternalError::new("why", status));
    let app = App::new()
        .wrap(priced(&till, PRICE))
        .service(web::resource("/bad").to(move || fails(StatusCode::BAD_GATEWAY)));
    let app =
        init_service(app.service(web::resource("/moved").to(move || fails(StatusCode::FOUND))))
            .await;
    let bad = send(&app, paying("/bad", "good-1").to_request()).await;
    assert_eq!((bad.status, &*bad.body), (502, &b"why"[..]));
    assert!(bad.headers.contains_key("vary"));
    assert!(!bad.headers.contains_key("payment-response"));
    assert_eq!(till.totals().settles, 0);
    // A redirect is an answer, however the handler has made it.
    let moved = send(&app, paying("/moved", "good-2").to_request()).await;
    assert_eq!(moved.status, 302);
    assert!(moved.headers.contains_key("payment-response"));
    assert_eq!(till.totals().settles, 1);
}

/// Ready when told.
struct Busy(Rc<std::cell::Cell<bool>>);

impl Service<ServiceRequest> for Busy {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = std::future::Ready<Result<ServiceResponse, Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.0.get() {
            true => Poll::Ready(Err(ErrorBadGateway("closed"))),
            false => Poll::Pending,
        }
    }

    fn call(&self, _: ServiceRequest) -> Self::Future {
        panic!("called before it was ready");
    }
}

#[tokio::test]
async fn readiness_is_that_of_the_service() {
    let closed = Rc::new(std::cell::Cell::new(false));
    let till = Arc::default();
    let busy = Busy(Rc::clone(&closed));
    let service = priced(&till, PRICE).new_transform(busy).await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_pending());
    closed.set(true);
    let Poll::Ready(Err(error)) = service.poll_ready(&mut context) else {
        panic!("it is closed");
    };
    assert_eq!(error.to_string(), "closed");
}

#[test]
fn a_paid_request_without_a_runtime_does_not_panic() {
    let till = Arc::<Till>::default();
    let never =
        fn_service(|_: ServiceRequest| std::future::pending::<Result<ServiceResponse, Error>>());
    let mut context = Context::from_waker(Waker::noop());
    let mut made = priced(&till, PRICE).new_transform(never);
    let Poll::Ready(Ok(service)) = std::pin::Pin::new(&mut made).poll(&mut context) else {
        panic!("made at once");
    };
    let mut response = Box::pin(service.call(paying("/", "good-1").to_srv_request()));
    for _ in 0..5 {
        assert!(response.as_mut().poll(&mut context).is_pending());
    }
    drop(response);
    assert_eq!(till.totals().settles, 0);
}

/// What a browser and a cache read of an error that middleware inside has ended in.
#[tokio::test]
async fn an_error_of_the_service_has_the_headers_of_every_answer() {
    for (route, receipts) in [(PRICE.into(), 0), (before(), 1)] {
        let till = Arc::<Till>::default();
        let gate = payment_core::Gate::builder(scenarios::OURS.at(&till))
            .cors(payment_core::Cors::origins(["https://app.example"]));
        let priced = payment_actix::GateExt::priced(&gate.build().unwrap(), route).unwrap();
        let fails = from_fn(async |request: ServiceRequest, _: Next<BoxBody>| {
            drop(request);
            let forged = HttpResponse::BadGateway()
                .insert_header(("payment-receipt", "forged"))
                .body("why");
            Err::<ServiceResponse, _>(InternalError::from_response("down", forged).into())
        });
        let app = App::new()
            .wrap(fails)
            .wrap(priced)
            .route("/", web::get().to(async || "sunny"));
        let app = init_service(app).await;
        let request = paying("/", "good-1").insert_header(("origin", "https://app.example"));
        let error = app.call(request.to_request()).await.unwrap_err();
        // As it was, for whoever logs it or looks for its own.
        assert_eq!(
            (error.to_string(), format!("{error:?}")),
            ("down".into(), "\"down\"".into())
        );
        let ours: &Unserved = error.as_error().unwrap();
        assert!(ours.error().as_error::<InternalError<&str>>().is_some());
        // As actix makes a response of it.
        let response = error.error_response();
        let has = |name| response.headers().get_all(name).count();
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert_eq!((has("vary"), has("payment-receipt")), (1, 0));
        assert_eq!(has("payment-response"), receipts);
        let origin = response.headers().get("access-control-allow-origin");
        assert_eq!(origin.unwrap(), "https://app.example");
        assert_eq!(till.totals().settles, receipts);
    }
}

#[tokio::test]
async fn an_error_that_is_no_failure_costs_nothing_all_the_same() {
    let till = Arc::default();
    let answer = || Err::<HttpResponse, _>(InternalError::new("moved", StatusCode::FOUND).into());
    let error = pay_for(&till, PRICE, paying("/", "good-1"), answer).await;
    let error = error.unwrap_err();
    assert_eq!(error.as_response_error().status_code(), StatusCode::FOUND);
    assert_eq!(till.totals().settles, 0);
}
