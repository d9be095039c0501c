//! A route of x402, MPP and a protocol of somebody else's, with real signatures, a facilitator and
//! a chain: what is taken, and what a request may not do to any of them.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod coupon;
mod credentials;
mod market;
mod preferences;
