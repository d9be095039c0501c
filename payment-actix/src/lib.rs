//! The gate as a middleware of actix-web.
//!
//! ```
//! # fn main() {}
//! # fn shop<P: payment_core::PaymentProtocol>(protocol: P) -> Result<(), payment_core::ConfigError> {
//! use actix_web::{App, web};
//! use payment_actix::{GateExt, Paid};
//! use payment_core::{Gate, usd};
//!
//! let gate = Gate::new(protocol);
//! let priced = gate.priced(usd!("0.01"))?;
//! let app = move || {
//!     App::new()
//!         .service(web::resource("/weather").wrap(priced.clone()).get(weather))
//!         .route("/health", web::get().to(async || "well"))
//! };
//!
//! async fn weather(paid: Paid) -> String {
//!     format!("sunny, for {} units", paid.amount())
//! }
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! The rules:
//!
//! - What is wrapped is priced, whether it is an `App`, a scope, a resource or a route: every method
//!   that reaches it, `HEAD` and `OPTIONS` included. Only a CORS preflight is free, and it is
//!   answered without the handler.
//! - Make the middleware outside of the closure that makes the `App`, and clone it in there: all
//!   workers then know what was used.
//! - Not a byte of the response leaves before the payment is settled. Routes that stream or
//!   upgrade settle first: see [`Timing`](payment_core::Timing). Server-sent events may be paid one
//!   by one while they leave, on a route priced by the unit: see [`Meter::sse`].
//! - A handler that fails, by an error or by a status of 400 and above, is not paid.
//! - Where the price is read from the body, the body is read first, up to the limit of the pricing, and
//!   the handler reads the very bytes that were priced.
//! - Receipts come from the gate alone; what a handler set under their names is removed.
//! - Buyers are shown the path by which actix found the handler, in full inside of scopes, and with
//!   needless percent-encoding undone, as actix does it before it looks for a route.
//! - What rewrites paths, such as `NormalizePath`, goes around this middleware: wrap it later. A table
//!   of prices that stands outside of it would look up another path than the one that is served.
//! - Say `h1_allow_half_closed(false)` to the `HttpServer`: it then ends a handler whose client has
//!   gone away, and nothing is settled for it. As it is without, and over HTTP/2 always, actix runs
//!   handlers to their end for clients that are gone, and they are paid.
//! - A settlement once begun goes on when the client is gone. It needs the worker that the request
//!   came to to live until it is done: stop servers gracefully.

mod extract;
mod future;
mod gather;
mod head;
mod held;
mod middleware;
mod reply;
mod service;
mod spawn;
mod sse;
mod unserved;

pub use extract::{Meter, NotMetered, NotPriced, Paid};
pub use future::ResponseFuture;
pub use middleware::{GateExt, PaymentMiddleware};
pub use service::PaymentService;
pub use sse::{Sse, SseBody};
pub use unserved::Unserved;
