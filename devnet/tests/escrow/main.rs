//! The payment-channel escrow on the real machine: every function, refusal and event, the ids and
//! digests of the vectors, and attacks. Each test is named after a rule of the contract.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod abi;
mod stage;
