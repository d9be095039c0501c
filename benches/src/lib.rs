//! Benchmarks: the gate beside a bare handler, and vouchers beside the bare curve. Run by
//! `cargo bench -p tollgate-benches`; one of them by `--bench gate` or `--bench sessions`.

pub mod number;
