//! Attacks on sessions as a whole: axum routes behind a gate that takes vouchers, charges and
//! x402, real signatures, and the escrow on a real chain. Each test is named after a rule.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod answer;
mod basics;
mod closing;
mod decisions;
mod deposits;
mod exchange;
mod garbage;
mod hooks;
mod keys;
mod killing;
mod kitchen;
mod life;
#[allow(dead_code)]
#[path = "../../../payment-store/tests/file/support.rs"]
mod process;
mod purse;
mod shop;
#[allow(dead_code)]
#[path = "../gate/staff.rs"]
mod staff;
#[allow(dead_code)]
#[path = "../escrow/stage.rs"]
mod stage;
mod store;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod venues;
mod vouchers;
mod work;
