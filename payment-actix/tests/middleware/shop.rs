use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, fn_service};
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, read_body};
use bytes::Bytes;
use payment_actix::{GateExt, PaymentMiddleware};
use payment_core::{Gate, Limits, Money, Route, Timing, usd};
use scenarios::{OURS, Till};

pub(crate) const PRICE: Money = usd!("0.01");

pub(crate) fn before() -> Route {
    Route::priced(PRICE).timing(Timing::BeforeServing)
}

/// A gate that holds eight bytes.
pub(crate) fn gate(till: &Arc<Till>) -> Gate {
    let mut limits = Limits::default();
    limits.held_body = 8;
    let gate = Gate::builder(OURS.at(till)).limits(limits);
    gate.build().unwrap()
}

pub(crate) fn priced(till: &Arc<Till>, route: impl Into<Route>) -> PaymentMiddleware {
    gate(till).priced(route).unwrap()
}

/// A request that pays.
pub(crate) fn paying(path: &str, credential: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header((OURS.header, credential))
}

/// Pays a service that answers with what this makes.
pub(crate) async fn pay_for<B>(
    till: &Arc<Till>,
    route: impl Into<Route>,
    request: TestRequest,
    answer: impl Fn() -> Result<HttpResponse<B>, Error> + 'static,
) -> Result<ServiceResponse<EitherBody<B, Bytes>>, Error>
where
    B: MessageBody + 'static,
{
    let answer = Rc::new(answer);
    let service = fn_service(move |request: ServiceRequest| {
        let answer = answer();
        async move { Ok::<_, Error>(ServiceResponse::new(request.into_parts().0, answer?)) }
    });
    let service = priced(till, route).new_transform(service).await.unwrap();
    service.call(request.to_srv_request()).await
}

/// What a buyer reads.
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Read {
    pub(crate) fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send<R, B: MessageBody>(
    app: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: R,
) -> Read {
    let response = call_service(app, request).await;
    Read {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: read_body(response).await,
    }
}

/// Gives the tasks that a request has left behind their turns.
pub(crate) async fn settled_down(done: impl Fn() -> bool) {
    for _ in 0..1000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to that");
}
