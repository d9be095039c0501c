//! The stand-in for OKX's payment service: that it takes what the protocol allows, moves the money
//! it says it moves, and refuses everything else with the right code.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod batches;
mod charges;
mod exact;
mod faults;
mod published;
mod sessions;
mod signing;
mod stage;
