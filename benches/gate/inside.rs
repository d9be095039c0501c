//! Calls of the app in process.

use tollgate_benches::Failure;
use tollgate_benches::curve::{Curve, Operation};
use tollgate_benches::number::{each, less, median, quiet, thousandths};

use crate::Pace;
use crate::cases::{Case, Cases};

/// Requests whose allocations are counted, one by one.
pub(crate) const COUNTED: usize = 33;
/// Requests before anything is measured.
pub(crate) const WARM: usize = 8;

/// One case beside the bare handler. Times in picoseconds, of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inside {
    pub(crate) bare: u64,
    pub(crate) time: u64,
    /// The bare handler's time in thousandths of this one's: requests a second beside it.
    pub(crate) ratio: u64,
    /// What the bare handler does not take.
    pub(crate) beyond: i64,
    /// What remains without the curve, by the quiet tenth of the turns: all, and what the bare
    /// handler does not take.
    pub(crate) without_curve: Option<(i64, i64)>,
    pub(crate) allocations: u64,
    pub(crate) bare_allocations: u64,
}

/// Measures every case, in turns with the bare handler.
pub(crate) fn measure(
    cases: &mut Cases,
    curve: &Curve,
    pace: Pace,
) -> Result<Vec<Inside>, Failure> {
    let Cases { bare, all, .. } = cases;
    let measured = all.iter_mut().map(|case| beside(bare, case, curve, pace));
    measured.collect()
}

/// One operation on the curve alone, in picoseconds.
pub(crate) fn alone(curve: &Curve, operation: Operation, pace: Pace) -> Result<u64, Failure> {
    let turns = (0..pace.turns).map(|_| curve.turn(operation));
    Ok(median(turns.collect::<Result<Vec<_>, _>>()?))
}

fn beside(bare: &mut Case, case: &mut Case, curve: &Curve, pace: Pace) -> Result<Inside, Failure> {
    let batch = if case.kind.has_curve() {
        pace.curve_batch
    } else {
        pace.batch
    };
    for _ in 0..WARM {
        turn(bare, 1)?;
        turn(case, 1)?;
    }
    let (bare_allocations, allocations) = (allocations(bare)?, allocations(case)?);
    let mut turns = Vec::with_capacity(pace.turns);
    for _ in 0..pace.turns {
        let bare = turn(bare, pace.batch)?;
        // The curve is measured close by, because it is nearly all of what it is taken from.
        let curve = curve.turn(case.kind.curve)?;
        turns.push((bare, turn(case, batch)?, curve));
    }
    let turns = turns.as_slice();
    Ok(Inside {
        bare: median(turns.iter().map(|(bare, ..)| *bare)),
        time: median(turns.iter().map(|(_, time, _)| *time)),
        ratio: median(
            turns
                .iter()
                .map(|(bare, time, _)| thousandths(*bare, *time)),
        ),
        beyond: median(turns.iter().map(|(bare, time, _)| less(*time, *bare))),
        without_curve: case.kind.has_curve().then(|| {
            // The curve takes nearly all of the time: the difference of two turns would say more
            // about what else the machine did.
            let all = less(
                quiet(turns.iter().map(|(_, time, _)| *time)),
                quiet(turns.iter().map(|(.., curve)| *curve)),
            );
            (
                all,
                all - less(quiet(turns.iter().map(|(bare, ..)| *bare)), 0),
            )
        }),
        allocations,
        bare_allocations,
    })
}

/// Time of one request, of so many.
fn turn(case: &mut Case, batch: usize) -> Result<u64, Failure> {
    let asked = case.batch(batch)?;
    let (answers, took) = case.app.timed(&asked)?;
    answers.iter().try_for_each(|status| case.check(*status))?;
    Ok(each(took, batch))
}

/// Allocations of one request. A median, since a map that grows now and then is not counted.
fn allocations(case: &mut Case) -> Result<u64, Failure> {
    let mut counts = Vec::with_capacity(COUNTED);
    for _ in 0..COUNTED {
        let asked = case.next()?;
        let (status, count) = case.app.counted(&asked)?;
        case.check(status)?;
        counts.push(count);
    }
    Ok(median(counts))
}
