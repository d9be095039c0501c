use axum::Router;
use axum::routing::get;
use mpp_core::Mpp;
use mpp_evm::Charge;
use payment_core::{Gate, Route, Secret, Timing, usd};
use payment_evm::Token;
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::GateExt;
use x402_core::X402;
use x402_evm::ExactEvm;

use crate::Failure;
use crate::till::{Backend, Till};

/// What stands in front of the priced routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    /// Nothing: the same app without a gate.
    Nothing,
    /// Both protocols, MPP first.
    Both,
    /// x402 alone.
    X402,
    /// MPP alone.
    Mpp,
}

/// The route that is never priced.
pub(crate) const FREE: &str = "/health";
/// The route that is priced where there is a gate.
pub(crate) const PRICED: &str = "/weather";
/// What is asked for when the origin is known.
pub(crate) const HOST: &str = "api.example.com";

const SELLER: alloy_primitives::Address =
    alloy_primitives::address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");

/// USDC on Base Sepolia.
pub(crate) fn token() -> Result<Token, Failure> {
    Token::default_on(84532).ok_or_else(|| "a chain without a default token".into())
}

/// An app of one free route and two that are priced where there is a gate.
pub(crate) fn app(taking: Taking) -> Result<Router, Failure> {
    let (weather, report) = (get(async || "sunny"), get(async || "sunny since Monday"));
    let (weather, report) = match gate(taking)? {
        None => (weather, report),
        Some(gate) => {
            let first = Route::priced(usd!("0.02")).timing(Timing::BeforeServing);
            let description = Route::priced(usd!("0.01")).description("The weather of today");
            (
                weather.layer(gate.priced(description)?),
                report.layer(gate.priced(first)?),
            )
        }
    };
    Ok(Router::new()
        .route(FREE, get(async || "well"))
        .route(PRICED, weather)
        .route("/report", report))
}

fn gate(taking: Taking) -> Result<Option<Gate>, Failure> {
    let x402 =
        || -> Result<_, Failure> { Ok(X402::new(Till).accept(ExactEvm::new(token()?, SELLER))) };
    let mpp = || -> Result<_, Failure> {
        let charge = Charge::new(token()?, SELLER).settle_with(Backend);
        Ok(Mpp::builder(HOST, Secret::new([7; 32]))
            .method(charge)
            .build()?)
    };
    let builder = match taking {
        Taking::Nothing => return Ok(None),
        Taking::Both => Gate::builder(
            PaymentRouter::new()
                .add(MPP_PRIORITY, mpp()?)
                .add(X402_PRIORITY, x402()?),
        ),
        Taking::X402 => Gate::builder(x402()?),
        Taking::Mpp => Gate::builder(mpp()?),
    };
    Ok(Some(builder.origin(format!("https://{HOST}")).build()?))
}
