use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use payment_core::Timestamp;

/// Calls that were begun and are not known to have ended, for as long as they may yet do something.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<B256, Attempt>>>);

#[derive(Clone, Copy)]
struct Attempt {
    stage: Stage,
    until: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Begun when the channel held so much.
    Begun { held: u128 },
    /// It has come about.
    Done,
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
            && let Stage::Begun { held } = earlier.stage
            && earlier.until > now
        {
            earlier.until = until;
            return Some(held);
        }
        if !has_room(&mut attempts, now) {
            // What can't be remembered counts as tried before, so that no refusal is taken for
            // more than it is.
            return Some(held);
        }
        let stage = Stage::Begun { held };
        attempts.insert(key, Attempt { stage, until });
        None
    }

    /// The call has come about, and needs not be made again: the same signature is good once.
    pub(super) fn done(&self, key: B256, now: Timestamp, until: Timestamp) {
        let mut attempts = self.lock();
        attempts.remove(&key);
        if has_room(&mut attempts, now) {
            let stage = Stage::Done;
            attempts.insert(key, Attempt { stage, until });
        }
    }

    /// Whether the call is known to have come about.
    pub(super) fn is_done(&self, key: B256, now: Timestamp) -> bool {
        let attempts = self.lock();
        let attempt = attempts.get(&key);
        attempt.is_some_and(|attempt| attempt.stage == Stage::Done && attempt.until > now)
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

/// Makes room where there is none: what has run out goes first, then what is only good to know.
fn has_room(attempts: &mut HashMap<B256, Attempt>, now: Timestamp) -> bool {
    if attempts.len() >= MANY {
        attempts.retain(|_, attempt| attempt.until > now);
    }
    if attempts.len() >= MANY {
        attempts.retain(|_, attempt| attempt.stage != Stage::Done);
    }
    attempts.len() < MANY
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

    #[test]
    fn what_is_done_is_known_until_it_runs_out_and_takes_no_room() {
        let attempts = Attempts::default();
        let key = |n: usize| B256::left_padding_from(&n.to_be_bytes());
        assert_eq!(attempts.begin(key(0), 5, NOW, SOON), None);
        assert!(!attempts.is_done(key(0), NOW));
        attempts.done(key(0), NOW, SOON);
        assert!(attempts.is_done(key(0), NOW) && !attempts.is_done(key(0), SOON));
        for n in 1..MANY {
            attempts.done(key(n), NOW, SOON);
        }
        assert_eq!(attempts.begin(key(MANY), 5, NOW, SOON), None);
        assert_eq!(attempts.lock().len(), 1);
        // One that is begun is not forgotten for one that is done.
        for n in 0..MANY - 1 {
            assert_eq!(attempts.begin(key(n), 0, NOW, SOON), None);
        }
        attempts.done(key(MANY + 1), NOW, SOON);
        assert!(!attempts.is_done(key(MANY + 1), NOW));
        assert_eq!(attempts.begin(key(MANY), 5, NOW, SOON), Some(5));
    }
}
