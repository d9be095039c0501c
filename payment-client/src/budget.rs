use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dollars::Dollars;

/// What was signed away so far, against the most there may be.
///
/// The bound is hard: an amount is taken before anything is signed and comes back only if the
/// signature never left this process. A seller's word that it took nothing does not give it
/// back, because a seller that lies could otherwise collect any number of payments.
pub(crate) struct Budget {
    total: Option<Dollars>,
    spent: Mutex<Dollars>,
}

/// Not enough is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    pub(crate) left: Dollars,
}

/// An amount taken for a payment that nobody has seen yet. Dropping it gives the amount back.
#[must_use]
pub(crate) struct Hold(Option<Counted>);

/// An amount of a payment that may have been seen. It stays counted when dropped.
pub(crate) struct Counted {
    budget: Arc<Budget>,
    amount: Dollars,
}

impl Budget {
    pub(crate) fn new(total: Option<Dollars>) -> Arc<Self> {
        Arc::new(Self {
            total,
            spent: Mutex::default(),
        })
    }

    pub(crate) fn spent(&self) -> Dollars {
        *self.lock()
    }

    /// Takes an amount, all of it or nothing, whatever else goes on at the same time.
    pub(crate) fn hold(self: &Arc<Self>, amount: Dollars) -> Result<Hold, Exhausted> {
        let mut spent = self.lock();
        let left = self
            .total
            .map(|total| total.saturating_sub(*spent))
            .unwrap_or(Dollars::MAX);
        let sum = spent.checked_add(amount).ok_or(Exhausted { left })?;
        if amount > left {
            return Err(Exhausted { left });
        }
        *spent = sum;
        Ok(Hold(Some(Counted {
            budget: Arc::clone(self),
            amount,
        })))
    }

    /// Money that came back.
    pub(crate) fn give_back(&self, amount: Dollars) {
        let mut spent = self.lock();
        *spent = spent.saturating_sub(amount);
    }

    fn lock(&self) -> MutexGuard<'_, Dollars> {
        // Nothing under the lock panics half way.
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// The payment is about to leave: from here on it counts.
    pub(crate) fn count(mut self) -> Option<Counted> {
        self.0.take()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(unseen) = self.0.take() {
            unseen.give_back();
        }
    }
}

impl Counted {
    /// The payment is known not to happen.
    pub(crate) fn give_back(self) {
        self.budget.give_back(self.amount);
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.amount).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use payment_core::usd;

    use super::*;

    fn dollars(money: payment_core::Money) -> Dollars {
        Dollars::of(money).unwrap()
    }

    #[test]
    fn unseen_payment_is_given_back_and_a_seen_one_is_not() {
        let budget = Budget::new(Some(dollars(usd!("1"))));
        drop(budget.hold(dollars(usd!("0.60"))).unwrap());
        assert_eq!(budget.spent(), Dollars::default());
        drop(budget.hold(dollars(usd!("0.60"))).unwrap().count());
        assert_eq!(budget.spent(), dollars(usd!("0.60")));
        let refused = budget.hold(dollars(usd!("0.41"))).err().unwrap();
        assert_eq!(refused.left, dollars(usd!("0.40")));
        let exact = budget.hold(dollars(usd!("0.40"))).unwrap();
        exact.count().unwrap().give_back();
        assert_eq!(budget.spent(), dollars(usd!("0.60")));
    }

    #[test]
    fn amounts_do_not_wrap_without_a_total() {
        let budget = Budget::new(None);
        drop(budget.hold(Dollars::MAX).unwrap().count());
        assert!(budget.hold(dollars(usd!("1"))).is_err());
    }

    #[test]
    fn racing_threads_never_pass_the_total() {
        let budget = Budget::new(Some(dollars(usd!("1"))));
        let cent = dollars(usd!("0.01"));
        let taken: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let taken = (0..50).filter_map(|_| budget.hold(cent).ok()?.count());
                        taken.count()
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
        assert_eq!(budget.spent(), dollars(usd!("1")));
    }
}
