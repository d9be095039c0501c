use std::array;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use futures_core::Stream;
use payment_core::{ConfigError, Gate, Money, ProtocolName, Route, Tariff};
use payment_tower::GateExt;
use payment_tower::axum::{Meter, Paid};

const X402: ProtocolName = ProtocolName::new("x402");
const MPP: ProtocolName = ProtocolName::new("mpp");

/// How often a paid handler ran.
pub(crate) type Runs = Arc<AtomicU64>;

pub(crate) fn app(
    gate: &Gate,
    runs: &Runs,
    price: Money,
    dear: Money,
) -> Result<Router, ConfigError> {
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
        .with_state(Arc::clone(runs)))
}

/// What is sold by the word, to buyers who have a session.
pub(crate) fn by_the_word(
    gate: &Gate,
    runs: &Runs,
    price: Money,
    deposit: Money,
) -> Result<Router, ConfigError> {
    let route = Route::from(Tariff::per("word", price).deposit(deposit));
    let words = gate.priced(route.description("An answer, word by word"))?;
    Ok(Router::new()
        .route("/words", get(words_of_it).layer(words))
        .with_state(Arc::clone(runs)))
}

async fn paid(State(runs): State<Runs>, Paid(paid): Paid) -> impl IntoResponse {
    runs.fetch_add(1, Ordering::Relaxed);
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    let (protocol, amount) = (paid.protocol(), paid.amount());
    json(format!(
        r#"{{"paid":true,"protocol":"{protocol}","amount":"{amount}","payer":"{payer}"}}"#
    ))
}

async fn words_of_it(State(runs): State<Runs>, meter: Meter) -> impl IntoResponse {
    runs.fetch_add(1, Ordering::Relaxed);
    meter.sse(Words(WORDS.into_iter()))
}

const WORDS: [&str; 9] = [
    "each", "word", "is", "paid", "before", "it", "leaves", "this", "shop",
];

struct Words(array::IntoIter<&'static str, 9>);

impl Stream for Words {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<&'static str>> {
        Poll::Ready(self.0.next())
    }
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
