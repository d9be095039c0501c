//! A table offers and takes payments as a layer on the route does.

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use http::{Request, StatusCode};
use payment_core::Route;
use payment_tower::{GateExt, PaymentLayer};

use crate::till::{PRICE, STAMP, Till, get, header, send, text, with_method};

fn handler(till: &Arc<Till>) -> axum::routing::MethodRouter {
    let till = Arc::clone(till);
    any(async move || {
        till.serve();
        "sunny"
    })
}

fn by_table(till: &Arc<Till>) -> Router {
    let table = till.gate().table();
    let routes = [
        ("/weather", Route::priced(PRICE)),
        ("/named/:place", Route::priced(PRICE).resource("/named")),
    ];
    let table = table.routes(routes).unwrap().build().unwrap();
    Router::new()
        .route("/weather", handler(till))
        .route("/named/{place}", handler(till))
        .route("/free", any(async || "free"))
        .layer(PaymentLayer::new(table))
}

fn by_layers(till: &Arc<Till>) -> Router {
    let gate = till.gate();
    let weather = gate.priced(PRICE).unwrap();
    let named = gate
        .priced(Route::priced(PRICE).resource("/named"))
        .unwrap();
    Router::new()
        .route("/weather", handler(till).layer(weather))
        .route("/named/{place}", handler(till).layer(named))
        .route("/free", any(async || "free"))
}

#[tokio::test]
async fn all_answers_are_those_of_a_layer_on_the_route() {
    let requests: [fn() -> Request<axum::body::Body>; 9] = [
        || get("/weather", ""),
        || get("/weather?q=1", ""),
        || with_method("POST", "/weather", ""),
        || with_method("HEAD", "/weather", ""),
        || get("/named/here", ""),
        || get("/weather", "n1"),
        || get("/weather", "n1"),
        || get("/named/here", "n2"),
        || get("/free", "n3"),
    ];
    let (tables, layers) = (Till::new(), Till::new());
    let (table, layer) = (by_table(&tables), by_layers(&layers));
    for request in requests {
        let name = format!("{:?}", request());
        let one = send(&table, request()).await;
        let other = send(&layer, request()).await;
        assert_eq!(one.status(), other.status(), "{name}");
        assert_eq!(one.headers(), other.headers(), "{name}");
        assert_eq!(text(one).await, text(other).await, "{name}");
    }
    assert_eq!((tables.settles(), tables.served()), (2, 2));
    assert_eq!((layers.settles(), layers.served()), (2, 2));
}

#[tokio::test]
async fn an_odd_spelling_is_offered_and_paid_as_it_was_asked_for() {
    // The router behind takes any path, so that the odd one is served when it is paid for.
    let till = Till::new();
    let table = till.gate().table().route("/weather", PRICE).unwrap();
    let app = Router::new()
        .fallback_service(handler(&till))
        .layer(PaymentLayer::new(table.build().unwrap()));
    let offer = send(&app, get("//weather/", "")).await;
    assert_eq!(offer.status(), StatusCode::PAYMENT_REQUIRED);
    let urls = header(&offer, "www-authenticate");
    assert_eq!(urls, ["Test url=\"http://localhost//weather/\""]);
    let paid = send(&app, get("//weather/", "n1")).await;
    assert_eq!(paid.status(), StatusCode::OK);
    assert_eq!(header(&paid, STAMP.as_str()), ["settled"]);
    // What paid for one spelling pays for no other.
    let again = send(&app, get("/weather", "n1")).await;
    assert_eq!(again.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!((till.settles(), till.served()), (1, 1));
}

#[tokio::test]
async fn an_ambiguous_path_is_neither_charged_nor_served() {
    let till = Till::new();
    let table = till
        .gate()
        .table()
        .routes([("/weather", PRICE), ("/*", PRICE)]);
    let app = Router::new()
        .route("/{*all}", handler(&till))
        .layer(PaymentLayer::new(table.unwrap().build().unwrap()));
    let response = send(&app, get("/%77eather", "n1")).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(header(&response, "cache-control"), ["no-store"]);
    assert!(text(response).await.contains("ambiguous_path"));
    assert_eq!((till.settles(), till.served()), (0, 0));
}
