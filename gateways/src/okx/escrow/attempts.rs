use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use payment_core::Timestamp;

/// Calls that were begun and are not known to have ended, for as long as they may yet do something.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<B256, Attempt>>>);

#[derive(Clone, Copy)]
struct Attempt {
    /// What the channel held before.
    held: u128,
    until: Timestamp,
}

/// Attempts that are remembered at once.
const MANY: usize = 4096;

impl Attempts {
    /// Writes a call down before it is made: whoever makes it may stop half way. Says what the
    /// channel held before an earlier one of which the outcome is open.
    pub(super) fn begin(
        &self,
        key: B256,
        held: u128,
        now: Timestamp,
        until: Timestamp,
    ) -> Option<u128> {
        let mut attempts = self.lock();
        if let Some(earlier) = attempts.get_mut(&key)
            && earlier.until > now
        {
            earlier.until = until;
            return Some(earlier.held);
        }
        if attempts.len() >= MANY {
            attempts.retain(|_, attempt| attempt.until > now);
        }
        if attempts.len() >= MANY {
            // No room: what can't be remembered counts as tried before, so that no refusal is
            // taken for more than it is.
            return Some(held);
        }
        attempts.insert(key, Attempt { held, until });
        None
    }

    /// The outcome is known.
    pub(super) fn end(&self, key: B256) {
        self.lock().remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<B256, Attempt>> {
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
    fn what_is_open_is_remembered_until_it_ends_or_runs_out() {
        let attempts = Attempts::default();
        let key = B256::repeat_byte(1);
        assert_eq!(attempts.begin(key, 5, NOW, SOON), None);
        assert_eq!(attempts.begin(key, 9, NOW, SOON), Some(5));
        attempts.end(key);
        assert_eq!(attempts.begin(key, 9, NOW, SOON), None);
        assert_eq!(attempts.begin(key, 7, SOON, SOON), None);
    }

    #[test]
    fn what_there_is_no_room_for_counts_as_tried() {
        let attempts = Attempts::default();
        let key = |n: usize| B256::left_padding_from(&n.to_be_bytes());
        for n in 0..MANY {
            assert_eq!(attempts.begin(key(n), 0, NOW, SOON), None);
        }
        assert_eq!(attempts.begin(key(MANY), 3, NOW, SOON), Some(3));
        assert_eq!(attempts.lock().len(), MANY);
        // Room is made by what has run out.
        assert_eq!(attempts.begin(key(MANY), 3, SOON, SOON), None);
        assert_eq!(attempts.lock().len(), 1);
    }
}
