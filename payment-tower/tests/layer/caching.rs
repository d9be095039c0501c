use std::sync::Arc;

use axum::Router;
use axum::routing::get as route;
use http::{HeaderMap, HeaderName, StatusCode};
use payment_tower::GateExt;

use crate::till::{PRICE, Till, Verdict, get, header, send};

/// A priced route whose handler answers with this status and these headers.
fn app(status: StatusCode, headers: &[(&'static str, &'static str)]) -> Router {
    app_of(&Till::new(), status, headers)
}

fn app_of(
    till: &Arc<Till>,
    status: StatusCode,
    headers: &[(&'static str, &'static str)],
) -> Router {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let handler = async move || (status, map, "answer");
    Router::new().route(
        "/",
        route(handler).layer(till.gate().priced(PRICE).unwrap()),
    )
}

const OURS: &str = "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";

#[tokio::test]
async fn no_shared_cache_keeps_what_was_paid_for() {
    let handler = [
        ("cache-control", "public, max-age=60"),
        ("cache-control", "s-maxage=9, immutable"),
    ];
    let response = send(&app(StatusCode::OK, &handler), get("/", "n1")).await;
    assert_eq!(
        header(&response, "cache-control"),
        ["private, max-age=60, immutable"]
    );
    // Whether there is a receipt to show or not.
    let till = Till::with(Verdict::Silent, 1);
    let response = send(&app_of(&till, StatusCode::OK, &handler), get("/", "n1")).await;
    assert_eq!(till.settles(), 1);
    assert_eq!(
        header(&response, "cache-control"),
        ["private, max-age=60, immutable"]
    );
}

#[tokio::test]
async fn what_a_handler_varies_on_is_kept() {
    let handler = [("vary", "Accept"), ("vary", "Origin, Accept-Language")];
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        let response = send(&app(status, &handler), get("/", "n1")).await;
        let all = format!("Accept, Origin, Accept-Language, {OURS}");
        assert_eq!(header(&response, "vary"), [all]);
    }
    let response = send(&app(StatusCode::OK, &[("vary", "*")]), get("/", "n1")).await;
    assert_eq!(header(&response, "vary"), ["*"]);
}

#[tokio::test]
async fn what_nobody_paid_for_is_cached_as_the_handler_says() {
    let handler = [("cache-control", "public, max-age=60")];
    let response = send(&app(StatusCode::NOT_FOUND, &handler), get("/", "n1")).await;
    assert_eq!(header(&response, "cache-control"), ["public, max-age=60"]);
    assert_eq!(header(&response, "vary"), [OURS]);
}

#[tokio::test]
async fn a_handler_cannot_forge_a_receipt() {
    let forged = [
        ("payment-response", "forged"),
        ("payment-response", "twice"),
        ("x-payment-response", "forged"),
        ("payment-receipt", "forged"),
        ("x-test-receipt", "forged"),
        ("x-other", "kept"),
    ];
    for (status, receipts) in [
        (StatusCode::OK, vec!["settled"]),
        (StatusCode::FOUND, vec!["settled"]),
        (StatusCode::BAD_GATEWAY, vec![]),
    ] {
        let response = send(&app(status, &forged), get("/", "n1")).await;
        assert_eq!(header(&response, "payment-response"), receipts, "{status}");
        if status.as_u16() < 400 {
            assert_eq!(header(&response, "x-test-receipt"), ["settled"]);
        }
        assert!(header(&response, "x-payment-response").is_empty());
        assert!(header(&response, "payment-receipt").is_empty());
        assert_eq!(header(&response, "x-other"), ["kept"]);
    }
}
