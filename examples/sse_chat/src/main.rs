//! A chat that streams its answers token by token, each paid before it leaves: the buyer locks a
//! deposit in an escrow once, then signs vouchers, which cost no transaction.
//!
//! This file is the seller. `model.rs` stands in for a language model, `tour.rs` is a buyer who
//! chats; `stage` is a chain in this process with test money, which takes the place of the real one
//! until the settings that `run` reads are in the environment.

mod model;
mod tour;

use std::future::IntoFuture;
use std::process::ExitCode;

use alloy_primitives::Address;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use mpp_core::Mpp;
use mpp_evm::session::{Keeper, OnchainEscrow, Session};
use payment_core::{Gate, Money, Route, Tariff, usd};
use payment_evm::{Settler, SettlerOptions, Token};
use payment_store::FileChannelStore;
use payment_tower::GateExt;
use payment_tower::axum::Meter;
use stage::{Failure, Invitation, Stage};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What a token costs.
const TOKEN: Money = usd!("0.0001");
/// What buyers are told to lock up: twenty tokens, so that the tour runs out of them.
const DEPOSIT: Money = usd!("0.002");

/// The shop, and what brings its earnings to the chain.
async fn shop(
    stage: &Stage,
    origin: &str,
) -> Result<(Router, Keeper<OnchainEscrow, FileChannelStore>), Failure> {
    let key = stage.key("SETTLER_KEY")?;
    let rpc_url: String = stage.setting("RPC_URL")?;
    let settler = Settler::connect(&rpc_url, key, SettlerOptions::default()).await?;
    let usdc = Token::default_on(settler.chain_id()).ok_or("no token is known on this chain")?;
    // The contract pays a channel out at the word of its payee alone: here, of the same key.
    let pay_to = settler.address();
    let contract: Address = stage.setting("SESSION_ESCROW")?;
    let escrow = OnchainEscrow::connect(settler, contract).await?;
    // Vouchers are money until they are settled: keep them where they outlive the process.
    let books = FileChannelStore::open(stage.setting::<String>("CHANNELS_DIR")?)?;
    let session = Session::new(usdc, pay_to, escrow).store(books);
    let keeper = Keeper::new(session.desk());
    let mpp = Mpp::from_lookup(|name| stage.find(name))?.method(session);

    let gate = Gate::builder(mpp.build()?).origin(origin).build()?;
    let by_the_token = Route::from(Tariff::per("token", TOKEN).deposit(DEPOSIT));
    let priced = gate.priced(by_the_token.description("A chat"))?;
    let app = Router::new().route("/chat", get(chat).post(chat).layer(priced));
    Ok((app, keeper))
}

/// Each event is paid before it leaves. When the vouchers run out, the stream stops, asks for
/// another one, and goes on when it comes by another request.
async fn chat(meter: Meter, question: String) -> impl IntoResponse {
    meter.sse(model::answer(&question))
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let settings = [
        "RPC_URL",
        "SETTLER_KEY",
        "SESSION_ESCROW",
        "CHANNELS_DIR",
        "MPP_REALM",
        "MPP_SECRET_KEY",
    ];
    let stage = Stage::set("sse_chat", &settings).await?;
    let listener = TcpListener::bind(stage.address()).await?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    let (app, keeper) = shop(&stage, &origin).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let keeper = tokio::spawn(keeper.run(async {
        let _ = stopped.await;
    }));
    stage.invite(&origin, "/chat", Invitation::Stream);
    let server = axum::serve(listener, app).with_graceful_shutdown(stage::interrupted());
    let ended = tokio::select! {
        served = server.into_future() => served.map_err(Failure::from),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    };
    // Only now: what the last answers have earned is looked after too.
    drop(stop);
    keeper.await?;
    ended
}
