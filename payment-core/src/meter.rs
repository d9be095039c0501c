use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::{BoxFuture, Soon};

/// Counts what one request uses, where it is paid by use.
///
/// A handler whose response is a whole one [reports](Meter::report) the units; what it does not
/// report is paid as it was reserved. A handler that streams takes the [`Tab`], and each unit is
/// paid before it leaves.
#[derive(Clone)]
pub struct Meter(Arc<Gauge>);

struct Gauge {
    reported: AtomicBool,
    units: AtomicU64,
    streaming: AtomicBool,
    tab: Mutex<Option<Box<dyn Tab>>>,
}

impl Meter {
    /// A meter over this tab. For protocols.
    #[must_use]
    pub fn new(tab: impl Tab) -> Self {
        Self(Arc::new(Gauge {
            reported: AtomicBool::new(false),
            units: AtomicU64::new(0),
            streaming: AtomicBool::new(false),
            tab: Mutex::new(Some(Box::new(tab))),
        }))
    }

    /// Adds to the units that the request has used. More than was reserved for the request is
    /// never charged.
    pub fn report(&self, units: u64) {
        let add = |sum: u64| Some(sum.saturating_add(units));
        let _ = self
            .0
            .units
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        self.0.reported.store(true, Ordering::Release);
    }

    /// What was reported; `None` when nothing was.
    #[must_use]
    pub fn reported(&self) -> Option<u64> {
        let reported = self.0.reported.load(Ordering::Acquire);
        reported.then(|| self.0.units.load(Ordering::Acquire))
    }

    /// Turns the response into a stream that is paid unit by unit, instead of by what is
    /// reported. `None` when that was done before.
    #[must_use]
    pub fn stream(&self) -> Option<Box<dyn Tab>> {
        let mut tab = self.0.tab.lock().unwrap_or_else(PoisonError::into_inner);
        let tab = tab.take()?;
        self.0.streaming.store(true, Ordering::Release);
        Some(tab)
    }

    /// Whether the response is a stream that is paid unit by unit.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.0.streaming.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("reported", &self.reported())
            .field("streaming", &self.is_streaming())
            .finish_non_exhaustive()
    }
}

/// Pays for a stream while it runs. Dropping it ends the stream; what was charged stays charged.
///
/// For each unit it is asked [`covers`](Self::covers), then the handler makes the unit, then it is
/// asked to [`charge`](Self::charge), then the unit leaves. So nothing is made that can't be paid,
/// and nothing is charged that was never made.
///
/// Nothing is asked of it before the payment it came with is settled, unless something between the
/// handler and the gate reads the response: it answers [`Short::Ended`] then.
pub trait Tab: Send + Sync + 'static {
    /// Whether the next units could be charged now. Takes nothing, and may answer from what was
    /// seen last: the charge decides.
    fn covers(&mut self, units: u64) -> Soon<'_, Result<(), Short>>;

    /// Takes the cost of the next units. They may leave once it is `Ok`, and not before.
    fn charge(&mut self, units: u64) -> Soon<'_, Result<(), Short>>;

    /// Waits until what fell short may be covered, or for no reason. Whatever changed since
    /// `covers` or `charge` said so is noticed. A change made by another process may not be: ask
    /// again from time to time.
    fn changed(&mut self) -> BoxFuture<'_, ()>;

    /// Whether there may be more of the stream. Asked from time to time while the handler makes an
    /// event, so that a stream that is over ends however long that takes. Takes nothing.
    fn lasts(&mut self) -> Soon<'_, bool> {
        Soon::now(true)
    }

    /// Ends the stream; answers the receipt as JSON, where there is one to show.
    fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>>;
}

/// Why the next units of a stream can't leave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Short {
    /// The buyer must authorize more: JSON that tells how much, for the event
    /// `payment-need-voucher`.
    NeedVoucher(Bytes),
    /// There will be no more: the channel is closing, another stream has taken over, or the books
    /// can't be kept.
    Ended,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    struct Free;

    impl Tab for Free {
        fn covers(&mut self, _: u64) -> Soon<'_, Result<(), Short>> {
            Soon::now(Ok(()))
        }

        fn charge(&mut self, _: u64) -> Soon<'_, Result<(), Short>> {
            Soon::now(Ok(()))
        }

        fn changed(&mut self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }

        fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>> {
            Box::pin(std::future::ready(None))
        }
    }

    #[test]
    fn reports_add_up_and_none_is_not_zero() {
        let meter = Meter::new(Free);
        assert_eq!(meter.reported(), None);
        meter.report(0);
        assert_eq!(meter.reported(), Some(0));
        meter.clone().report(3);
        meter.report(u64::MAX);
        assert_eq!(meter.reported(), Some(u64::MAX));
    }

    #[test]
    fn a_tab_is_taken_once() {
        let meter = Meter::new(Free);
        assert!(!meter.is_streaming());
        assert!(meter.clone().stream().is_some());
        assert!(meter.stream().is_none());
        assert!(meter.is_streaming());
    }
}
