//! Vouchers of payment channels beside the bare curve, in one run on one core.
//!
//! - Time and allocations of one paid request, from the header to the response that may leave:
//!   `RouteGate::admit` and `Job::run`, with channels in memory. No framework, no network.
//! - Every turn is followed by one of the curve operation that the request can't do without, and
//!   what is printed are medians of the turns, so that a busy machine changes both alike.
//! - Vouchers are signed before anything is timed. Every outcome is checked; no time is.
//! - What a million open channels take in memory.
//!
//! `--quick` takes a few turns only. `--only <part of a name>` measures the cases of that name,
//! for a profiler.

mod million;
mod shop;
mod table;
mod voucher;

use tollgate_benches::Failure;
use tollgate_benches::curve::Curve;

/// How many turns are taken, and how long they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Turns of a case, each beside one of the curve.
    pub(crate) turns: usize,
    /// Requests of a turn.
    pub(crate) batch: usize,
    /// Channels in memory.
    pub(crate) channels: u64,
}

const FULL: Pace = Pace {
    turns: 301,
    batch: 16,
    channels: 1_000_000,
};

const QUICK: Pace = Pace {
    turns: 41,
    batch: 8,
    channels: 50_000,
};

fn main() -> Result<(), Failure> {
    let pace = match std::env::args().any(|arg| arg == "--quick") {
        true => QUICK,
        false => FULL,
    };
    let only = std::env::args().skip_while(|arg| arg != "--only").nth(1);
    let curve = Curve::new(pace.batch)?;
    let mut cases = voucher::cases(pace, only.as_deref())?;
    let measured = cases.iter_mut().map(|case| case.measure(&curve, pace));
    let measured = measured.collect::<Result<Vec<_>, _>>()?;
    table::print_vouchers(&cases, &measured);
    if only.is_none() {
        table::print_million(&million::measure(pace.channels)?);
    }
    Ok(())
}
