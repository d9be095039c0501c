use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use mpp_evm::session::{
    Channel, ChannelId, ChannelStore, MemoryChannelStore, StoreFault, Swap, Version, Versioned,
};
use payment_core::{
    MemoryReplayGuard, ReplayGuard, ReplayKey, Reservation, Reserve, Stage, Standing,
    StoreFault as ReplayFault, Ticket, Timestamp,
};

/// When the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing is stored.
    Before,
    /// It is stored, and the answer lost.
    After,
    /// Nothing is stored, nor read.
    Always,
}

/// Channels in memory, in a store that fails where it is told to.
#[derive(Debug, Default)]
pub struct Store {
    memory: MemoryChannelStore,
    broken: Mutex<Option<(usize, When)>>,
    written: Mutex<usize>,
}

impl Store {
    /// Fails at the next write but so many, and at no later one unless it is `Always`.
    pub fn break_at(&self, write: usize, when: When) {
        *self.broken.lock().unwrap() = Some((write, when));
    }

    pub fn heal(&self) {
        *self.broken.lock().unwrap() = None;
    }

    /// How many writes there were.
    pub fn written(&self) -> usize {
        *self.written.lock().unwrap()
    }

    /// How many channels it holds.
    pub async fn len(&self) -> usize {
        self.memory.list(None, usize::MAX).await.unwrap().len()
    }

    fn fails(&self) -> Option<When> {
        let mut broken = self.broken.lock().unwrap();
        match &mut *broken {
            Some((0, When::Always)) => Some(When::Always),
            Some((0, when)) => {
                let when = *when;
                *broken = None;
                Some(when)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }
}

fn fault() -> StoreFault {
    StoreFault::Unavailable("the store is told to fail".into())
}

impl ChannelStore for Store {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        if *self.broken.lock().unwrap() == Some((0, When::Always)) {
            return Err(fault());
        }
        self.memory.load(id).await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        *self.written.lock().unwrap() += 1;
        let fails = self.fails();
        if matches!(fails, Some(When::Before | When::Always)) {
            return Err(fault());
        }
        let swapped = self.memory.swap(id, expected, next).await?;
        match fails {
            Some(_) => Err(fault()),
            None => Ok(swapped),
        }
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        self.memory.list(after, most).await
    }
}

/// A replay guard in memory that forgets, once it is told to, to note that an answer has left.
#[derive(Debug)]
pub struct Guard {
    memory: MemoryReplayGuard,
    lose: AtomicBool,
}

impl Guard {
    pub fn new() -> Self {
        Self {
            memory: MemoryReplayGuard::with_capacity(1000),
            lose: AtomicBool::new(false),
        }
    }

    /// The next paid answer does not leave.
    pub fn lose_next_answer(&self) {
        self.lose.store(true, Ordering::SeqCst);
    }

    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }
}

impl ReplayGuard for Guard {
    async fn look(&self, keys: &[ReplayKey], now: Timestamp) -> Result<Standing, ReplayFault> {
        self.memory.look(keys, now).await
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, ReplayFault> {
        self.memory.reserve(wish).await
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), ReplayFault> {
        if matches!(stage, Stage::Spent) && self.lose.swap(false, Ordering::SeqCst) {
            return Err(ReplayFault::Unavailable("the guard is told to fail".into()));
        }
        self.memory.advance(ticket, stage).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), ReplayFault> {
        self.memory.release(ticket).await
    }
}
