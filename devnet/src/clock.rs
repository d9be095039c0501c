use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a chain reads the time: seconds since the Unix epoch. It is called while the chain is
/// locked, so it may not ask the chain anything.
pub type TimeSource = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's own clock.
pub(crate) fn system_time() -> TimeSource {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs()
    })
}

/// The time of a chain: a source, and how far ahead of it the chain has been moved.
pub(crate) struct ChainClock {
    source: TimeSource,
    ahead: i128,
    /// What the next block must carry, once.
    pinned: Option<u64>,
    /// Time of the latest block: a chain's time never runs backwards.
    floor: u64,
}

impl ChainClock {
    pub(crate) fn new(source: TimeSource) -> Self {
        Self {
            source,
            ahead: 0,
            pinned: None,
            floor: 0,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        let moved = i128::from((self.source)()) + self.ahead;
        let moved = u64::try_from(moved.max(0)).unwrap_or(u64::MAX);
        self.pinned.unwrap_or(moved).max(self.floor)
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead += i128::from(by.as_secs());
        if let Some(pinned) = &mut self.pinned {
            *pinned = pinned.saturating_add(by.as_secs());
        }
    }

    /// Sets the time the next block carries; time runs on from there. `Err` holds the latest
    /// block's time, which may not be undercut.
    pub(crate) fn pin(&mut self, time: u64) -> Result<(), u64> {
        if time < self.floor {
            return Err(self.floor);
        }
        self.ahead = i128::from(time) - i128::from((self.source)());
        self.pinned = Some(time);
        Ok(())
    }

    /// A block of this time was mined.
    pub(crate) fn mined_at(&mut self, time: u64) {
        self.floor = time;
        self.pinned = None;
    }
}

impl fmt::Debug for ChainClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainClock")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn clock_at(start: u64) -> (Arc<AtomicU64>, ChainClock) {
        let hand = Arc::new(AtomicU64::new(start));
        let source = Arc::clone(&hand);
        (
            hand,
            ChainClock::new(Arc::new(move || source.load(Ordering::SeqCst))),
        )
    }

    #[test]
    fn blocks_never_run_backwards() {
        let (hand, mut clock) = clock_at(100);
        clock.mined_at(clock.now());
        hand.store(90, Ordering::SeqCst);
        assert_eq!(clock.now(), 100);
    }

    #[test]
    fn pinned_time_holds_for_one_block_and_time_runs_on_from_it() {
        let (hand, mut clock) = clock_at(100);
        clock.pin(500).unwrap();
        hand.store(103, Ordering::SeqCst);
        assert_eq!(clock.now(), 500);
        clock.mined_at(500);
        assert_eq!(clock.now(), 503);
        assert_eq!(clock.pin(499), Err(500));
    }

    #[test]
    fn advance_adds_to_the_source() {
        let (_, mut clock) = clock_at(100);
        clock.advance(Duration::from_secs(11));
        assert_eq!(clock.now(), 111);
    }
}
