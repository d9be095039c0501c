//! Clients of hosted payment services, a feature and a folder each.
//!
//! - `okx`: OKX's x402 facilitator (`exact`, `aggr_deferred`), and its SA-API as what settles MPP
//!   charges and sessions.
//!
//! Nothing here runs without its feature, and none of them brings a chain stack.

#[cfg(feature = "okx")]
pub mod okx;
