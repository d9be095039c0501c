//! MPP charges and sessions that OKX settles, as a whole: axum routes behind a gate, real
//! signatures, and OKX's SA-API stood in for over a socket, settling on a real chain. Each test is
//! named after a rule.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod answer;
mod attacks;
mod both;
mod charge_faults;
mod charges;
mod client;
mod crowds;
mod faults;
mod kitchen;
mod life;
mod purse;
mod restart;
mod secrecy;
mod session_faults;
mod shop;
