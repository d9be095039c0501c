use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use payment_core::{ConfigError, Gate, Money, ProtocolName, Route};
use payment_tower::GateExt;
use payment_tower::axum::Paid;

const X402: ProtocolName = ProtocolName::new("x402");
const MPP: ProtocolName = ProtocolName::new("mpp");

/// How often a paid handler ran.
type Runs = Arc<AtomicU64>;

pub(crate) fn app(gate: &Gate, price: Money, dear: Money) -> Result<Router, ConfigError> {
    let route = |price| Route::priced(price).mime_type("application/json");
    let both = gate.priced(route(price).description("An answer"))?;
    let fails = gate.priced(route(price).description("A handler that fails"))?;
    let x402 = gate.priced(route(price).only([X402]))?;
    let mpp = gate.priced(route(price).only([MPP]))?;
    let dear = gate.priced(route(dear).description("A dear answer"))?;
    Ok(Router::new()
        .route("/free", get(async || json(r#"{"free":true}"#.to_owned())))
        .route("/count", get(count))
        .route("/paid", get(paid).layer(both))
        .route("/x402", get(paid).layer(x402))
        .route("/mpp", get(paid).layer(mpp))
        .route("/dear", get(paid).layer(dear))
        .route("/fails", get(failing).layer(fails))
        .with_state(Runs::default()))
}

async fn paid(State(runs): State<Runs>, Paid(paid): Paid) -> impl IntoResponse {
    runs.fetch_add(1, Ordering::Relaxed);
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    let (protocol, amount) = (paid.protocol(), paid.amount());
    json(format!(
        r#"{{"paid":true,"protocol":"{protocol}","amount":"{amount}","payer":"{payer}"}}"#
    ))
}

async fn failing(State(runs): State<Runs>) -> impl IntoResponse {
    runs.fetch_add(1, Ordering::Relaxed);
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        json(r#"{"error":"this handler always fails"}"#.to_owned()),
    )
}

async fn count(State(runs): State<Runs>) -> impl IntoResponse {
    json(format!(r#"{{"runs":{}}}"#, runs.load(Ordering::Relaxed)))
}

fn json(body: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], body)
}
