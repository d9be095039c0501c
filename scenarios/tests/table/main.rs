//! The table: rows of requests and replies, on axum, on hyper alone and on actix.
//!
//! A row says in full what a buyer reads, and what it does to money; each stack is held to that,
//! and so to the others. To add one, write it into [`rows`], or a list of its own beside it.
#![allow(clippy::unwrap_used)]

mod at_once;
mod connections;
mod expected;
mod hanging_up;
mod panics;
mod paths;
mod rows;
mod run;
mod shops;
