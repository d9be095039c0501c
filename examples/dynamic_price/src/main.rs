//! Prices that are found for each request, by x402 on axum.
//!
//! | route | price |
//! |---|---|
//! | `/map?size=` | `small` $0.01, `large` $0.02, `thumb` nothing; `poster` is not for sale |
//! | `/seat` | $0.10, and a cent more for each that was sold; what was quoted holds for a minute |
//! | `/song?by=` | $0.05, to the artist if it is by `ann` |
//!
//! This file and `prices.rs` are the seller. `tour.rs` has buyers who try it; `stage` is a chain in this process with
//! test money, which takes the place of the real one until the settings of `run` are in the
//! environment.

mod prices;
mod tour;

use std::future::IntoFuture;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use stage::{Failure, Invitation, Stage};
use tokio::net::TcpListener;
use x402_axum::{
    Address, ExactEvm, Gate, GateExt, HttpFacilitator, HttpOptions, Paid, Route, Timing, Token,
    X402, usd,
};

use crate::prices::{Size, by_artist, by_demand, by_size};

/// Base Sepolia, where money is for tests. Base itself is 8453.
const CHAIN: u64 = 84532;

/// How many seats were sold.
type Sold = Arc<AtomicU64>;

async fn shop(
    facilitator: &str,
    pay_to: Address,
    artist: Address,
    origin: &str,
) -> Result<Router, Failure> {
    let facilitator = HttpFacilitator::new(facilitator, HttpOptions::default())?;
    let usdc = Token::default_on(CHAIN).ok_or("no token is known on this chain")?;
    let x402 = X402::new(facilitator).accept(ExactEvm::new(usdc, pay_to));
    x402.check_supported().await?;
    let gate = Gate::builder(x402).origin(origin).build()?;

    // Each route has a standard price too: what it is checked with when the shop opens.
    let sold = Sold::default();
    let map_route = Route::priced(usd!("0.01")).pricing(by_size());
    // Paid first: a seat that is given away can't be taken back.
    let seat_route = Route::priced(usd!("0.10"))
        .timing(Timing::BeforeServing)
        .pricing(by_demand(&sold));
    let song_route = Route::priced(usd!("0.05")).pricing(by_artist(artist));
    Ok(Router::new()
        .route("/map", get(map).layer(gate.priced(map_route)?))
        .route("/seat", get(seat).layer(gate.priced(seat_route)?))
        .route("/song", get(song).layer(gate.priced(song_route)?))
        .with_state(sold))
}

async fn map(RawQuery(query): RawQuery) -> Result<String, StatusCode> {
    let size = Size::of(query.as_deref()).ok_or(StatusCode::BAD_REQUEST)?;
    Ok(format!("a map, {size:?}\n"))
}

async fn seat(State(sold): State<Sold>, Paid(paid): Paid) -> String {
    let seat = sold.fetch_add(1, Ordering::SeqCst);
    format!("seat {seat}, for {} units\n", paid.amount())
}

async fn song() -> &'static str {
    "la la la\n"
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let stage = Stage::set("dynamic_price", &["FACILITATOR_URL", "PAY_TO", "ARTIST"]).await?;
    let facilitator: String = stage.setting("FACILITATOR_URL")?;
    let (pay_to, artist) = (stage.setting("PAY_TO")?, stage.setting("ARTIST")?);
    let listener = TcpListener::bind(stage.address()).await?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    let app = shop(&facilitator, pay_to, artist, &origin).await?;
    stage.invite(&origin, "/map?size=large", Invitation::Buy);
    let server = axum::serve(listener, app).with_graceful_shutdown(stage::interrupted());
    tokio::select! {
        served = server.into_future() => Ok(served?),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    }
}
