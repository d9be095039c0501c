//! Exact payments at a gate: real signatures, a facilitator that says yes.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod attacks;
#[path = "../support/shop.rs"]
#[allow(dead_code)]
mod shop;
