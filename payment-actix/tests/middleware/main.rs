//! The middleware around services of actix. What all frameworks have in common is in the table of
//! `scenarios`; here is what only actix can do wrong.
#![allow(clippy::unwrap_used, missing_docs)]

mod bodies;
mod extracting;
mod failing;
mod heads;
mod holding;
mod shop;
mod wrapping;
