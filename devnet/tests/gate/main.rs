//! Attacks on whole services: axum routes behind a gate, both protocols, real signatures, a real
//! chain, and a handler that counts its runs. Each test is named after a rule of the gate.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod answer;
mod basics;
mod binding;
mod departure;
mod garbage;
mod handlers;
mod hooks;
mod keys;
mod kitchen;
mod onchain;
mod outcomes;
mod outside;
mod permits;
mod purse;
mod rising;
mod secrecy;
mod shop;
mod single_use;
mod staff;
mod stepping;
mod store;
mod windows;
