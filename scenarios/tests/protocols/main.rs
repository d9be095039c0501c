//! The real protocols on a real chain, bought from on each stack: the same journey reads the same,
//! but for what names a transaction.
#![allow(clippy::unwrap_used)]

mod buyer;
mod journey;
mod prices;
mod seller;
