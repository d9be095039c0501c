//! The gate beside a bare handler, in one run.
//!
//! - In process: one call of the axum app after the other on a current-thread runtime. Time and
//!   allocations of one request, and what of them a bare handler does not have.
//! - Over loopback: `axum::serve` on a thread of its own, a few kept-alive connections.
//! - Every case is measured in short turns with the bare handler, and what is printed are medians
//!   of the turns, so that a busy machine changes both sides alike.
//! - Credentials are signed before anything is timed, and each is used once. The answer of every
//!   request is checked; no time is.
//!
//! `--quick` takes a few turns only. `--only <part of a name>` measures the cases of that name in
//! process, for a profiler.

mod cases;
mod inside;
mod loopback;
mod shop;
mod table;
mod till;
mod wallet;

use std::error::Error;

use crate::cases::Cases;

/// Whatever kept a benchmark from being run.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How many turns are taken, and how long they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Turns of a case in process, each beside one of the bare handler.
    pub(crate) turns: usize,
    /// Requests of a turn in process.
    pub(crate) batch: usize,
    /// The same for cases with a curve operation, which take as long with fewer.
    pub(crate) curve_batch: usize,
    /// Turns of a case over loopback.
    pub(crate) loopback_turns: usize,
    /// Requests of a turn over loopback.
    pub(crate) loopback_batch: usize,
    /// The same for cases with a curve operation.
    pub(crate) loopback_curve_batch: usize,
}

const FULL: Pace = Pace {
    turns: 301,
    batch: 128,
    curve_batch: 8,
    loopback_turns: 41,
    loopback_batch: 800,
    loopback_curve_batch: 80,
};

const QUICK: Pace = Pace {
    turns: 21,
    batch: 128,
    curve_batch: 8,
    loopback_turns: 5,
    loopback_batch: 400,
    loopback_curve_batch: 40,
};

fn main() -> Result<(), Failure> {
    let pace = match std::env::args().any(|arg| arg == "--quick") {
        true => QUICK,
        false => FULL,
    };
    let only = std::env::args().skip_while(|arg| arg != "--only").nth(1);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut cases = Cases::new(&runtime, pace)?;
    if let Some(part) = &only {
        cases.all.retain(|case| case.name.contains(part.as_str()));
    }
    let curve = inside::curve(pace)?;
    let inside = inside::measure(&runtime, &mut cases, pace)?;
    table::print_inside(&cases, &curve, &inside);
    if only.is_some() {
        return Ok(());
    }
    let loopback = loopback::measure(&mut cases, pace)?;
    table::print_loopback(&cases, &loopback);
    Ok(())
}
