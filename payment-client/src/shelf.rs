use crate::offer::{Offer, Protocol};
use crate::rules::{Skip, Skipped};

/// The offers of one 402, sorted into those that may be paid and the others.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) offers: Vec<Offer>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Shelf {
    pub(crate) fn put(&mut self, protocol: Protocol, offer: Result<Offer, Skip>) {
        match offer {
            Ok(offer) => self.offers.push(offer),
            Err(reason) => self.skipped.push(Skipped { protocol, reason }),
        }
    }

    /// Notes what the selectors dropped.
    pub(crate) fn declined(&mut self, before: &[Protocol]) {
        let dropped = Skip::NotSelected;
        if self.offers.is_empty() {
            self.skipped.extend(before.iter().map(|&protocol| Skipped {
                protocol,
                reason: dropped,
            }));
        }
    }
}
