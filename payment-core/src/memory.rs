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
}

enum Step {
    Reserved,
    Settling(Bytes),
    Paid(Bytes),
    Spent,
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
        inner.purge(wish.now);
        let Some((&primary, others)) = wish.keys.split_first() else {
            return Err(StoreFault::Unavailable("a reservation without keys".into()));
        };
        // A record that holds any of the keys holds the credential.
        let mut found = None;
        for key in wish.keys {
            if let Some(at) = inner.find(key) {
                if found.is_some_and(|other| other != at) {
                    return Ok(Reserve::Spent);
                }
                found = Some(at);
            }
        }
        inner.tokens += 1;
        let token = inner.tokens;
        let holder = Holder {
            token,
            until: wish.now.plus(wish.lease),
        };
        let Some(at) = found else {
            if inner.records.len() + inner.aliases.len() + wish.keys.len() > self.capacity {
                return Err(StoreFault::Full);
            }
            let forget_at = Some(holder.until);
            for other in others {
                inner.aliases.insert(*other, primary);
            }
            let record = Record {
                scope: wish.scope,
                aliases: others.into(),
                keep_until: wish.keep_until.plus(self.skew),
                forget_at,
                holder: Some(holder),
                step: Step::Reserved,
            };
            inner.forget.extend(forget_at.map(|at| (at, primary)));
            inner.records.insert(primary, record);
            return Ok(Reserve::Held(
                Ticket {
                    key: primary,
                    token,
                },
                Resume::Fresh,
            ));
        };
        let Some(record) = inner.records.get_mut(&at) else {
            return Err(StoreFault::Unavailable("a key without its record".into()));
        };
        if matches!(record.step, Step::Spent) {
            return Ok(Reserve::Spent);
        }
        if record
            .holder
            .as_ref()
            .is_some_and(|holder| holder.until > wish.now)
        {
            return Ok(Reserve::InFlight);
        }
        let resume = match &record.step {
            Step::Spent => return Ok(Reserve::Spent),
            // What was paid for one request does not buy another.
            Step::Settling(_) | Step::Paid(_) if record.scope != wish.scope => {
                return Ok(Reserve::Spent);
            }
            Step::Reserved => {
                record.scope = wish.scope;
                Resume::Fresh
            }
            Step::Settling(evidence) => Resume::Unsettled(evidence.clone()),
            Step::Paid(receipt) => Resume::Paid(receipt.clone()),
        };
        if matches!(record.step, Step::Reserved) {
            let until = holder.until;
            record.holder = Some(holder);
            inner.forget_later(at, Some(until));
        } else {
            record.holder = Some(holder);
        }
        Ok(Reserve::Held(Ticket { key: at, token }, resume))
    }
}

impl Default for MemoryReplayGuard {
    /// Room for 100,000 credentials.
    fn default() -> Self {
        Self::with_capacity(100_000)
    }
}

impl Inner {
    fn find(&self, key: &ReplayKey) -> Option<ReplayKey> {
        if self.records.contains_key(key) {
            return Some(*key);
        }
        self.aliases.get(key).copied()
    }

    fn held(&mut self, ticket: &Ticket) -> Option<&mut Record> {
        let record = self.records.get_mut(&ticket.key)?;
        let ours = record
            .holder
            .as_ref()
            .is_some_and(|holder| holder.token == ticket.token);
        ours.then_some(record)
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

    /// Forgets a few of those that may be forgotten; each reservation pays for two others.
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
                Step::Spent => return Ok(Standing::Spent),
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
        let Some(record) = inner.held(ticket) else {
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
                record.step = Step::Spent;
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
