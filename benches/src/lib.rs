//! Benchmarks: the gate beside a bare handler. The one bench is `gate`, run by
//! `cargo bench -p tollgate-benches`.
