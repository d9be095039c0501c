//! x402 alone, on axum: `/weather` costs a cent, `/free` nothing.
//!
//! This file is the seller. `tour.rs` is a buyer who tries it; `stage` is a chain in this process
//! with test money, which takes the place of the real one until `FACILITATOR_URL` and `PAY_TO` are
//! set.

mod tour;

use std::future::IntoFuture;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use stage::{Failure, Invitation, Stage};
use tokio::net::TcpListener;
use x402_axum::{
    Address, ExactEvm, Gate, GateExt, HttpFacilitator, HttpOptions, Paid, Route, Token, X402, usd,
};

/// Base Sepolia, where money is for tests. Base itself is 8453.
const CHAIN: u64 = 84532;

/// The shop. The facilitator verifies and settles; the seller has no key and no node.
async fn shop(facilitator: &str, pay_to: Address, origin: &str) -> Result<Router, Failure> {
    let facilitator = HttpFacilitator::new(facilitator, HttpOptions::default())?;
    let usdc = Token::default_on(CHAIN).ok_or("no token is known on this chain")?;
    let x402 = X402::new(facilitator).accept(ExactEvm::new(usdc, pay_to));
    // Better to hear now than from the first buyer that it does not settle this.
    x402.check_supported().await?;

    let gate = Gate::builder(x402).origin(origin).build()?;
    let cent = Route::priced(usd!("0.01")).description("The weather");
    Ok(Router::new()
        .route("/weather", get(weather).layer(gate.priced(cent)?))
        .route("/free", get(async || "nothing to pay here\n")))
}

/// Runs once the payment is verified. It is settled before the answer leaves; an error costs the
/// buyer nothing.
async fn weather(Paid(paid): Paid) -> String {
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    format!(
        "sunny, 21 degrees, for {} units of {payer}\n",
        paid.amount()
    )
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let stage = Stage::set("axum_x402", &["FACILITATOR_URL", "PAY_TO"]).await?;
    let facilitator: String = stage.setting("FACILITATOR_URL")?;
    let pay_to = stage.setting("PAY_TO")?;
    let listener = TcpListener::bind(stage.address()).await?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    let app = shop(&facilitator, pay_to, &origin).await?;
    stage.invite(&origin, "/weather", Invitation::Buy);
    let server = axum::serve(listener, app).with_graceful_shutdown(stage::interrupted());
    tokio::select! {
        served = server.into_future() => Ok(served?),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    }
}
