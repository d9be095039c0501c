use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::session::Venue;

/// The venues of the channels, each once. A seller has few; none is forgotten.
#[derive(Default)]
pub(super) struct Venues(RwLock<Known>);

#[derive(Default)]
struct Known {
    venues: Vec<Venue>,
    numbers: HashMap<Venue, u32>,
}

impl Venues {
    /// The number of a venue, old or new; `None` when numbers have run out.
    pub(super) fn number(&self, venue: &Venue) -> Option<u32> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let number = known.numbers.get(venue).copied();
        drop(known);
        number.or_else(|| self.learn(venue))
    }

    fn learn(&self, venue: &Venue) -> Option<u32> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(venue) {
            return Some(*number);
        }
        let number = u32::try_from(known.venues.len()).ok()?;
        known.venues.push(*venue);
        known.numbers.insert(*venue, number);
        Some(number)
    }

    /// The venue of a number that was given out here.
    pub(super) fn venue(&self, number: u32) -> Venue {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.venues[number as usize]
    }
}
