//! The shop as a user starts it: a process, its environment, and what it says.
#![allow(clippy::unwrap_used)]

mod account;
mod killed;
mod process;
mod purchases;
mod settings;
mod stand_in;

/// Base units.
const PRICE: u128 = 10_000;
const CALL: u128 = 1_000;
const PARTNERS: u128 = 3_000;
