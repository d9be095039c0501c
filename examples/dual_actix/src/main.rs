//! Both protocols on actix-web: `/news` costs a cent, by x402 or by MPP, whichever a buyer speaks.
//!
//! This file is the seller. `tour.rs` has two buyers who try it; `stage` is a chain in this process
//! with test money, which takes the place of the real one until `RPC_URL`, `SETTLER_KEY`,
//! `MPP_REALM` and `MPP_SECRET_KEY` are set.

mod tour;

use std::net::TcpListener;
use std::process::ExitCode;

use actix_web::{App, HttpServer, web};
use mpp_core::{Mpp, MppBuilder};
use mpp_evm::{Charge, OnchainCharge};
use payment_actix::{GateExt, Paid};
use payment_core::{Gate, Route, usd};
use payment_evm::{Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use stage::{Failure, Invitation, Stage};
use x402_core::X402;
use x402_evm::{ExactEvm, OnchainFacilitator};

/// What stands in front of priced routes. The seller's own key settles both protocols on chain.
fn gate(mpp: MppBuilder, settler: Settler, origin: &str) -> Result<Gate, Failure> {
    let usdc = Token::default_on(settler.chain_id()).ok_or("no token is known on this chain")?;
    // The key that sends the transactions is paid too; another account can be.
    let pay_to = settler.address();
    let backend = OnchainCharge::new(settler.clone());
    let charge = Charge::new(usdc.clone(), pay_to).settle_with(backend);
    // A facilitator of others is a line here: `HttpFacilitator::new(url, options)?`.
    let x402 = X402::new(OnchainFacilitator::new(settler)).accept(ExactEvm::new(usdc, pay_to));
    // One signature pays once, whichever protocol it is shown to.
    let router = PaymentRouter::new()
        .add(MPP_PRIORITY, mpp.method(charge).build()?)
        .add(X402_PRIORITY, x402);
    Ok(Gate::builder(router).origin(origin).build()?)
}

/// Runs once the payment is checked. It is settled before the answer leaves; an error costs the
/// buyer nothing.
async fn news(Paid(paid): Paid) -> String {
    format!("no news is good news, paid by {}\n", paid.protocol())
}

async fn free() -> &'static str {
    "nothing to pay here\n"
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let settings = ["RPC_URL", "SETTLER_KEY", "MPP_REALM", "MPP_SECRET_KEY"];
    let stage = Stage::set("dual_actix", &settings).await?;
    let key = stage.key("SETTLER_KEY")?;
    let rpc_url: String = stage.setting("RPC_URL")?;
    let settler = Settler::connect(&rpc_url, key, SettlerOptions::default()).await?;
    // In production `Mpp::from_env()` reads the same two variables.
    let mpp = Mpp::from_lookup(|name| stage.find(name))?;
    let listener = TcpListener::bind(stage.address())?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    // Made once, out here: all workers then know what was used.
    let gate = gate(mpp, settler, &origin)?;
    let cent = gate.priced(Route::priced(usd!("0.01")).description("The news"))?;
    let app = move || {
        App::new()
            .service(web::resource("/news").wrap(cent.clone()).get(news))
            .route("/free", web::get().to(free))
    };
    // Nobody pays for an answer whose client has gone away before it was made.
    let server = HttpServer::new(app).h1_allow_half_closed(false);
    stage.invite(&origin, "/news", Invitation::Buy);
    tokio::select! {
        served = server.listen(listener)?.run() => Ok(served?),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    }
}
