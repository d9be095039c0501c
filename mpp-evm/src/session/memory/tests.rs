use std::sync::Arc;

use super::*;
use crate::session::testing::{Buyer, OPENED, check_store};
use crate::session::{ChannelError, Hold, Ledger, LedgerError};

#[tokio::test]
async fn the_store_in_memory_passes() {
    check_store(async |most| MemoryChannelStore::new(most)).await;
}

/// Funds for exactly ten calls, and 64 who want one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_tasks_as_many_are_served_as_are_paid_for() {
    let buyer = Buyer::new(1);
    let ledger = Arc::new(Ledger::new(MemoryChannelStore::new(1)));
    let channel = buyer.accept(&buyer.channel(1000), 1000);
    ledger.open(channel).await.unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let (ledger, id) = (Arc::clone(&ledger), buyer.id());
            tokio::spawn(async move {
                let hold = Hold {
                    id: task,
                    amount: 100,
                    until: OPENED.plus(std::time::Duration::from_secs(1)),
                };
                let held = ledger
                    .apply(id, |it| Ok((it.hold(hold, OPENED)?, ())))
                    .await;
                match held {
                    Ok(_) => {}
                    Err(LedgerError::Refused(ChannelError::Insufficient { .. })) => return false,
                    Err(other) => panic!("{other}"),
                }
                let paid = ledger.apply(id, |it| Ok((it.commit(task, 100, 1, OPENED)?, ())));
                paid.await.unwrap();
                true
            })
        })
        .collect();
    let mut served = 0;
    for task in tasks {
        served += u32::from(task.await.unwrap());
    }
    assert_eq!(served, 10);
    let channel = ledger.load(buyer.id()).await.unwrap().unwrap();
    assert_eq!((channel.spent(), channel.units()), (1000, 10));
}

#[tokio::test]
async fn unknown_names_leave_nothing_behind() {
    let store = MemoryChannelStore::new(10);
    for number in 0..1000 {
        let id = Buyer::new(number).id();
        assert!(store.load(id).await.unwrap().is_none());
        assert_eq!(store.swap(id, None, None).await.unwrap(), Swap::Done);
    }
    let names = store.shards.iter().map(|shard| lock(shard).names().count());
    assert_eq!(names.sum::<usize>(), 0);
    assert_eq!(store.held.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn slots_of_forgotten_channels_are_used_again() {
    let store = MemoryChannelStore::new(10);
    for round in 0..1000_u64 {
        let channel = Buyer::new(round % 7).channel(u128::from(round));
        let id = channel.id();
        assert_eq!(
            store.swap(id, None, Some(&channel)).await.unwrap(),
            Swap::Done
        );
        let found = store.load(id).await.unwrap().unwrap();
        assert_eq!(
            store.swap(id, Some(found.version), None).await.unwrap(),
            Swap::Done
        );
    }
    assert!(store.shards.iter().all(|shard| lock(shard).slots() <= 7));
}

/// Also when another channel has taken its place meanwhile.
#[tokio::test]
async fn a_version_does_not_come_back_in_another_slot() {
    let store = MemoryChannelStore::new(10);
    let buyer = Buyer::new(1);
    let channel = buyer.channel(5);
    let id = channel.id();
    let mut beside = channel.clone();
    let mut word = id.word();
    word[31] ^= 1;
    beside.id = ChannelId::new(word);
    assert_eq!(
        store.swap(id, None, Some(&channel)).await.unwrap(),
        Swap::Done
    );
    let read = store.load(id).await.unwrap().unwrap().version;
    assert_eq!(store.swap(id, Some(read), None).await.unwrap(), Swap::Done);
    let taken = store.swap(beside.id, None, Some(&beside)).await;
    assert_eq!(taken.unwrap(), Swap::Done);
    let again = buyer.channel(6);
    assert_eq!(
        store.swap(id, None, Some(&again)).await.unwrap(),
        Swap::Done
    );
    let late = store.swap(id, Some(read), Some(&channel)).await;
    assert_eq!(late.unwrap(), Swap::Conflict);
}

/// Prints what a channel takes:
/// `cargo test --release -p tollgate-mpp-evm --features testing a_million -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "takes a while and 300 MB"]
async fn a_million_channels_take_less_than_300_bytes_each() {
    const MANY: u64 = 1_000_000;
    // A channel that is served: key, voucher, spent. Signed once, for the store checks nothing.
    let buyer = Buyer::new(0);
    let served = buyer.accept(&buyer.channel(u128::MAX), u128::MAX / 2);
    let mut served = served.charge(0, 12_345, 17, OPENED).unwrap();
    let before = resident();
    let store = MemoryChannelStore::default();
    for number in 0..MANY {
        served.id = name(number);
        let done = store.swap(served.id, None, Some(&served)).await.unwrap();
        assert_eq!(done, Swap::Done);
    }
    let each = (resident() - before) / MANY;
    println!("{each} bytes a channel at {MANY} channels");
    assert!(each <= 300, "{each}");
    let refused = store.swap(name(MANY), None, Some(&served)).await;
    assert!(matches!(refused, Err(StoreFault::Full)));
    assert_eq!(
        store.load(served.id).await.unwrap().unwrap().channel,
        served
    );
}

/// A name like a hash: its first byte is any, and no two are the same.
fn name(number: u64) -> ChannelId {
    let mut word = [7; 32];
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word[..8].copy_from_slice(&spread.to_be_bytes());
    ChannelId::new(word.into())
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = sizes.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
