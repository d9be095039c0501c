//! The store of files: what every store does, records of others, and processes that die.

#![allow(clippy::unwrap_used)]

mod killed;
mod records;
mod support;
mod together;
