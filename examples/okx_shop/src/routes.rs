use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use payment_core::{ConfigError, Gate, MemoryReplayGuard, Money, Route, Tariff, usd};
use payment_tower::GateExt;
use payment_tower::axum::Paid;

/// A gate that remembers used credentials together with others.
pub(crate) type SharedGate = Gate<Arc<MemoryReplayGuard>>;

/// Who is let in where.
pub(crate) struct Gates {
    pub(crate) weather: SharedGate,
    pub(crate) report: SharedGate,
    pub(crate) chat: SharedGate,
    pub(crate) news: SharedGate,
}

/// What a partner gets of the price of a report.
pub(crate) const PARTNERS: Money = usd!("0.003");
const PRICE: Money = usd!("0.01");
const CALL: Money = usd!("0.001");
const DEPOSIT: Money = usd!("0.05");

pub(crate) fn app(gates: &Gates) -> Result<Router, ConfigError> {
    let route = |description: &str| Route::priced(PRICE).description(description);
    let chat = Route::from(Tariff::per_call(CALL).deposit(DEPOSIT)).description("A word");
    let weather = gates.weather.priced(route("The weather"))?;
    let report = gates.report.priced(route("A report"))?;
    let news = gates.news.priced(route("The news"))?;
    let chat = gates.chat.priced(chat)?;
    Ok(Router::new()
        .route("/free", get(async || "free\n"))
        .route(
            "/weather",
            get(async |paid| sold("sunny", paid)).layer(weather),
        )
        .route(
            "/report",
            get(async |paid| sold("all is well", paid)).layer(report),
        )
        .route(
            "/news",
            get(async |paid| sold("nothing happened", paid)).layer(news),
        )
        .route("/chat", get(async |paid| sold("hello", paid)).layer(chat)))
}

fn sold(what: &str, Paid(paid): Paid) -> String {
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    format!("{what}, for {} units of {payer}\n", paid.amount())
}
