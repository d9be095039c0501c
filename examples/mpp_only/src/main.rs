//! MPP alone, by charge: `/joke` costs a cent, and the seller's own key settles it on chain.
//!
//! This file is the seller. `tour.rs` is a buyer who tries it; `stage` is a chain in this process
//! with test money, which takes the place of the real one until `RPC_URL`, `SETTLER_KEY`,
//! `MPP_REALM` and `MPP_SECRET_KEY` are set.

mod tour;

use std::future::IntoFuture;
use std::process::ExitCode;

use axum::Router;
use axum::routing::get;
use mpp_core::{Mpp, MppBuilder};
use mpp_evm::{Charge, OnchainCharge};
use payment_core::{Gate, Route, usd};
use payment_evm::{Settler, SettlerOptions, Token};
use payment_tower::GateExt;
use payment_tower::axum::Paid;
use stage::{Failure, Invitation, Stage};
use tokio::net::TcpListener;

/// The shop. Its realm and key make challenges that no other shop can take, and that every process
/// of this one knows again.
async fn shop(mpp: MppBuilder, settler: Settler, origin: &str) -> Result<Router, Failure> {
    let usdc = Token::default_on(settler.chain_id()).ok_or("no token is known on this chain")?;
    // The key that sends the transactions is paid too; another account can be.
    let pay_to = settler.address();
    let charge = Charge::new(usdc, pay_to).settle_with(OnchainCharge::new(settler));
    let mpp = mpp.method(charge).build()?;

    let gate = Gate::builder(mpp).origin(origin).build()?;
    let cent = Route::priced(usd!("0.01")).description("A joke");
    Ok(Router::new()
        .route("/joke", get(joke).layer(gate.priced(cent)?))
        .route("/free", get(async || "nothing to pay here\n")))
}

/// Runs once the payment is checked. It is settled before the answer leaves; an error costs the
/// buyer nothing.
async fn joke(Paid(paid): Paid) -> String {
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    format!("402 walks into a bar and pays for {payer}\n")
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let settings = ["RPC_URL", "SETTLER_KEY", "MPP_REALM", "MPP_SECRET_KEY"];
    let stage = Stage::set("mpp_only", &settings).await?;
    let key = stage.key("SETTLER_KEY")?;
    let rpc_url: String = stage.setting("RPC_URL")?;
    let settler = Settler::connect(&rpc_url, key, SettlerOptions::default()).await?;
    // In production `Mpp::from_env()` reads the same two variables.
    let mpp = Mpp::from_lookup(|name| stage.find(name))?;
    let listener = TcpListener::bind(stage.address()).await?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    let app = shop(mpp, settler, &origin).await?;
    stage.invite(&origin, "/joke", Invitation::Buy);
    let server = axum::serve(listener, app).with_graceful_shutdown(stage::interrupted());
    tokio::select! {
        served = server.into_future() => Ok(served?),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    }
}
