//! The gate as a tower layer, generic over bodies; tested on axum. A gRPC failure is HTTP 200 and
//! counts as served here.
//!
//! ```
//! # fn main() {}
//! # #[cfg(feature = "axum")]
//! # fn app<P: payment_core::PaymentProtocol>(protocol: P) -> Result<(), payment_core::ConfigError> {
//! use axum::{Router, routing::get};
//! use payment_core::{Gate, usd};
//! use payment_tower::GateExt;
//! use payment_tower::axum::Paid;
//!
//! let gate = Gate::new(protocol);
//! let app: Router = Router::new()
//!     .route("/weather", get(weather).layer(gate.priced(usd!("0.01"))?))
//!     .route("/health", get(|| async { "well" }));
//!
//! async fn weather(Paid(paid): Paid) -> String {
//!     format!("sunny, for {} units", paid.amount())
//! }
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! Sellers who keep their prices in one place put a table in front of all of it instead. What is not
//! in the table is free, so the layer on the route is the first choice; see
//! [`RouteTable`](payment_core::RouteTable) for its keys, and for what it makes of odd spellings:
//!
//! ```
//! # fn main() {}
//! # #[cfg(feature = "axum")]
//! # fn app<P: payment_core::PaymentProtocol>(protocol: P) -> Result<(), payment_core::ConfigError> {
//! use axum::{Router, routing::get};
//! use payment_core::{Gate, usd};
//! use payment_tower::PaymentLayer;
//!
//! let table = Gate::new(protocol)
//!     .table()
//!     .route("GET /weather/:city", usd!("0.01"))?
//!     .route("/reports/*", usd!("0.05"))?
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/weather/{city}", get(|| async { "sunny" }))
//!     .route("/reports/{*name}", get(|| async { "all is well" }))
//!     .route("/health", get(|| async { "well" }))
//!     .layer(PaymentLayer::new(table));
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The rules:
//!
//! - The layer stands on the route, so that no pattern decides what is paid: every method that
//!   reaches the layer is priced, `HEAD` and `OPTIONS` included. Only a CORS preflight is free, and
//!   it is answered without the handler; [`Cors`](payment_core::Cors) says what pages may do.
//! - Not a byte of the response leaves before the payment is settled. Routes that stream or
//!   upgrade settle first: see [`Timing`](payment_core::Timing). Server-sent events may be paid one
//!   by one while they leave, on a route priced by the unit: see [`Sse`].
//! - A price may be read from the body: see [`ReadBody`] and [`GateExt::priced_by_body`].
//! - Receipts come from the gate alone; what a handler or a proxied upstream set under their names
//!   is removed.
//! - A settlement once begun goes on when the client is gone. It needs the tokio runtime that the
//!   request was polled on to live until it is done: drain connections before shutting it down.

#[cfg(feature = "axum")]
pub mod axum;
mod body;
mod future;
mod gather;
mod head;
mod held;
mod layer;
mod read_body;
mod reply;
mod service;
mod spawn;
mod sse;

pub use body::PaymentBody;
pub use future::ResponseFuture;
pub use layer::{BodyPriced, GateExt, PaymentLayer};
pub use read_body::{ReadBody, ReadBodyFuture, ReadBodyService};
pub use service::PaymentService;
pub use spawn::TokioSpawn;
pub use sse::{Sse, SseBody};
