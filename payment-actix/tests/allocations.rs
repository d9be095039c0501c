//! What the gate allocates on requests behind actix-web, beside the same app without it. A binary
//! of its own, whose allocator counts by thread: tests beside each other don't mix.
#![allow(clippy::unwrap_used, missing_docs)]

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{App, Error};
use payment_actix::{GateExt, PaymentMiddleware};
use payment_core::{Gate, RouteTable, usd};
use scenarios::Frugal;
use tokio::runtime::Runtime;

const FREE: &str = "/health";
const PRICED: &str = "/weather";

fn table() -> RouteTable {
    let keys = ["GET /weather", "/users/:id", "POST /paid/*"];
    let routes = keys.map(|key| (key, usd!("0.01")));
    let table = Gate::new(Frugal).table().routes(routes).unwrap();
    table.build().unwrap()
}

fn free(config: &mut ServiceConfig) {
    config
        .route(FREE, get().to(async || "sunny"))
        .route(PRICED, get().to(async || "sunny"));
}

fn priced(config: &mut ServiceConfig) {
    let gate = Gate::new(Frugal).priced(usd!("0.01")).unwrap();
    let weather = resource(PRICED).wrap(gate);
    config
        .route(FREE, get().to(async || "sunny"))
        .service(weather.route(get().to(async || "sunny")));
}

/// Requests of one kind.
#[derive(Clone, Copy)]
struct Asked {
    path: &'static str,
    pays: bool,
    expect: u16,
}

const FOR_FREE: Asked = Asked {
    path: FREE,
    pays: false,
    expect: 200,
};
const WITHOUT_GATE: Asked = Asked {
    path: PRICED,
    ..FOR_FREE
};
const UNPAID: Asked = Asked {
    expect: 402,
    ..WITHOUT_GATE
};
const PAID: Asked = Asked {
    pays: true,
    ..WITHOUT_GATE
};

impl Asked {
    fn request(self) -> TestRequest {
        static NONCE: AtomicUsize = AtomicUsize::new(0);
        let request = TestRequest::with_uri(self.path).insert_header(("host", "example.com"));
        if !self.pays {
            return request;
        }
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed).to_string();
        request.insert_header((Frugal::HEADER, nonce))
    }
}

fn runtime() -> Runtime {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap()
}

/// Allocations of one request, to the last piece of the answer. A median, since maps of what was
/// paid grow now and then, and what actix keeps for later requests is made by the first.
fn allocations<S, R, B>(
    runtime: &Runtime,
    app: &S,
    asked: Asked,
    make: impl Fn(TestRequest) -> R,
) -> u64
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let mut counts = Vec::new();
    for _ in 0..65 {
        let request = make(asked.request());
        let mut status = 0;
        let info = allocation_counter::measure(|| {
            runtime.block_on(async {
                let response = call_service(app, request).await;
                status = response.status().as_u16();
                let mut body = pin!(response.into_body());
                while let Some(piece) = poll_fn(|context| body.as_mut().poll_next(context)).await {
                    black_box(piece.is_ok());
                }
            });
        });
        assert_eq!(status, asked.expect);
        counts.push(info.count_total);
    }
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Those of one kind of request to an app.
macro_rules! allocations {
    ($app:expr, $asked:expr) => {{
        let runtime = runtime();
        let app = runtime.block_on(init_service($app));
        allocations(&runtime, &app, $asked, TestRequest::to_request)
    }};
}

/// The pattern of the route, which actix makes anew for whoever asks: a table has to.
const PATTERN: u64 = 1;

#[test]
fn a_free_route_in_a_table_allocates_nothing_but_its_pattern() {
    let bare = allocations!(App::new().configure(free), FOR_FREE);
    let table = PaymentMiddleware::new(table());
    let behind = allocations!(App::new().wrap(table).configure(free), FOR_FREE);
    assert_eq!(behind, bare + PATTERN);
}

#[test]
fn a_free_route_beside_priced_ones_allocates_as_without_them() {
    let bare = allocations!(App::new().configure(free), FOR_FREE);
    let beside = allocations!(App::new().configure(priced), FOR_FREE);
    assert_eq!(beside, bare);
}

/// The list of challenges (the protocol's), path and canonical URL of the request, two of the header
/// map, the body; then what actix has of its own: each value of a header. Less what the handler
/// would have taken.
const UNPAID_402: u64 = 8;

#[test]
fn an_unpaid_402_allocates_so_often_and_no_more() {
    let bare = allocations!(App::new().configure(free), WITHOUT_GATE);
    let unpaid = allocations!(App::new().configure(priced), UNPAID);
    assert!(unpaid <= bare + UNPAID_402, "{unpaid}, without gate {bare}");
    let table = PaymentMiddleware::new(table());
    let unpaid = allocations!(App::new().wrap(table).configure(free), UNPAID);
    assert!(unpaid <= bare + UNPAID_402, "{unpaid}, without gate {bare}");
}

/// As on tower, where they are listed, and the head of the response as actix has it.
const PAID_200: u64 = 30;

#[test]
fn a_paid_request_allocates_so_often_and_no_more() {
    let bare = allocations!(App::new().configure(free), WITHOUT_GATE);
    let paid = allocations!(App::new().configure(priced), PAID);
    assert!(paid <= bare + PAID_200, "{paid}, without gate {bare}");
}
