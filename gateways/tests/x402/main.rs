//! Whole services whose x402 payments OKX settles: axum routes behind a gate, its stand-in over
//! HTTP, a real chain, and a handler that counts its runs. Each test is named after what holds
//! whatever OKX does.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod absence;
mod answer;
mod departure;
mod honest;
mod kitchen;
mod late;
mod purse;
mod races;
mod restart;
mod row;
mod secrecy;
mod settling;
mod shop;
mod status;
mod verifying;
mod words;
