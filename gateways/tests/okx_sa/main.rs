//! MPP on OKX's SA-API, against a server that answers by a script: what it says, and what it can
//! not make us believe.
#![cfg(feature = "okx")]
#![allow(clippy::unwrap_used, unreachable_pub)]

mod charges;
mod deposits;
mod payouts;
mod scene;
mod secrecy;
mod server;
mod signers;
mod wire;
