//! The payment-channel escrow on the real machine: every function, refusal and event, the ids and
//! digests of the vectors, and attacks. Each test is named after a rule of the contract.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod abi;
mod conservation;
mod digests;
mod leaving;
mod opening;
mod paying;
mod raising;
mod signers;
mod stage;
mod tokens;
