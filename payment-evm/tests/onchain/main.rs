//! Settlement against a real chain.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod authorizations;
mod outcomes;
mod permits;
mod scene;
mod transport;
