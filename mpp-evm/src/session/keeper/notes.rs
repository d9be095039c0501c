use std::collections::HashMap;
use std::time::Duration;

use payment_core::Timestamp;

use super::duty::Duty;
use crate::session::{Channel, ChannelId};

/// What a keeper remembers of channels from round to round, and may forget.
#[derive(Debug, Default)]
pub(super) struct Notes {
    round: u64,
    of: HashMap<ChannelId, Note>,
}

#[derive(Debug, Default)]
struct Note {
    /// The round that has seen it last.
    round: u64,
    /// Since when something is owed beyond this much that is settled.
    owing: Option<(u128, Timestamp)>,
    /// By [`Kind`].
    retries: [Retry; 3],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Retry {
    wait: Duration,
    not_before: Timestamp,
}

impl Notes {
    pub(super) const fn begin(&mut self) -> u64 {
        self.round = self.round.wrapping_add(1);
        self.round
    }

    /// Forgets channels that are not there any more.
    pub(super) fn end(&mut self, round: u64) {
        self.of.retain(|_, note| note.round >= round);
    }

    /// Notes since when something is owed. What owes nothing and fails nowhere needs no note.
    pub(super) fn see(&mut self, channel: &Channel, now: Timestamp, round: u64) {
        let (id, settled) = (channel.id(), channel.settled());
        let known = self.of.get_mut(&id);
        if channel.spent() <= settled {
            if let Some(note) = known {
                (note.round, note.owing) = (round, None);
                if note.retries == <[Retry; 3]>::default() {
                    self.of.remove(&id);
                }
            }
            return;
        }
        let since = match (settled, &known) {
            // Not seen before, and nothing was settled yet: so long it can have waited.
            (0, None) => channel.created_at(),
            _ => now,
        };
        let note = self.of.entry(id).or_default();
        note.round = round;
        if note.owing.is_none_or(|(then, _)| then != settled) {
            note.owing = Some((settled, since));
        }
    }

    pub(super) fn owing_since(&self, id: ChannelId) -> Option<Timestamp> {
        let owing = self.of.get(&id).and_then(|note| note.owing);
        owing.map(|(_, since)| since)
    }

    pub(super) fn may_try(&self, id: ChannelId, duty: Duty, now: Timestamp) -> bool {
        let note = self.of.get(&id);
        note.is_none_or(|note| note.retries[duty.kind() as usize].not_before <= now)
    }

    pub(super) fn succeeded(&mut self, id: ChannelId, duty: Duty) {
        if let Some(note) = self.of.get_mut(&id) {
            note.retries[duty.kind() as usize] = Retry::default();
        }
    }

    pub(super) fn failed(&mut self, id: ChannelId, duty: Duty, now: Timestamp) {
        let round = self.round;
        let note = self.of.entry(id).or_default();
        note.round = round;
        let retry = &mut note.retries[duty.kind() as usize];
        retry.wait = (retry.wait * 2).clamp(FIRST_WAIT, duty.longest_wait());
        retry.not_before = now.plus(retry.wait);
    }
}

/// What waits after the first failure.
const FIRST_WAIT: Duration = Duration::from_secs(5);
