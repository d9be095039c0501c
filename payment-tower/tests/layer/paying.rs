use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get as route;
use http::{HeaderValue, StatusCode};
use payment_core::{Route, Timing};
use payment_tower::GateExt;
use tokio::sync::{Barrier, Semaphore};

use crate::till::{
    PAY, PRICE, STAMP, Till, Verdict, code, get, header, send, send_when_free, text,
};

/// `/after` and `/before` settle then; `/fails` and `/fails-before` answer 500; `/panics` does.
fn app(till: &Arc<Till>) -> Router {
    let answer = |status: StatusCode| {
        let till = Arc::clone(till);
        async move || {
            till.serve();
            (status, "sunny")
        }
    };
    let panics = {
        let till = Arc::clone(till);
        async move || {
            till.serve();
            assert!(till.served() > 1, "the first call panics");
            "calm"
        }
    };
    let gate = till.gate();
    let after = gate.priced(PRICE).unwrap();
    let before = Route::priced(PRICE).timing(Timing::BeforeServing);
    let before = gate.priced(before).unwrap();
    let error = StatusCode::INTERNAL_SERVER_ERROR;
    Router::new()
        .route("/after", route(answer(StatusCode::OK)).layer(after.clone()))
        .route("/fails", route(answer(error)).layer(after.clone()))
        .route("/panics", route(panics).layer(after))
        .route(
            "/before",
            route(answer(StatusCode::OK)).layer(before.clone()),
        )
        .route("/fails-before", route(answer(error)).layer(before))
}

#[tokio::test]
async fn unpaid_requests_are_told_how_to_pay() {
    let till = Till::new();
    let response = send(&app(&till), get("/after", "")).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(header(&response, "cache-control"), ["no-store"]);
    assert_eq!(
        header(&response, "vary"),
        ["Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT"]
    );
    assert_eq!(
        header(&response, "content-type"),
        ["application/problem+json"]
    );
    assert_eq!(header(&response, "www-authenticate").len(), 1);
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["code"], "payment_required");
    assert!(body["accepts"].is_array());
    assert_eq!(till.served(), 0);
}

#[tokio::test]
async fn paid_requests_are_served_with_a_receipt() {
    for path in ["/after", "/before"] {
        let till = Till::new();
        let response = send(&app(&till), get(path, "n1")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
        assert_eq!(header(&response, "cache-control"), ["private"]);
        assert_eq!(header(&response, "content-length"), ["5"]);
        assert_eq!(text(response).await, "sunny");
        assert_eq!((till.settles(), till.served()), (1, 1), "{path}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_costs_nothing() {
    let till = Till::new();
    let app = app(&till);
    for _ in 0..2 {
        let response = send_when_free(&app, "/fails", "n1").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(header(&response, STAMP.as_str()).is_empty());
        assert!(header(&response, "cache-control").is_empty());
        assert_eq!(header(&response, "vary").len(), 1);
        assert_eq!(text(response).await, "sunny");
    }
    assert_eq!((till.settles(), till.served()), (0, 2));
    let response = send_when_free(&app, "/after", "n1").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_handler_that_panics_costs_nothing_and_poisons_nothing() {
    let till = Till::new();
    let app = app(&till);
    let broken = tokio::spawn({
        let app = app.clone();
        async move { send(&app, get("/panics", "n1")).await }
    });
    assert!(broken.await.unwrap_err().is_panic());
    till.released.notified().await;
    assert_eq!(till.settles(), 0);
    let response = send_when_free(&app, "/panics", "n1").await;
    assert_eq!(text(response).await, "calm");
    assert_eq!(till.settles(), 1);
}

#[tokio::test]
async fn settle_first_keeps_what_was_paid_when_the_handler_fails() {
    let till = Till::new();
    let app = app(&till);
    for _ in 0..2 {
        let response = send_when_free(&app, "/fails-before", "n1").await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        // The money has moved: this answer is this buyer's alone.
        assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
        assert_eq!(header(&response, "cache-control"), ["private"]);
    }
    assert_eq!((till.settles(), till.served()), (1, 2));
    // What was paid for one request does not buy another.
    let response = send_when_free(&app, "/before", "n1").await;
    assert_eq!(code(response).await, "spent");
}

#[tokio::test]
async fn a_settlement_that_is_refused_gives_nothing_away() {
    for (path, served) in [("/after", 1), ("/before", 0)] {
        let till = Till::with(Verdict::No, Semaphore::MAX_PERMITS);
        let response = send(&app(&till), get(path, "n1")).await;
        assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(header(&response, "cache-control"), ["no-store"]);
        assert!(header(&response, STAMP.as_str()).is_empty());
        assert_eq!(code(response).await, "no_funds");
        assert_eq!(till.served(), served, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_settlement_is_followed_up_by_the_same_credential() {
    for path in ["/after", "/before"] {
        let till = Till::with(Verdict::Unknown, Semaphore::MAX_PERMITS);
        let app = app(&till);
        let response = send(&app, get(path, "n1")).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(&response, "retry-after"), ["2"]);
        assert_eq!(header(&response, "cache-control"), ["no-store"]);
        assert_eq!(code(response).await, "settlement_pending");
        let response = send_when_free(&app, path, "n1").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
        let reconciles = till.reconciles.load(Ordering::SeqCst);
        assert_eq!((till.settles(), reconciles), (1, 1), "{path}");
    }
}

#[tokio::test]
async fn a_replayed_credential_buys_nothing() {
    let till = Till::new();
    let app = app(&till);
    assert_eq!(
        send(&app, get("/after", "n1")).await.status(),
        StatusCode::OK
    );
    for path in ["/after", "/after?again", "/before", "/fails"] {
        let response = send(&app, get(path, "n1")).await;
        assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED, "{path}");
        assert_eq!(code(response).await, "spent");
    }
    assert_eq!((till.settles(), till.served()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_at_once_is_served() {
    for path in ["/after", "/before"] {
        let till = Till::new();
        let app = app(&till);
        let start = Arc::new(Barrier::new(100));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (app, start) = (app.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    send(&app, get(path, "n1")).await.status()
                })
            })
            .collect();
        let mut served = 0;
        for task in tasks {
            match task.await.unwrap() {
                StatusCode::OK => served += 1,
                StatusCode::CONFLICT | StatusCode::PAYMENT_REQUIRED => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!((served, till.settles(), till.served()), (1, 1, 1), "{path}");
        assert_eq!(code(send(&app, get(path, "n1")).await).await, "spent");
    }
}

#[tokio::test]
async fn an_enormous_credential_is_not_looked_at() {
    let till = Till::new();
    let app = app(&till);
    let mut request = get("/after", "");
    let enormous = HeaderValue::from_bytes(&vec![b'a'; 10 * 1024 * 1024]).unwrap();
    request.headers_mut().insert(PAY, enormous);
    let response = send(&app, request).await;
    assert_eq!(
        response.status(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    );
    assert_eq!(code(response).await, "credential_too_large");
    assert_eq!((till.settles(), till.served()), (0, 0));
}

#[tokio::test]
async fn the_request_reaches_the_handler_whole() {
    let till = Till::new();
    let echo = async |request: axum::extract::Request| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let pay = request.headers()[PAY].clone();
        let body = axum::body::to_bytes(request.into_body(), 100)
            .await
            .unwrap();
        ([(PAY, pay)], [query.as_bytes(), b" ", &body].concat()).into_response()
    };
    let priced = till.gate().priced(PRICE).unwrap();
    let app = Router::new().route("/echo", axum::routing::post(echo).layer(priced));
    let mut request = crate::till::with_method("POST", "/echo?q=1", "n1");
    *request.body_mut() = axum::body::Body::from("question");
    let response = send(&app, request).await;
    assert_eq!(header(&response, PAY), ["n1"]);
    assert_eq!(text(response).await, "q=1 question");
}
