use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use payment_core::Timestamp;

/// Calls of one sort that were begun and are not known to have ended, for as long as they may yet
/// do something.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    attempts: HashMap<B256, Attempt>,
    numbers: u64,
}

/// What is remembered of the calls under one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attempt {
    /// What the channel held before the first of them.
    pub(super) held: u128,
    /// How long the last of them may yet do something.
    until: Timestamp,
    /// Which of them was the last.
    number: u64,
}

/// One call, and the earlier one under its key whose outcome was open when it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Begun {
    key: B256,
    /// Nothing of a call that there was no room for.
    number: Option<u64>,
    pub(super) earlier: Option<Attempt>,
}

/// Attempts that are remembered at once.
const MANY: usize = 4096;

impl Attempts {
    /// Writes a call down before it is made: whoever makes it may stop half way.
    pub(super) fn begin(&self, key: B256, held: u128, now: Timestamp, until: Timestamp) -> Begun {
        let mut open = self.lock();
        let earlier = open.attempts.get(&key).copied();
        let earlier = earlier.filter(|earlier| earlier.until > now);
        if earlier.is_none() && open.attempts.len() >= MANY {
            open.attempts.retain(|_, attempt| attempt.until > now);
        }
        open.numbers = open.numbers.wrapping_add(1);
        let attempt = Attempt {
            held: earlier.map_or(held, |earlier| earlier.held),
            until: earlier.map_or(until, |earlier| earlier.until.max(until)),
            number: open.numbers,
        };
        if earlier.is_none() && open.attempts.len() >= MANY {
            // No room: what can't be remembered counts as tried before, so that no refusal is
            // taken for more than it is.
            let earlier = Some(attempt);
            let number = None;
            return Begun {
                key,
                number,
                earlier,
            };
        }
        open.attempts.insert(key, attempt);
        let number = Some(attempt.number);
        Begun {
            key,
            number,
            earlier,
        }
    }

    /// Somebody else may have made a call under this key, and nobody knows when. Remembered once,
    /// where nothing is: said again and again, it stays open for no longer.
    pub(super) fn suspect(&self, key: B256, until: Timestamp) {
        let mut open = self.lock();
        if open.attempts.len() >= MANY {
            return;
        }
        let (held, number) = (0, open.numbers.wrapping_add(1));
        open.numbers = number;
        open.attempts.entry(key).or_insert(Attempt {
            held,
            until,
            number,
        });
    }

    /// The call has done what it was to do.
    pub(super) fn end(&self, begun: &Begun) {
        let mut open = self.lock();
        if open.is_last(begun) {
            open.attempts.remove(&begun.key);
        }
    }

    /// The call has done nothing and will not. What was open before it still is, for no longer
    /// than before.
    pub(super) fn undo(&self, begun: &Begun) {
        let mut open = self.lock();
        if !open.is_last(begun) {
            return;
        }
        match begun.earlier {
            Some(earlier) => open.attempts.insert(begun.key, earlier),
            None => open.attempts.remove(&begun.key),
        };
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing under the lock panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Whether no call was begun since. One that was may still be under way.
    fn is_last(&self, begun: &Begun) -> bool {
        let last = self.attempts.get(&begun.key);
        last.is_some_and(|last| Some(last.number) == begun.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const SOON: Timestamp = Timestamp::from_seconds(2_000);
    const LATER: Timestamp = Timestamp::from_seconds(3_000);
    const KEY: B256 = B256::repeat_byte(1);

    fn held(begun: &Begun) -> Option<u128> {
        begun.earlier.map(|earlier| earlier.held)
    }

    #[test]
    fn what_is_open_is_remembered_until_it_ends_or_runs_out() {
        let attempts = Attempts::default();
        assert_eq!(held(&attempts.begin(KEY, 5, NOW, SOON)), None);
        let second = attempts.begin(KEY, 9, NOW, SOON);
        assert_eq!(held(&second), Some(5));
        attempts.end(&second);
        assert_eq!(held(&attempts.begin(KEY, 9, NOW, SOON)), None);
        assert_eq!(held(&attempts.begin(KEY, 7, SOON, SOON)), None);
    }

    #[test]
    fn a_call_that_was_undone_keeps_nothing_open_for_longer() {
        let attempts = Attempts::default();
        let _lost = attempts.begin(KEY, 5, NOW, SOON);
        let refused = attempts.begin(KEY, 9, NOW, LATER);
        attempts.undo(&refused);
        assert_eq!(held(&attempts.begin(KEY, 9, SOON, LATER)), None);
    }

    #[test]
    fn what_others_may_have_done_is_suspected_once() {
        let attempts = Attempts::default();
        attempts.suspect(KEY, SOON);
        attempts.undo(&attempts.begin(KEY, 5, NOW, LATER));
        attempts.suspect(KEY, LATER);
        assert_eq!(held(&attempts.begin(KEY, 5, SOON, LATER)), None);
    }

    #[test]
    fn a_call_that_ends_takes_no_later_one_with_it() {
        let attempts = Attempts::default();
        let first = attempts.begin(KEY, 5, NOW, SOON);
        let _second = attempts.begin(KEY, 5, NOW, SOON);
        attempts.undo(&first);
        assert_eq!(held(&attempts.begin(KEY, 9, NOW, SOON)), Some(5));
        attempts.end(&first);
        assert_eq!(held(&attempts.begin(KEY, 9, NOW, SOON)), Some(5));
        // Nor one that began after the first had run out.
        let third = attempts.begin(KEY, 7, SOON, LATER);
        attempts.end(&first);
        assert_eq!((held(&third), attempts.lock().attempts.len()), (None, 1));
    }

    #[test]
    fn what_there_is_no_room_for_counts_as_tried() {
        let attempts = Attempts::default();
        let key = |n: usize| B256::left_padding_from(&n.to_be_bytes());
        for n in 0..MANY {
            assert_eq!(held(&attempts.begin(key(n), 0, NOW, SOON)), None);
        }
        let crowded = attempts.begin(key(MANY), 3, NOW, SOON);
        assert_eq!(held(&crowded), Some(3));
        attempts.undo(&crowded);
        assert_eq!(attempts.lock().attempts.len(), MANY);
        // Room is made by what has run out.
        assert_eq!(held(&attempts.begin(key(MANY), 3, SOON, SOON)), None);
        assert_eq!(attempts.lock().attempts.len(), 1);
    }
}
