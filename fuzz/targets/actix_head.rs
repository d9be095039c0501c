//! Requests to an application of actix-web behind a table of prices: whatever is written for a
//! path or a method, nobody gets to a priced handler unpaid.
//!
//! The first byte picks the application: with `n` one that normalizes paths before they are
//! priced. Lines follow: the path with its query, the method, and values of `PAYMENT-SIGNATURE`.
#![no_main]

use std::cell::LazyCell;

use actix_web::body::to_bytes;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::middleware::{Condition, NormalizePath};
use actix_web::rt::Runtime;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, web};
use libfuzzer_sys::fuzz_target;
use payment_actix::PaymentMiddleware;
use payment_core::{RouteTable, usd};
use tollgate_fuzz::{lines, x402};

/// What handlers answer that were to be paid.
const SOLD: &str = "sold";

const FREE: &str = "free";

/// Kept to the end: nothing of actix-web can be dropped with its thread.
type Ask = &'static dyn Fn(TestRequest) -> (StatusCode, Vec<u8>);

thread_local! {
    static AS_IT_COMES: LazyCell<Ask> = LazyCell::new(|| shop(false));
    static NORMALIZED: LazyCell<Ask> = LazyCell::new(|| shop(true));
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let mut lines = lines(data);
    let target = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let method = match lines.next() {
        None | Some(b"") => Method::GET,
        Some(method) => match Method::from_bytes(method) {
            Ok(method) => method,
            Err(_) => return,
        },
    };
    if target.parse::<Uri>().is_err() {
        return;
    }
    let mut request = TestRequest::with_uri(&target).method(method);
    for value in lines {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            let name = HeaderName::from_static("payment-signature");
            request = request.append_header((name, value));
        }
    }
    let ask = |ask: &LazyCell<Ask>| ask(request);
    let (status, body) = match kind {
        b'n' => NORMALIZED.with(ask),
        _ => AS_IT_COMES.with(ask),
    };
    assert_ne!(body, SOLD.as_bytes(), "unpaid");
    assert!(body == FREE.as_bytes() || !status.is_success() && !status.is_server_error());
});

fn table() -> RouteTable {
    let keys = [
        "/api/premium",
        "GET /files/{name}",
        "/v1/:id/detail",
        "POST /v1/upload",
        "/all/*",
        "/Mixed/Case",
        "/slash/",
    ];
    let table = x402::gate().table();
    let table = table.routes(keys.map(|key| (key, usd!("0.01"))));
    table.and_then(|table| table.build()).expect("constants")
}

fn shop(normalized: bool) -> Ask {
    let sold = || web::to(async || SOLD);
    let app = App::new()
        .route("/api/premium", sold())
        .route("/files/{name}", web::get().to(async || SOLD))
        .service(
            web::scope("/v1")
                .route("/{id}/detail", sold())
                .route("/upload", web::post().to(async || SOLD)),
        )
        .service(
            web::scope("/all")
                .route("", sold())
                .route("/{rest:.*}", sold()),
        )
        .route("/Mixed/Case", sold())
        .route("/slash/", sold())
        .route("/free", web::to(async || FREE))
        .wrap(PaymentMiddleware::new(table()))
        .wrap(Condition::new(normalized, NormalizePath::trim()));
    let runtime = Runtime::new().expect("a runtime");
    let service = runtime.block_on(init_service(app));
    Box::leak(Box::new(move |request: TestRequest| {
        let answered = service.call(request.to_request());
        runtime.block_on(async { read(answered.await).await })
    }))
}

async fn read<B: actix_web::body::MessageBody>(
    answered: Result<ServiceResponse<B>, Error>,
) -> (StatusCode, Vec<u8>) {
    let answered = answered.expect("errors are answers");
    let status = answered.status();
    let body = to_bytes(answered.into_body()).await;
    (status, body.ok().unwrap_or_default().to_vec())
}
