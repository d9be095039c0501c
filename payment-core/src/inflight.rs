use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Account;

/// Counts the paid requests in work, all together and by proven payer.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    total: AtomicUsize,
    payers: Mutex<HashMap<Account, usize>>,
}

/// One paid request in work. Counts until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<InFlight>,
    payer: Option<Account>,
}

impl InFlight {
    /// A place among at most `limit`.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let entered = self
            .total
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < limit).then_some(count + 1)
            });
        entered.ok().map(|_| Place {
            counts: Arc::clone(self),
            payer: None,
        })
    }
}

#[cfg(test)]
impl InFlight {
    /// Whether nothing is in work, and nothing is kept of anyone.
    pub(crate) fn is_empty(&self) -> bool {
        self.total.load(Ordering::Acquire) == 0
            && self.payers.lock().expect("not poisoned").is_empty()
    }
}

impl Place {
    /// Counts this request for its payer too; `false` when that one has `limit` in work already.
    pub(crate) fn by(&mut self, payer: &Account, limit: usize) -> bool {
        let mut payers = self
            .counts
            .payers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Looked up first: a payer who is turned away leaves nothing behind.
        if payers.get(payer).copied().unwrap_or_default() >= limit {
            return false;
        }
        *payers.entry(payer.clone()).or_insert(0) += 1;
        drop(payers);
        self.payer = Some(payer.clone());
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.total.fetch_sub(1, Ordering::AcqRel);
        let Some(payer) = self.payer.take() else {
            return;
        };
        let mut payers = self
            .counts
            .payers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = payers.get_mut(&payer) {
            *count -= 1;
            if *count == 0 {
                payers.remove(&payer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let counts = Arc::new(InFlight::default());
        let payer = Account::Evm(Address::repeat_byte(1));
        let mut first = counts.enter(2).expect("empty");
        let mut second = counts.enter(2).expect("one in work");
        assert!(counts.enter(2).is_none());
        assert!(first.by(&payer, 1));
        assert!(!second.by(&payer, 1));
        drop(first);
        assert!(second.by(&payer, 1));
        drop(second);
        assert!(!counts.enter(1).expect("empty again").by(&payer, 0));
        assert!(counts.payers.lock().expect("not poisoned").is_empty());
        assert_eq!(counts.total.load(Ordering::Acquire), 0);
    }
}
