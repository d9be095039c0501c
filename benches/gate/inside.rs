//! Calls of the app in process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocation_counter::opt_out;
use alloy_primitives::B256;
use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use payment_evm::{EvmSignature, LocalSigner};
use tokio::runtime::Runtime;
use tower::Service;

use crate::cases::{Case, Cases};
use crate::{Failure, Pace};
use tollgate_benches::number::{each, less, median, quiet, thousandths};

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

/// Sends a request and reads the whole response.
pub(crate) async fn answer(mut app: Router, request: Request<Body>) -> StatusCode {
    call(&mut app, request).await
}

async fn call(app: &mut Router, request: Request<Body>) -> StatusCode {
    let Ok(response) = Service::call(app, request).await;
    let (head, mut body) = response.into_parts();
    while let Some(Ok(frame)) = body.frame().await {
        black_box(frame);
    }
    head.status
}

/// Signature recovery alone, in picoseconds.
pub(crate) struct Curve {
    digests: Vec<(B256, EvmSignature)>,
    pub(crate) time: u64,
}

impl Curve {
    fn turn(&self) -> Result<u64, Failure> {
        let start = Instant::now();
        for (digest, signature) in &self.digests {
            black_box(signature.recover(black_box(digest))?);
        }
        Ok(each(start.elapsed(), self.digests.len()))
    }
}

/// Signs digests to recover, and measures that alone.
pub(crate) fn curve(pace: Pace) -> Result<Curve, Failure> {
    let signer = LocalSigner::random()?;
    let mut digests = Vec::with_capacity(pace.curve_batch);
    for _ in 0..pace.curve_batch {
        let digest = payment_evm::random_word()?;
        digests.push((digest, signer.sign(&digest)?));
    }
    let curve = Curve { digests, time: 0 };
    let turns = (0..pace.turns).map(|_| curve.turn());
    let time = median(turns.collect::<Result<Vec<_>, _>>()?);
    Ok(Curve { time, ..curve })
}

/// Measures every case, in turns with the bare handler.
pub(crate) fn measure(
    runtime: &Runtime,
    cases: &mut Cases,
    pace: Pace,
) -> Result<Vec<Inside>, Failure> {
    let curve = curve(pace)?;
    let Cases { bare, all } = cases;
    let mut measured = Vec::with_capacity(all.len());
    for case in all {
        measured.push(beside(runtime, bare, case, &curve, pace)?);
    }
    Ok(measured)
}

fn beside(
    runtime: &Runtime,
    bare: &mut Case,
    case: &mut Case,
    curve: &Curve,
    pace: Pace,
) -> Result<Inside, Failure> {
    let batch = if case.has_curve {
        pace.curve_batch
    } else {
        pace.batch
    };
    for _ in 0..WARM {
        turn(runtime, bare, 1)?;
        turn(runtime, case, 1)?;
    }
    let (bare_allocations, allocations) =
        (allocations(runtime, bare)?, allocations(runtime, case)?);
    let mut turns = Vec::with_capacity(pace.turns);
    for _ in 0..pace.turns {
        let bare = turn(runtime, bare, pace.batch)?;
        // The curve is measured close by, because it is nearly all of what it is taken from.
        let curve = if case.has_curve { curve.turn()? } else { 0 };
        turns.push((bare, turn(runtime, case, batch)?, curve));
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
        without_curve: case.has_curve.then(|| {
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

/// Time of one request, of so many. Requests are made, and answers looked at, outside of it.
fn turn(runtime: &Runtime, case: &mut Case, batch: usize) -> Result<u64, Failure> {
    let requests = (0..batch).map(|_| case.request());
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::with_capacity(batch);
    let app = &mut case.app;
    let mut took = Duration::ZERO;
    // Counting is off, because it takes time itself.
    opt_out(|| {
        took = runtime.block_on(async {
            let start = Instant::now();
            for request in requests {
                answers.push(call(app, request).await);
            }
            start.elapsed()
        });
    });
    answers.iter().try_for_each(|status| case.check(*status))?;
    Ok(each(took, batch))
}

/// Allocations of one request. A median, since a map that grows now and then is not counted.
fn allocations(runtime: &Runtime, case: &mut Case) -> Result<u64, Failure> {
    let mut counts = Vec::with_capacity(COUNTED);
    for _ in 0..COUNTED {
        let request = case.request()?;
        let mut status = StatusCode::default();
        let app = &mut case.app;
        let info = allocation_counter::measure(|| status = runtime.block_on(call(app, request)));
        case.check(status)?;
        counts.push(info.count_total);
    }
    Ok(median(counts))
}
