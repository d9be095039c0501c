//! What the gate answers through the layer: pages for people, and what pages of other origins read.

use axum::Router;
use axum::body::Body;
use axum::routing::{any, get as route};
use http::{Request, StatusCode};
use payment_core::{Ask, Cors, Page, Reply};
use payment_tower::GateExt;

use crate::till::{PAY, PRICE, Till, code, get, header, send, text, with_method};

fn page(_: &Ask, _: &Reply) -> Option<Page> {
    Some(Page::new("<p>pay!"))
}

#[tokio::test]
async fn people_get_a_page_and_programs_an_answer() {
    let till = Till::new();
    let gate = till.builder().paywall(page).build().unwrap();
    let layer = gate.priced(PRICE).unwrap();
    let app = Router::new().route("/", route(async || "sold").layer(layer));
    let browsing = |mut request: Request<Body>| {
        let accept = "text/html,application/xhtml+xml,*/*;q=0.8".parse().unwrap();
        request.headers_mut().insert("accept", accept);
        request
    };
    let response = send(&app, browsing(get("/", ""))).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(
        header(&response, "content-type"),
        ["text/html; charset=utf-8"]
    );
    assert_eq!(header(&response, "cache-control"), ["no-store"]);
    assert_eq!(header(&response, "www-authenticate").len(), 1);
    let of_get = response.headers().clone();
    assert_eq!(text(response).await, "<p>pay!");
    // As long as it would be, and nothing of it.
    let response = send(&app, browsing(with_method("HEAD", "/", ""))).await;
    assert_eq!(header(&response, "content-length"), ["7"]);
    assert_eq!(response.headers()["content-type"], of_get["content-type"]);
    assert_eq!(text(response).await, "");

    assert_eq!(
        code(send(&app, get("/", "")).await).await,
        "payment_required"
    );
    let response = send(&app, browsing(get("/", "n1"))).await;
    assert_eq!(text(response).await, "sold");
    let again = send(&app, browsing(get("/", "n1"))).await;
    assert_eq!(code(again).await, "spent");
}

#[tokio::test]
async fn t96_a_page_of_another_origin_can_pay() {
    let till = Till::new();
    let origin = "https://page.example";
    let gate = till
        .builder()
        .cors(Cors::origins([origin]))
        .build()
        .unwrap();
    let layer = gate.priced(PRICE).unwrap();
    let options = async || "the handler's own";
    let handler = any(async || "sold").options(options).layer(layer);
    let app = Router::new().route("/", handler);

    let preflight = Request::options("/")
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", PAY);
    let response = send(&app, preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&response, "access-control-allow-origin"), [origin]);
    assert_eq!(header(&response, "access-control-allow-methods"), ["GET"]);
    let allowed = header(&response, "access-control-allow-headers");
    assert!(allowed[0].ends_with(PAY), "{allowed:?}");
    assert_eq!(text(response).await, "");

    for (nonce, status) in [("", 402), ("n1", 200)] {
        let mut request = get("/", nonce);
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        let response = send(&app, request).await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "access-control-allow-origin"), [origin]);
        let exposed = header(&response, "access-control-expose-headers");
        assert!(exposed[0].starts_with("PAYMENT-REQUIRED, PAYMENT-RESPONSE"));
        let vary = header(&response, "vary");
        assert!(vary[0].ends_with("origin"), "{vary:?}");
    }
    let response = send(&app, get("/", "n2")).await;
    assert!(header(&response, "access-control-allow-origin").is_empty());
    assert_eq!(till.settles(), 2);
}
