//! x402 alone, on actix-web: `/weather` costs a cent, `/free` nothing.
//!
//! This file is the seller. `tour.rs` is a buyer who tries it; `stage` is a chain in this process
//! with test money, which takes the place of the real one until `FACILITATOR_URL` and `PAY_TO` are
//! set.

mod tour;

use std::net::TcpListener;
use std::process::ExitCode;

use actix_web::{App, HttpServer, web};
use stage::{Failure, Invitation, Stage};
use x402_actix::{
    Address, ExactEvm, Gate, GateExt, HttpFacilitator, HttpOptions, Paid, Route, Token, X402, usd,
};

/// Base Sepolia, where money is for tests. Base itself is 8453.
const CHAIN: u64 = 84532;

/// What stands in front of priced routes. The facilitator verifies and settles; the seller has no
/// key and no node.
async fn gate(facilitator: &str, pay_to: Address, origin: &str) -> Result<Gate, Failure> {
    let facilitator = HttpFacilitator::new(facilitator, HttpOptions::default())?;
    let usdc = Token::default_on(CHAIN).ok_or("no token is known on this chain")?;
    let x402 = X402::new(facilitator).accept(ExactEvm::new(usdc, pay_to));
    // Better to hear now than from the first buyer that it does not settle this.
    x402.check_supported().await?;
    Ok(Gate::builder(x402).origin(origin).build()?)
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

async fn free() -> &'static str {
    "nothing to pay here\n"
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::end(run().await)
}

async fn run() -> Result<(), Failure> {
    let stage = Stage::set("actix_x402", &["FACILITATOR_URL", "PAY_TO"]).await?;
    let facilitator: String = stage.setting("FACILITATOR_URL")?;
    let pay_to = stage.setting("PAY_TO")?;
    let listener = TcpListener::bind(stage.address())?;
    // Where buyers find it: in production `https://api.example.com`.
    let origin = format!("http://{}", listener.local_addr()?);

    // Made once, out here: all workers then know what was used.
    let gate = gate(&facilitator, pay_to, &origin).await?;
    let cent = gate.priced(Route::priced(usd!("0.01")).description("The weather"))?;
    let app = move || {
        App::new()
            .service(web::resource("/weather").wrap(cent.clone()).get(weather))
            .route("/free", web::get().to(free))
    };
    // Nobody pays for an answer whose client has gone away before it was made.
    let server = HttpServer::new(app).h1_allow_half_closed(false);
    stage.invite(&origin, "/weather", Invitation::Buy);
    tokio::select! {
        served = server.listen(listener)?.run() => Ok(served?),
        toured = stage.tour(tour::take(&stage, &origin)) => toured,
    }
}
