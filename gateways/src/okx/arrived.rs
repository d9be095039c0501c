use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use payment_core::Timestamp;

/// Deposits that have come into their channels, by what was used up for them: a nonce, or a
/// transaction. Good to know, no more: where there is no room they are forgotten.
#[derive(Clone, Default)]
pub(super) struct Arrived(Arc<Mutex<HashMap<B256, Timestamp>>>);

/// Deposits that are remembered at once.
const MANY: usize = 4096;

impl Arrived {
    /// This one has.
    pub(super) fn note(&self, key: B256, now: Timestamp, until: Timestamp) {
        let mut arrived = self.lock();
        if arrived.len() >= MANY {
            arrived.retain(|_, until| *until > now);
        }
        if arrived.len() < MANY {
            arrived.insert(key, until);
        }
    }

    /// Whether this one is known to have.
    pub(super) fn has(&self, key: B256, now: Timestamp) -> bool {
        self.lock().get(&key).is_some_and(|until| *until > now)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<B256, Timestamp>> {
        // Nothing under the lock panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const SOON: Timestamp = Timestamp::from_seconds(2_000);

    #[test]
    fn what_has_arrived_is_known_until_it_runs_out_and_takes_bounded_room() {
        let arrived = Arrived::default();
        let key = |n: usize| B256::left_padding_from(&n.to_be_bytes());
        assert!(!arrived.has(key(0), NOW));
        for n in 0..=MANY {
            arrived.note(key(n), NOW, SOON);
        }
        assert_eq!(arrived.lock().len(), MANY);
        assert!(arrived.has(key(0), NOW) && !arrived.has(key(0), SOON));
        assert!(!arrived.has(key(MANY), NOW));
        // Room is made by what has run out.
        arrived.note(
            key(MANY),
            SOON,
            SOON.plus(std::time::Duration::from_secs(1)),
        );
        assert!(arrived.has(key(MANY), SOON));
        assert_eq!(arrived.lock().len(), 1);
    }
}
