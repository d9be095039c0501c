//! x402 for axum in one dependency.
