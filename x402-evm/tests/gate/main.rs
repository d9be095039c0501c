//! Payments at a gate: exact ones with real signatures and a facilitator that says yes, deferred
//! ones with a facilitator that knows whose session keys have signed.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod attacks;
mod deferred;
mod options;
mod prices;
#[path = "../support/shop.rs"]
#[allow(dead_code)]
mod shop;
