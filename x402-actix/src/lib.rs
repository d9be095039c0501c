//! x402 for actix-web in one dependency.
//!
//! A seller says who settles, what is taken and where it goes, and prices what it wraps:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use actix_web::{App, web};
//! use x402_actix::{
//!     ExactEvm, Gate, GateExt, HttpFacilitator, HttpOptions, Paid, Token, X402, address, usd,
//! };
//!
//! let facilitator = HttpFacilitator::new("https://facilitator.example", HttpOptions::default())?;
//! let usdc = Token::default_on(84532).ok_or("a chain without a default token")?;
//! let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
//! let gate = Gate::builder(X402::new(facilitator).accept(ExactEvm::new(usdc, seller)))
//!     .origin("https://api.example.com")
//!     .build()?;
//! let priced = gate.priced(usd!("0.01"))?;
//!
//! // For `HttpServer::new(app)`, which makes one for each worker.
//! let app = move || {
//!     App::new()
//!         .service(web::resource("/weather").wrap(priced.clone()).get(weather))
//!         .route("/health", web::get().to(async || "well"))
//! };
//!
//! async fn weather(Paid(paid): Paid) -> String {
//!     format!("sunny, for {} units", paid.amount())
//! }
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! A price may depend on the request, and code of the seller's own may have a say:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use x402_actix::{
//! #     Access, Denial, ExactEvm, Gate, GateExt, HttpFacilitator, HttpOptions, On, Pricing, Quote, Route,
//! #     Token, X402, address, usd,
//! # };
//! # let facilitator = HttpFacilitator::new("https://facilitator.example", HttpOptions::default())?;
//! # let usdc = Token::default_on(84532).ok_or("a chain without a default token")?;
//! # let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
//! # let x402 = X402::new(facilitator).accept(ExactEvm::new(usdc, seller));
//! let gate = Gate::builder(x402)
//!     .hooks(On::new().protected_request(async |ask| match ask.path.starts_with("/draft") {
//!         true => Access::Deny(Denial::new("not_for_sale")),
//!         false => Access::Pay,
//!     }))
//!     .build()?;
//! let by_size = Pricing::by(async |ask| {
//!     Ok(match ask.query.as_deref() {
//!         Some("size=large") => usd!("0.02").into(),
//!         _ => Quote::Standard,
//!     })
//! });
//! let map = gate.priced(Route::priced(usd!("0.01")).pricing(by_size))?;
//! # drop(map);
//! # Ok(())
//! # }
//! ```
//!
//! - By default the handler runs, its response is held, the payment settles, the response leaves:
//!   a handler that fails costs the buyer nothing. Routes that stream or upgrade settle first:
//!   `Route::priced(usd!("0.01")).timing(Timing::BeforeServing)`.
//! - Set the origin: with it, a payment for another URL is told apart by more than its path.
//! - Used payments are remembered in memory, by the gate: make it outside of the closure that
//!   makes the `App`, so that all workers share it. Several processes need a [`ReplayGuard`] that
//!   they share.
//! - Every method of a resource that is wrapped is priced, also those that it does not answer.
//! - Say `h1_allow_half_closed(false)` to the `HttpServer`, so that nobody pays for a response
//!   whose client has gone away before it was made.
//!
//! Everything here stands in the crates it comes from too; those who also take MPP use
//! `payment-router` and `payment-actix` directly.

pub use alloy_primitives::{Address, address};
pub use payment_actix::{GateExt, NotPriced, Paid, PaymentMiddleware, PaymentService};
pub use payment_core::{
    Access, Account, Ask, Asset, BoxError, BoxFuture, ChargeError, ConfigError, Cors, CustomBody,
    Denial, Denied, Failure, Gate, GateBuilder, Hooks, KeyError, Limits, MemoryReplayGuard, Money,
    MoneyError, Network, On, Page, PaymentContext, PaymentOption, Paywall, Price, Pricer, Pricing,
    ProtocolName, Quote, Receipt, Recovery, Refund, ReplayGuard, Reply, Route, RouteGate,
    RouteTable, RouteTableBuilder, Secret, Soon, Timing, Units, Verdict, usd,
};
pub use payment_evm::Token;
#[cfg(feature = "onchain")]
pub use payment_evm::{LocalSigner, Settler, SettlerOptions};
pub use x402_core::{Facilitator, HttpFacilitator, HttpOptions, Scheme, Unsupported, X402};
pub use x402_evm::ExactEvm;
#[cfg(feature = "onchain")]
pub use x402_evm::OnchainFacilitator;
