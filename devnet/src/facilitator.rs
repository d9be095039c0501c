//! A facilitator over the chain, for tests: honest until it is told otherwise.
//!
//! It is written from the protocol and not from the client it tests: requests are read as plain
//! JSON, the contract alone decides what is valid, and whatever the script says happens to the
//! answer after (or instead of) the work.

mod call;
mod exact;
mod server;

pub use call::{Call, Route};
pub use server::Facilitator;

pub use crate::script::{Act, Change};
