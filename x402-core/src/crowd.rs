use std::sync::atomic::{AtomicUsize, Ordering};

/// Who verifies and settles, and who is asked about there.
#[derive(Debug)]
pub(crate) struct Outside<F> {
    pub(crate) facilitator: F,
    pub(crate) crowd: Crowd,
}

/// Payments whose payer nobody has proven yet, while a facilitator is asked about them.
///
/// Whoever makes one up costs us a call and a place among the requests in work, and no limit by
/// payer holds it back. So they have few places: those who can prove themselves keep the rest.
#[derive(Debug, Default)]
pub(crate) struct Crowd(AtomicUsize);

/// One of them. Counts until dropped.
#[derive(Debug)]
pub(crate) struct InCrowd<'c>(&'c Crowd);

/// Unproven payments that are verified at once.
const MOST: usize = 64;

impl Crowd {
    /// A place, while there is one.
    pub(crate) fn enter(&self) -> Option<InCrowd<'_>> {
        let count = |count: usize| (count < MOST).then_some(count + 1);
        let entered = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, count);
        entered.ok().map(|_| InCrowd(self))
    }
}

impl Drop for InCrowd<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_few_and_given_back() {
        let crowd = Crowd::default();
        let mut inside: Vec<_> = (0..MOST).map(|_| crowd.enter()).collect();
        assert!(inside.iter().all(Option::is_some));
        assert!(crowd.enter().is_none());
        inside.pop();
        assert!(crowd.enter().is_some());
        drop(inside);
        assert_eq!(crowd.0.load(Ordering::Acquire), 0);
    }
}
