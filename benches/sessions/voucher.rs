//! Requests that a voucher pays for.

use std::time::{Duration, Instant};

use allocation_counter::opt_out;
use http::request::Parts;
use payment_core::Outcome;
use tollgate_benches::Failure;
use tollgate_benches::curve::{Curve, Operation};
use tollgate_benches::number::{each, less, median, quiet, thousandths};

use crate::Pace;
use crate::shop::{PRICE, Shop, Sunny, head};

/// Requests whose allocations are counted, one by one.
const COUNTED: usize = 33;
/// Requests before anything is measured.
const WARM: usize = 8;

/// One kind of request, and the operation it can't do without.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) aim: &'static str,
    shop: Shop,
    operation: Operation,
    /// Used from the end.
    heads: Vec<Parts>,
}

/// Times in picoseconds, of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) time: u64,
    /// The bare operation.
    pub(crate) curve: u64,
    /// The request in thousandths of the operation.
    pub(crate) ratio: u64,
    /// What the operation does not take, by the quiet tenth of the turns.
    pub(crate) beyond: i64,
    pub(crate) allocations: u64,
    pub(crate) bytes: u64,
}

/// The kinds of voucher requests whose name has this part, each with channels of its own.
pub(crate) fn cases(pace: Pace, only: Option<&str>) -> Result<Vec<Case>, Failure> {
    let count = WARM + COUNTED + pace.turns * pace.batch;
    let kinds: [(&str, Prepare); 3] = [(FIRST, first), (LATER, later), (AGAIN, again)];
    let wanted = |name: &str| only.is_none_or(|part| name.contains(part));
    let kinds = kinds.into_iter().filter(|(name, _)| wanted(name));
    kinds.map(|(_, prepare)| prepare(count)).collect()
}

type Prepare = fn(usize) -> Result<Case, Failure>;

const FIRST: &str = "first voucher of a channel";
const LATER: &str = "later voucher";
const AGAIN: &str = "the same voucher again";

/// Each voucher is the first of its channel.
fn first(count: usize) -> Result<Case, Failure> {
    let shop = Shop::new()?;
    let wallet = shop.wallet()?;
    let one = |_| head(Some(&wallet.voucher(shop.channel(&wallet)?, PRICE)?));
    Ok(Case {
        name: FIRST,
        aim: "<= 1.150 of recovery",
        operation: Operation::Recover,
        heads: (0..count).map(one).collect::<Result<_, Failure>>()?,
        shop,
    })
}

/// The vouchers of one channel, each for one request more.
fn later(count: usize) -> Result<Case, Failure> {
    let shop = Shop::new()?;
    let wallet = shop.wallet()?;
    let id = shop.channel(&wallet)?;
    let voucher = |at: usize| head(Some(&wallet.voucher(id, PRICE * at as u128)?));
    serve(&shop, &voucher(1)?)?;
    Ok(Case {
        name: LATER,
        aim: "<= 1.150 of verification",
        operation: Operation::Verify,
        heads: (2..count + 2)
            .rev()
            .map(voucher)
            .collect::<Result<_, Failure>>()?,
        shop,
    })
}

/// One voucher that covers all requests, with each of them.
fn again(count: usize) -> Result<Case, Failure> {
    let shop = Shop::new()?;
    let wallet = shop.wallet()?;
    let id = shop.channel(&wallet)?;
    let voucher = wallet.voucher(id, PRICE * (count as u128 + 1))?;
    serve(&shop, &head(Some(&voucher))?)?;
    if shop.voucher(id)?.is_none() {
        return Err("the voucher is not in the books".into());
    }
    Ok(Case {
        name: AGAIN,
        aim: "no curve operation",
        operation: Operation::Nothing,
        heads: (0..count)
            .map(|_| head(Some(&voucher)))
            .collect::<Result<_, Failure>>()?,
        shop,
    })
}

fn serve(shop: &Shop, head: &Parts) -> Result<(), Failure> {
    check(&shop.ask(head)?)
}

/// Served, with a receipt.
fn check(outcome: &Outcome<Sunny>) -> Result<(), Failure> {
    match outcome {
        Outcome::Served { stamps, .. } if stamps.len() == 1 => Ok(()),
        other => Err(format!("not served: {other:?}").into()),
    }
}

impl Case {
    pub(crate) fn measure(&mut self, curve: &Curve, pace: Pace) -> Result<Measured, Failure> {
        for _ in 0..WARM {
            self.turn(1)?;
            curve.turn(self.operation)?;
        }
        let (allocations, bytes) = self.allocations()?;
        let mut turns = Vec::with_capacity(pace.turns);
        for _ in 0..pace.turns {
            turns.push((self.turn(pace.batch)?, curve.turn(self.operation)?));
        }
        let (times, curves) = (
            turns.iter().map(|(time, _)| *time),
            turns.iter().map(|(_, curve)| *curve),
        );
        Ok(Measured {
            time: median(times.clone()),
            curve: median(curves.clone()),
            ratio: median(turns.iter().map(|(time, curve)| thousandths(*time, *curve))),
            beyond: less(quiet(times), quiet(curves)),
            allocations,
            bytes,
        })
    }

    fn next(&mut self) -> Result<Parts, Failure> {
        let head = self.heads.pop();
        head.ok_or_else(|| format!("{}: all vouchers are used up", self.name).into())
    }

    /// Time of one request, of so many. Outcomes are looked at outside of it.
    fn turn(&mut self, batch: usize) -> Result<u64, Failure> {
        let heads = (0..batch).map(|_| self.next());
        let heads = heads.collect::<Result<Vec<_>, _>>()?;
        let mut outcomes = Vec::with_capacity(batch);
        let mut took = Duration::ZERO;
        // Counting is off, because it takes time itself.
        opt_out(|| {
            let start = Instant::now();
            for head in &heads {
                outcomes.push(self.shop.ask(head));
            }
            took = start.elapsed();
        });
        for outcome in outcomes {
            check(&outcome?)?;
        }
        Ok(each(took, batch))
    }

    /// Allocations of one request and their bytes. Medians, since a map that grows now and then
    /// is not counted.
    fn allocations(&mut self) -> Result<(u64, u64), Failure> {
        let mut counts = Vec::with_capacity(COUNTED);
        let mut bytes = Vec::with_capacity(COUNTED);
        for _ in 0..COUNTED {
            let head = self.next()?;
            let mut outcome = None;
            let info = allocation_counter::measure(|| outcome = Some(self.shop.ask(&head)));
            check(&outcome.ok_or("not asked")??)?;
            counts.push(info.count_total);
            bytes.push(info.bytes_total);
        }
        Ok((median(counts), median(bytes)))
    }
}
