use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::packed::Packed;
use super::venues::Venues;
use crate::session::{Channel, ChannelId, Version};

/// A part of the store: slots in chunks, which never move, and a table of their numbers.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<u32>,
    chunks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    /// Counts writings of the whole shard, so that no version comes back with a channel that was
    /// forgotten and opened again.
    writings: u64,
}

struct Slot {
    writing: u64,
    state: State,
}

/// A channel as it is kept.
#[expect(
    clippy::large_enum_variant,
    reason = "most are at rest, and one allocation less each is what packing is for"
)]
pub(super) enum State {
    Free,
    Resting(Packed),
    /// One in work, or one that does not fit.
    Whole(Box<Channel>),
}

impl State {
    pub(super) fn of(channel: &Channel, venues: &Venues) -> Self {
        Packed::of(channel, venues)
            .map_or_else(|| Self::Whole(Box::new(channel.clone())), Self::Resting)
    }

    fn id(&self) -> Option<ChannelId> {
        match self {
            Self::Free => None,
            Self::Resting(packed) => Some(packed.id()),
            Self::Whole(channel) => Some(channel.id()),
        }
    }
}

const CHUNK: usize = 64;

// What a channel at rest takes, the table aside.
const _: () = assert!(size_of::<Slot>() <= 280);

impl Shard {
    pub(super) fn find(&self, hash: u64, id: &ChannelId) -> Option<u32> {
        let here = |at: &u32| slot(&self.chunks, *at).state.id().as_ref() == Some(id);
        self.table.find(hash, here).copied()
    }

    pub(super) fn channel(&self, at: u32, venues: &Venues) -> Option<Channel> {
        match &slot(&self.chunks, at).state {
            State::Free => None,
            State::Resting(packed) => Some(packed.channel(venues)),
            State::Whole(channel) => Some((**channel).clone()),
        }
    }

    pub(super) fn version(&self, at: u32) -> Version {
        Version(slot(&self.chunks, at).writing.into())
    }

    pub(super) fn insert(&mut self, hash: u64, state: State, hasher: &RandomState) {
        let at = self.free.pop().unwrap_or_else(|| self.grow());
        self.replace(at, state);
        let chunks = &self.chunks;
        let again = |at: &u32| {
            slot(chunks, *at)
                .state
                .id()
                .map_or(0, |id| hasher.hash_one(id))
        };
        self.table.insert_unique(hash, at, again);
    }

    pub(super) fn replace(&mut self, at: u32, state: State) {
        self.writings += 1;
        let writing = self.writings;
        *slot_mut(&mut self.chunks, at) = Slot { writing, state };
    }

    pub(super) fn remove(&mut self, hash: u64, at: u32) {
        if let Ok(found) = self.table.find_entry(hash, |it| *it == at) {
            found.remove();
        }
        self.replace(at, State::Free);
        self.free.push(at);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = ChannelId> {
        let slots = self.chunks.iter().flatten();
        slots.filter_map(|slot| slot.state.id())
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// A further slot.
    fn grow(&mut self) -> u32 {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let full = self.chunks.len() - 1;
        let last = &mut self.chunks[full];
        last.push(Slot {
            writing: 0,
            state: State::Free,
        });
        let at = full * CHUNK + last.len() - 1;
        u32::try_from(at).expect("a process has no room for 2^32 slots in one part")
    }
}

const fn place(at: u32) -> (usize, usize) {
    (at as usize / CHUNK, at as usize % CHUNK)
}

fn slot(chunks: &[Vec<Slot>], at: u32) -> &Slot {
    let (chunk, slot) = place(at);
    &chunks[chunk][slot]
}

fn slot_mut(chunks: &mut [Vec<Slot>], at: u32) -> &mut Slot {
    let (chunk, slot) = place(at);
    &mut chunks[chunk][slot]
}
