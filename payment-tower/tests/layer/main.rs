//! The layer on real axum routers and bare services, with a protocol that a test can stop and
//! question.
#![allow(clippy::unwrap_used, missing_docs)]

mod answering;
mod caching;
mod disconnect;
#[cfg(feature = "axum")]
mod extractor;
mod holding;
#[cfg(feature = "axum")]
mod metering;
mod methods;
mod paying;
mod reading;
mod service;
mod till;
