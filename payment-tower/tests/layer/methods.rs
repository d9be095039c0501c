use std::sync::Arc;

use axum::Router;
use axum::routing;
use http::{Request, StatusCode};
use payment_tower::GateExt;

use crate::till::{PRICE, STAMP, Till, get, header, send, text, with_method};

fn app(till: &Arc<Till>) -> Router {
    let handler = {
        let till = Arc::clone(till);
        async move || {
            till.serve();
            "sunny"
        }
    };
    let priced = till.gate().priced(PRICE).unwrap();
    Router::new()
        .route("/get", routing::get(handler.clone()).layer(priced.clone()))
        .route("/any", routing::any(handler).layer(priced.clone()))
        .route("/free", routing::get(async || "free"))
        .nest(
            "/nest",
            Router::new().route("/get", routing::get(async || "nested").layer(priced)),
        )
}

#[tokio::test]
async fn every_method_that_reaches_the_layer_is_priced() {
    let till = Till::new();
    let app = app(&till);
    for (method, path) in [
        ("GET", "/get"),
        ("HEAD", "/get"),
        ("GET", "/get?free=1"),
        ("GET", "/any"),
        ("HEAD", "/any"),
        ("POST", "/any"),
        ("OPTIONS", "/any"),
        ("OPTIONS", "/get"),
        ("TRACE", "/any"),
        ("get", "/any"),
        ("BREW", "/any"),
        ("POST", "/get"),
    ] {
        let response = send(&app, with_method(method, path, "")).await;
        assert_eq!(
            response.status(),
            StatusCode::PAYMENT_REQUIRED,
            "{method} {path}"
        );
    }
    assert_eq!(till.served(), 0);
}

#[tokio::test]
async fn an_odd_spelling_of_a_path_is_no_way_around() {
    let till = Till::new();
    let app = app(&till);
    for path in [
        "//get",
        "/get/",
        "/GET",
        "/%67et",
        "/./get",
        "/free/../get",
        "/get;a",
        "/nest//get",
    ] {
        let status = send(&app, get(path, "")).await.status();
        let closed = matches!(status, StatusCode::PAYMENT_REQUIRED | StatusCode::NOT_FOUND);
        assert!(closed, "{path} {status}");
    }
    assert_eq!(till.served(), 0);
}

#[tokio::test]
async fn head_is_paid_for_as_get_is() {
    let till = Till::new();
    let app = app(&till);
    let response = send(&app, with_method("HEAD", "/get", "n1")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
    assert_eq!(header(&response, "content-length"), ["5"]);
    assert_eq!(text(response).await, "");
    assert_eq!((till.settles(), till.served()), (1, 1));
    // And what paid for it pays for nothing else.
    let response = send(&app, get("/get", "n1")).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn a_preflight_is_free_and_never_reaches_the_handler() {
    let till = Till::new();
    let app = app(&till);
    for path in ["/get", "/any"] {
        let mut request = with_method("OPTIONS", path, "n1");
        let headers = request.headers_mut();
        headers.insert("origin", "https://shop.example".parse().unwrap());
        headers.insert("access-control-request-method", "GET".parse().unwrap());
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(header(&response, "cache-control"), ["no-store"]);
    }
    assert_eq!((till.settles(), till.served()), (0, 0));
}

#[tokio::test]
async fn half_a_preflight_is_priced() {
    let till = Till::new();
    let app = app(&till);
    for (name, value) in [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "GET"),
    ] {
        let mut request = with_method("OPTIONS", "/any", "");
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED, "{name}");
    }
    // A preflight in all but its method is a request like any other.
    let request = Request::get("/get")
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "GET");
    let response = send(&app, request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(till.served(), 0);
}

#[tokio::test]
async fn a_method_that_the_route_lacks_costs_nothing() {
    let till = Till::new();
    let app = app(&till);
    let response = send(&app, with_method("POST", "/get", "n1")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!((till.settles(), till.served()), (0, 0));
}

#[tokio::test]
async fn a_free_route_beside_a_priced_one_is_untouched() {
    let till = Till::new();
    let app = app(&till);
    let bare = Router::new().route("/free", routing::get(async || "free"));
    for nonce in ["", "n1"] {
        let beside = send(&app, get("/free", nonce)).await;
        let alone = send(&bare, get("/free", nonce)).await;
        assert_eq!(beside.status(), alone.status());
        assert_eq!(beside.headers(), alone.headers());
        assert_eq!(text(beside).await, text(alone).await);
    }
    assert_eq!(till.settles(), 0);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn an_offer_names_a_nested_route_in_full() {
    let till = Till::new();
    let app = app(&till);
    let response = send(&app, get("/nest/get", "")).await;
    let urls = header(&response, "www-authenticate");
    assert_eq!(urls, ["Test url=\"http://localhost/nest/get\""]);
}
