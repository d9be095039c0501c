//! One shop on every framework: the same requests get the same replies, byte for byte.
//!
//! A [`Shop`] says what is sold and what its handlers do. A [`Stack`] opens it on a framework, and
//! takes [`Request`]s over a socket, so that what is compared is what a buyer reads. The tables are
//! in `tests/`: a row is a shop, requests, and the replies of all stacks.
//!
//! The [`Till`] is a protocol whose every answer is decided by the credential, so that nothing in a
//! reply is random.
#![allow(clippy::unwrap_used, reason = "for tests")]

mod actix;
mod axum;
mod bare;
mod front;
mod frugal;
mod handler;
mod message;
mod pieces;
mod shop;
mod stack;
mod till;

pub use actix::Actix;
pub use axum::Axum;
pub use bare::Bare;
pub use front::{Front, FrontGate};
pub use frugal::Frugal;
pub use handler::{Answer, Body, Handler};
pub use message::{Reply, Request};
pub use pieces::{Events, Piece, Pieces};
pub use shop::{Shelf, Shop};
pub use stack::{Here, Stack};
pub use till::{Manner, OURS, Protocol, RIVAL, Till, Totals};
