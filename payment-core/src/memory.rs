use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::Timestamp;
use crate::replay::{
    ReplayGuard, ReplayKey, Reservation, Reserve, Resume, Stage, Standing, StoreFault, Ticket,
};

/// The replay guard of a single process: bounded, in memory, gone when the process ends.
///
/// A restart forgets what was used, so a seller who restarts within the validity of an
/// authorization relies on the chain to refuse its second settlement; several processes need a
/// shared store. When it is full it refuses new payments rather than forget old ones.
pub struct MemoryReplayGuard {
    capacity: usize,
    skew: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: HashMap<ReplayKey, Record>,
    /// Secondary keys, each pointing to the record that holds it.
    aliases: HashMap<ReplayKey, ReplayKey>,
    /// When a record may be forgotten; only those that may be are here.
    forget: BTreeSet<(Timestamp, ReplayKey)>,
    tokens: u64,
    /// The latest moment seen: time that runs backwards revives nothing.
    latest: Timestamp,
}

struct Record {
    scope: [u8; 32],
    aliases: Box<[ReplayKey]>,
    keep_until: Timestamp,
    forget_at: Option<Timestamp>,
    holder: Option<Holder>,
    step: Step,
}

struct Holder {
    token: u64,
    until: Timestamp,
    /// Whether `until` leaves the settlement a whole lease, and not what the handler left of it.
    settlement_covered: bool,
}

enum Step {
    Reserved,
    Settling(Bytes),
    Paid(Bytes),
    /// By the holder of this token, who may find that nothing was delivered after all.
    Spent(u64),
}

impl MemoryReplayGuard {
    /// Room for this many credentials in their validity.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            skew: Duration::from_secs(60),
            inner: Mutex::default(),
        }
    }

    /// How many credentials are remembered now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// Whether none are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing between lock and unlock can panic half-way, so a poisoned lock holds whole data.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, wish: &Reservation<'_>) -> Result<Reserve, StoreFault> {
        let mut inner = self.lock();
        inner.latest = inner.latest.max(wish.now);
        let now = inner.latest;
        inner.purge(now);
        let Some(&primary) = wish.keys.first() else {
            return Err(StoreFault::Unavailable("a reservation without keys".into()));
        };
        // A record that holds any of the keys holds the credential, unless it is free again.
        let mut found = None;
        for at in wish.keys.iter().filter_map(|key| inner.find(key)) {
            if inner
                .records
                .get(&at)
                .is_none_or(|record| record.is_free(now))
            {
                continue;
            }
            if found.is_some_and(|other| other != at) {
                return Ok(Reserve::Spent);
            }
            found = Some(at);
        }
        match found {
            Some(at) => inner.resume(at, wish, self.skew),
            // Its record may have been there and been forgotten since.
            None if wish.keep_until.plus(self.skew) < now => Ok(Reserve::Spent),
            None => inner.insert(primary, wish, self.skew, self.capacity),
        }
    }
}

impl Default for MemoryReplayGuard {
    /// Room for 100,000 credentials.
    fn default() -> Self {
        Self::with_capacity(100_000)
    }
}

impl Record {
    /// Nothing was done with it, and whoever held it has had its time.
    fn is_free(&self, now: Timestamp) -> bool {
        let held = self
            .holder
            .as_ref()
            .is_some_and(|holder| holder.until > now);
        matches!(self.step, Step::Reserved) && !held
    }
}

impl Inner {
    fn find(&self, key: &ReplayKey) -> Option<ReplayKey> {
        if self.records.contains_key(key) {
            return Some(*key);
        }
        self.aliases.get(key).copied()
    }

    /// Makes the record of a credential that has none. What is left under its keys is free, and
    /// goes: a record holds the keys, the scope and the validity of one credential only.
    fn insert(
        &mut self,
        primary: ReplayKey,
        wish: &Reservation<'_>,
        skew: Duration,
        capacity: usize,
    ) -> Result<Reserve, StoreFault> {
        for key in wish.keys {
            if let Some(at) = self.find(key) {
                self.remove(&at);
            }
        }
        if self.records.len() + self.aliases.len() + wish.keys.len() > capacity {
            return Err(StoreFault::Full);
        }
        let holder = self.holder(wish, false);
        let (token, until) = (holder.token, holder.until);
        let aliases: Box<[_]> = wish
            .keys
            .iter()
            .copied()
            .filter(|key| *key != primary)
            .collect();
        for alias in &aliases {
            self.aliases.insert(*alias, primary);
        }
        let record = Record {
            scope: wish.scope,
            aliases,
            keep_until: wish.keep_until.plus(skew),
            forget_at: Some(until),
            holder: Some(holder),
            step: Step::Reserved,
        };
        self.forget.insert((until, primary));
        self.records.insert(primary, record);
        Ok(Reserve::Held(
            Ticket {
                key: primary,
                token,
            },
            Resume::Fresh,
        ))
    }

    /// Follows up a record that is not free.
    fn resume(
        &mut self,
        at: ReplayKey,
        wish: &Reservation<'_>,
        skew: Duration,
    ) -> Result<Reserve, StoreFault> {
        let now = self.latest;
        let all_ours = wish.keys.iter().all(|key| self.find(key) == Some(at));
        let next = self.holder(wish, true);
        let Some(record) = self.records.get_mut(&at) else {
            return Err(StoreFault::Unavailable("a key without its record".into()));
        };
        if let Some(holder) = record.holder.as_mut() {
            if holder.until > now {
                return Ok(Reserve::InFlight);
            }
            // A slow handler may have used up the lease before the settlement began. Looking for
            // a settlement that is still being sent could find nothing and set the credential
            // free, so the settlement gets a lease of its own, from the first one to ask.
            if matches!(record.step, Step::Settling(_)) && !holder.settlement_covered {
                holder.until = next.until;
                holder.settlement_covered = true;
                return Ok(Reserve::InFlight);
            }
        }
        let same_keys = all_ours
            && std::iter::once(&at)
                .chain(&record.aliases)
                .all(|key| wish.keys.contains(key));
        let resume = match &record.step {
            // What was paid for one request does not buy another, and what one credential moved
            // is not followed up by another that shares a key with it.
            Step::Settling(_) | Step::Paid(_) if record.scope != wish.scope || !same_keys => {
                return Ok(Reserve::Spent);
            }
            Step::Settling(evidence) => Resume::Unsettled(evidence.clone()),
            Step::Paid(receipt) => Resume::Paid(receipt.clone()),
            Step::Spent(_) => return Ok(Reserve::Spent),
            Step::Reserved => return Ok(Reserve::InFlight),
        };
        let ticket = Ticket {
            key: at,
            token: next.token,
        };
        record.keep_until = record.keep_until.max(wish.keep_until.plus(skew));
        record.holder = Some(next);
        Ok(Reserve::Held(ticket, resume))
    }

    fn holder(&mut self, wish: &Reservation<'_>, settlement_covered: bool) -> Holder {
        self.tokens += 1;
        Holder {
            token: self.tokens,
            until: self.latest.plus(wish.lease),
            settlement_covered,
        }
    }

    fn held(&mut self, ticket: &Ticket) -> Option<&mut Record> {
        let record = self.records.get_mut(&ticket.key)?;
        let ours = record
            .holder
            .as_ref()
            .is_some_and(|holder| holder.token == ticket.token);
        ours.then_some(record)
    }

    /// The record that this ticket holds, or has spent without delivering after all.
    fn held_or_spent(&mut self, ticket: &Ticket) -> Option<&mut Record> {
        let record = self.records.get_mut(&ticket.key)?;
        let token = match record.step {
            Step::Spent(token) => token,
            _ => record.holder.as_ref()?.token,
        };
        (token == ticket.token).then_some(record)
    }

    fn forget_later(&mut self, key: ReplayKey, at: Option<Timestamp>) {
        let Some(record) = self.records.get_mut(&key) else {
            return;
        };
        if let Some(before) = record.forget_at {
            self.forget.remove(&(before, key));
        }
        record.forget_at = at;
        self.forget.extend(at.map(|at| (at, key)));
    }

    fn remove(&mut self, key: &ReplayKey) {
        let Some(record) = self.records.remove(key) else {
            return;
        };
        for alias in &record.aliases {
            self.aliases.remove(alias);
        }
        if let Some(at) = record.forget_at {
            self.forget.remove(&(at, *key));
        }
    }

    /// Forgets a few of those that may be forgotten: more than a reservation adds.
    fn purge(&mut self, now: Timestamp) {
        for _ in 0..8 {
            match self.forget.first() {
                Some(&(at, key)) if at < now => self.remove(&key),
                _ => return,
            }
        }
    }
}

impl ReplayGuard for MemoryReplayGuard {
    async fn look(&self, keys: &[ReplayKey], _now: Timestamp) -> Result<Standing, StoreFault> {
        let inner = self.lock();
        let mut standing = Standing::Open;
        for record in keys
            .iter()
            .filter_map(|key| inner.records.get(&inner.find(key)?))
        {
            match record.step {
                Step::Spent(_) => return Ok(Standing::Spent),
                Step::Settling(_) | Step::Paid(_) => standing = Standing::Started,
                Step::Reserved => {}
            }
        }
        Ok(standing)
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, StoreFault> {
        self.take(&wish)
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), StoreFault> {
        let mut inner = self.lock();
        let record = match &stage {
            Stage::Undelivered(_) => inner.held_or_spent(ticket),
            _ => inner.held(ticket),
        };
        let Some(record) = record else {
            return Err(StoreFault::Lost);
        };
        let keep_until = record.keep_until;
        let mut forget_at = None;
        match stage {
            Stage::Settling => record.step = Step::Settling(Bytes::new()),
            Stage::Unknown(evidence) => {
                record.step = Step::Settling(evidence);
                record.holder = None;
            }
            Stage::Paid(receipt) => record.step = Step::Paid(receipt),
            Stage::Undelivered(receipt) => {
                record.step = Step::Paid(receipt);
                record.holder = None;
            }
            Stage::Spent => {
                record.step = Step::Spent(ticket.token);
                record.holder = None;
                forget_at = Some(keep_until);
            }
        }
        inner.forget_later(ticket.key, forget_at);
        Ok(())
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreFault> {
        let mut inner = self.lock();
        if inner.held(ticket).is_some() {
            inner.remove(&ticket.key);
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryReplayGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReplayGuard")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
