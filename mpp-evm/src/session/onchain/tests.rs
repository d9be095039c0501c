//! The contract on a real chain, by real signatures.
#![allow(clippy::unwrap_used)]

mod deposits;
mod payouts;
mod trust;
