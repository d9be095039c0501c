//! A table of routes on real axum routers: whatever a router dispatches to a priced handler, it
//! has been paid for, at that handler's price.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, missing_docs)]

mod handlers;
mod offers;
mod paths;
mod reached;
mod rewriting;
mod shapes;
#[path = "../layer/till.rs"]
#[expect(dead_code, reason = "another test uses the rest")]
mod till;
