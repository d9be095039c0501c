//! A stand-in for OKX's payment service: its x402 facilitator (`/api/v6/pay/x402`) and its SA-API
//! for MPP (`/api/v6/pay/mpp`) on 127.0.0.1, behind OKX's authentication, settling on the chain.
//!
//! - It is written from the published protocol and not from the client it tests.
//! - The contracts decide what is valid; money moves as it would.
//! - It is strict: what the protocol does not allow is refused, with OKX's own code or reason.
//! - It is honest until [`Okx::order`] says what happens to the next request of a kind.
//!
//! [`Devnet::x_layer`](crate::Devnet::x_layer) makes the chain it expects: id 196, USD₮0, and the
//! escrow at OKX's address.

mod account;
mod answer;
mod authorization;
mod batch;
mod book;
mod builder;
mod call;
mod challenge;
mod channel;
mod charge;
mod desk;
mod facilitator;
mod field;
mod payment;
mod refusal;
mod server;
mod session;
mod session_key;

pub use account::OkxAccount;
pub use batch::Landing;
pub use builder::{Codes, OkxBuilder, Repeats};
pub use call::{Call, Endpoint};
pub use server::Okx;
pub use session_key::SessionBuyer;

pub use crate::script::{Act, Change};
