//! Benchmarks: the gate beside a bare handler, and vouchers beside the bare curve. Run by
//! `cargo bench -p tollgate-benches`; one of them by `--bench gate` or `--bench sessions`.

pub mod curve;
pub mod number;
pub mod session;

use std::error::Error;

/// Whatever kept a benchmark from being run.
pub type Failure = Box<dyn Error + Send + Sync>;
