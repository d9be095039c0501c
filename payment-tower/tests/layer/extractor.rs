use axum::Router;
use axum::routing::get as route;
use http::StatusCode;
use payment_core::{Route, Timing};
use payment_tower::GateExt;
use payment_tower::axum::Paid;

use crate::till::{PRICE, Till, code, get, header, send, text};

fn app(till: &std::sync::Arc<Till>) -> Router {
    let tell = async |Paid(paid): Paid| {
        format!(
            "{} {} {} {}",
            paid.protocol(),
            paid.amount(),
            paid.payer().map(ToString::to_string).unwrap_or_default(),
            paid.transaction().unwrap_or("none yet"),
        )
    };
    let maybe = async |paid: Option<Paid>| match paid {
        Some(paid) => format!("paid {}", paid.amount()),
        None => "free".to_owned(),
    };
    let gate = till.gate();
    let before = Route::priced(PRICE).timing(Timing::BeforeServing);
    Router::new()
        .route("/after", route(tell).layer(gate.priced(PRICE).unwrap()))
        .route("/before", route(tell).layer(gate.priced(before).unwrap()))
        .route("/forgotten", route(tell))
        .route("/maybe", route(maybe))
        .route("/paid", route(maybe).layer(gate.priced(PRICE).unwrap()))
}

#[tokio::test]
async fn a_handler_knows_who_paid_and_how() {
    let till = Till::new();
    let app = app(&till);
    for (path, told) in [
        ("/after", "test 10000 alice none yet"),
        ("/before", "test 10000 alice 0xabc"),
        ("/maybe", "free"),
        ("/paid", "paid 10000"),
    ] {
        assert_eq!(
            text(send(&app, get(path, path)).await).await,
            told,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_route_that_was_left_without_a_price_is_an_error() {
    let till = Till::new();
    let response = send(&app(&till), get("/forgotten", "n1")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&response, "cache-control"), ["no-store"]);
    assert_eq!(code(response).await, "route_not_priced");
}
