use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::session::testing::{Buyer, OPENED};
use crate::session::{MemoryChannelStore, Version, Versioned};

/// Counts writings; in the first so many, somebody else takes one unit before ours arrives.
struct Busy {
    inner: MemoryChannelStore,
    writings: AtomicUsize,
    faster: usize,
}

impl Busy {
    fn new(faster: usize) -> Self {
        Self {
            inner: MemoryChannelStore::new(8),
            writings: AtomicUsize::new(0),
            faster,
        }
    }
}

impl ChannelStore for Busy {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        self.inner.load(id).await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        let writing = self.writings.fetch_add(1, Ordering::Relaxed);
        if let (true, Some(found)) = (writing < self.faster, self.inner.load(id).await?) {
            let theirs = found
                .channel
                .charge(0, 1, 1, OPENED)
                .expect("there is more");
            let theirs = self.inner.swap(id, Some(found.version), Some(&theirs));
            assert_eq!(theirs.await?, Swap::Done);
        }
        self.inner.swap(id, expected, next).await
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        self.inner.list(after, most).await
    }
}

async fn ledger(faster: usize, deposit: u128) -> (Buyer, Ledger<Busy>) {
    let buyer = Buyer::new(1);
    let store = Busy::new(faster);
    let channel = buyer.accept(&buyer.channel(deposit), deposit);
    let stored = store.inner.swap(buyer.id(), None, Some(&channel)).await;
    assert_eq!(stored.unwrap(), Swap::Done);
    (buyer, Ledger::new(store))
}

#[tokio::test]
async fn a_step_is_taken_on_what_is_stored_and_not_on_what_was_read() {
    let (buyer, ledger) = ledger(9, 100).await;
    let done = ledger.apply(buyer.id(), |it| {
        Ok((it.charge(0, 91, 1, OPENED)?, it.spent()))
    });
    let (channel, before) = done.await.unwrap();
    assert_eq!((before, channel.spent(), channel.units()), (9, 100, 10));
    assert_eq!(ledger.load(buyer.id()).await.unwrap(), Some(channel));
}

#[tokio::test]
async fn what_others_have_taken_meanwhile_is_not_taken_again() {
    let (buyer, ledger) = ledger(9, 100).await;
    let refused = ledger.apply(buyer.id(), |it| Ok((it.charge(0, 92, 1, OPENED)?, ())));
    let refused = refused.await;
    let why = ChannelError::Insufficient {
        available: 91,
        cost: 92,
    };
    assert!(matches!(refused, Err(LedgerError::Refused(refused)) if refused == why));
    let channel = ledger.load(buyer.id()).await.unwrap().unwrap();
    assert_eq!(channel.spent(), 9);
}

#[tokio::test]
async fn who_never_gets_through_says_so() {
    let (buyer, ledger) = ledger(usize::MAX, 10_000).await;
    let refused = ledger.apply(buyer.id(), |it| Ok((it.charge(0, 5, 1, OPENED)?, ())));
    assert!(matches!(refused.await, Err(LedgerError::Contended)));
    let channel = ledger.load(buyer.id()).await.unwrap().unwrap();
    assert_eq!(channel.spent(), 256);
}

#[tokio::test]
async fn what_changes_nothing_is_not_written() {
    let (buyer, ledger) = ledger(0, 100).await;
    let writings = || ledger.store().writings.load(Ordering::Relaxed);
    let same = ledger
        .apply(buyer.id(), |it| Ok((it.give_back(1), 7)))
        .await;
    assert_eq!(same.unwrap().1, 7);
    let known = ledger.open(buyer.channel(5)).await.unwrap();
    assert_eq!(known.deposit(), 100);
    let refused = ledger.apply(buyer.id(), |it| Ok((it.charge(0, 101, 1, OPENED)?, ())));
    assert!(refused.await.is_err());
    let unknown = ledger.apply(Buyer::new(2).id(), |it| Ok((it.clone(), ())));
    assert!(matches!(unknown.await, Err(LedgerError::Unknown)));
    assert_eq!(writings(), 0);
    let new = Buyer::new(2);
    assert_eq!(ledger.open(new.channel(5)).await.unwrap(), new.channel(5));
    assert_eq!(writings(), 1);
}
