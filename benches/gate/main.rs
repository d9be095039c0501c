//! The gate beside a bare handler, in one run.
//!
//! - On axum and on actix-web, each beside its own bare handler.
//! - In process: one call of the app after the other on a current-thread runtime. Time and
//!   allocations of one request, and what of them a bare handler does not have.
//! - Over loopback: `axum::serve` on a thread, `HttpServer` with one worker, and a few kept-alive
//!   connections.
//! - Every case is measured in short turns with the bare handler, and what is printed are medians
//!   of the turns, so that a busy machine changes both sides alike.
//! - Credentials are signed before anything is timed, and each is used once. The answer of every
//!   request is checked; no time is.
//!
//! `--quick` takes a few turns only. `--only <part of a name>` measures the cases of that name in
//! process, for a profiler.

mod app;
mod asked;
mod cases;
mod inside;
mod loopback;
mod on_actix;
mod on_axum;
mod shop;
mod table;
mod till;
mod wallet;

use std::rc::Rc;

use tollgate_benches::Failure;
use tollgate_benches::curve::{Curve, Operation};

use crate::cases::Cases;
use crate::on_actix::ACTIX;
use crate::on_axum::AXUM;
use crate::shop::Shops;

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
    let runtime = Rc::new(tokio::runtime::Builder::new_current_thread().build()?);
    let (curve, shops) = (Curve::new(pace.curve_batch)?, Shops::new()?);
    table::print_curve(
        inside::alone(&curve, Operation::Recover, pace)?,
        inside::alone(&curve, Operation::Verify, pace)?,
    );
    let frameworks = [(AXUM, true), (ACTIX, false)];
    let on = |(framework, is_first)| {
        Cases::new(&runtime, &shops, framework, is_first, only.as_deref(), pace)
    };
    let mut on = frameworks
        .map(on)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    for cases in &mut on {
        let measured = inside::measure(cases, &curve, pace)?;
        table::print_inside(cases, &measured);
    }
    if only.is_some() {
        return Ok(());
    }
    for cases in &mut on {
        let measured = loopback::measure(cases, pace)?;
        table::print_loopback(cases, &measured);
    }
    Ok(())
}
