//! The table: rows of requests and replies, on axum, on hyper alone and on actix.
//!
//! A row says in full what a buyer reads, and what it does to money; each stack is held to that,
//! and so to the others. To add one, write it into a file of [`rows`]. What a row can't say, because
//! it goes away, sends by hand, or is not answered by all in the same way, is a test of its own.
#![allow(clippy::unwrap_used)]

mod answers;
mod at_once;
mod by_body;
mod connections;
mod expected;
mod hanging_up;
mod http2;
mod in_progress;
mod limits;
mod panics;
mod paths;
mod raw;
mod refunds;
mod rows;
mod run;
mod shops;
mod streams;
