use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Channel, ChannelId, ChannelStore, StoreFault, Swap, Version, Versioned};
use shard::{Shard, State};
use venues::Venues;

mod packed;
mod shard;
mod venues;

/// Channels in the memory of one process. Bounded: a full store takes no further channels and
/// forgets none. What it holds is gone with the process.
///
/// A channel at rest takes less than 300 bytes, all included. Names are spread by their first
/// byte, so that a list reads one part of the store after the other; within a part they are found
/// by a keyed hash, for buyers choose what they hash.
pub struct MemoryChannelStore {
    shards: Box<[Mutex<Shard>]>,
    venues: Venues,
    hasher: RandomState,
    held: AtomicUsize,
    most: usize,
}

/// One for each first byte of a name.
const SHARDS: usize = 256;

impl MemoryChannelStore {
    /// A store for so many channels. What it does not hold takes no memory.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            venues: Venues::default(),
            hasher: RandomState::new(),
            held: AtomicUsize::new(0),
            most,
        }
    }

    fn shard(&self, id: &ChannelId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(id.word()[0])])
    }

    /// Counts one more, if there is room.
    fn reserve(&self) -> bool {
        let more = |held| (held < self.most).then_some(held + 1);
        let counted = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.is_ok()
    }

    fn swap_now(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        let hash = self.hasher.hash_one(id);
        // Before the lock: the less is done under it the better.
        let next = next.map(|channel| State::of(channel, &self.venues));
        let mut shard = self.shard(&id);
        let found = shard.find(hash, &id);
        match (found, expected, next) {
            (None, None, None) => {}
            (None, None, Some(state)) => {
                if !self.reserve() {
                    return Err(StoreFault::Full);
                }
                shard.insert(hash, state, &self.hasher);
            }
            (Some(at), Some(version), next) if shard.version(at) == version => match next {
                Some(state) => shard.replace(at, state),
                None => {
                    shard.remove(hash, at);
                    self.held.fetch_sub(1, Ordering::Relaxed);
                }
            },
            _ => return Ok(Swap::Conflict),
        }
        Ok(Swap::Done)
    }
}

impl Default for MemoryChannelStore {
    /// A store for 1,000,000 channels.
    fn default() -> Self {
        Self::new(1_000_000)
    }
}

impl ChannelStore for MemoryChannelStore {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        let hash = self.hasher.hash_one(id);
        let shard = self.shard(&id);
        let found = shard.find(hash, &id);
        Ok(found.and_then(|at| {
            Some(Versioned {
                channel: shard.channel(at, &self.venues)?,
                version: shard.version(at),
            })
        }))
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        self.swap_now(id, expected, next)
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        let first = after.map_or(0, |after| usize::from(after.word()[0]));
        let mut names = Vec::new();
        for shard in &self.shards[first..] {
            if names.len() >= most {
                break;
            }
            let mut here: Vec<_> = lock(shard)
                .names()
                .filter(|id| after.is_none_or(|after| *id > after))
                .collect();
            here.sort_unstable();
            names.extend(here);
        }
        names.truncate(most);
        Ok(names)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing under the lock panics half way.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for MemoryChannelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryChannelStore")
            .field("held", &self.held.load(Ordering::Relaxed))
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
