use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Channel, ChannelId, ChannelStore, StoreFault, Swap, Version, Versioned};

/// Channels in the memory of one process. Bounded: a full store takes no further channels and
/// forgets none. What it holds is gone with the process.
pub struct MemoryChannelStore {
    channels: Mutex<BTreeMap<ChannelId, Versioned>>,
    most: usize,
}

impl MemoryChannelStore {
    /// A store for so many channels.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            channels: Mutex::new(BTreeMap::new()),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Versioned>> {
        // Nothing under the lock panics half way.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(self.lock().get(&id).cloned())
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        let mut channels = self.lock();
        let full = channels.len() >= self.most;
        match (channels.entry(id), expected) {
            (Entry::Vacant(_), None) if full => Err(StoreFault::Full),
            (Entry::Vacant(vacant), None) => {
                if let Some(channel) = next {
                    vacant.insert(Versioned {
                        channel: channel.clone(),
                        version: Version(0),
                    });
                }
                Ok(Swap::Done)
            }
            (Entry::Occupied(mut found), Some(version)) if found.get().version == version => {
                match next {
                    Some(channel) => {
                        found.insert(Versioned {
                            channel: channel.clone(),
                            version: Version(version.0.wrapping_add(1)),
                        });
                    }
                    None => {
                        found.remove();
                    }
                }
                Ok(Swap::Done)
            }
            _ => Ok(Swap::Conflict),
        }
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        let channels = self.lock();
        let behind = channels
            .keys()
            .filter(|id| after.is_none_or(|after| **id > after));
        Ok(behind.take(most).copied().collect())
    }
}

impl fmt::Debug for MemoryChannelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryChannelStore")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
