//! Records of this store and of others, whole and broken.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mpp_evm::session::testing::{Buyer, check_store};
use mpp_evm::session::{ChannelStore, Ledger, StoreFault, Swap, Version};
use payment_store::{FileChannelStore, Point};
use serde_json::{Value, json};

use crate::support::Directory;

fn open(directory: &Directory) -> FileChannelStore {
    FileChannelStore::open(directory.path()).unwrap()
}

fn file(directory: &Directory, buyer: &Buyer) -> std::path::PathBuf {
    directory.path().join(format!("{}.json", buyer.id()))
}

/// Every directory made anew, and kept until all is done.
#[tokio::test]
async fn the_store_of_files_passes() {
    let directories = std::sync::Mutex::new(Vec::new());
    check_store(async |most| {
        let directory = Directory::new();
        let store = open(&directory).holding(most);
        directories.lock().unwrap().push(directory);
        store
    })
    .await;
}

#[tokio::test]
async fn what_is_stored_is_there_after_a_restart_and_counted() {
    let directory = Directory::new();
    let [a, b] = [1, 2].map(Buyer::new);
    let ledger = Ledger::new(open(&directory));
    ledger.open(a.accept(&a.channel(100), 60)).await.unwrap();
    let again = open(&directory).holding(1);
    let found = again.load(a.id()).await.unwrap().unwrap();
    assert_eq!(found.channel, a.accept(&a.channel(100), 60));
    let refused = again.swap(b.id(), None, Some(&b.channel(1))).await;
    assert!(matches!(refused, Err(StoreFault::Full)));
    // What another process has forgotten makes room.
    let last = ledger.store().load(a.id()).await.unwrap().unwrap();
    let forgotten = ledger.store().swap(a.id(), Some(last.version), None).await;
    assert_eq!(forgotten.unwrap(), Swap::Done);
    let stored = again.swap(b.id(), None, Some(&b.channel(1))).await;
    assert_eq!(stored.unwrap(), Swap::Done);
}

#[tokio::test]
async fn a_record_of_another_sdk_is_read_and_its_writing_noticed() {
    let directory = Directory::new();
    let store = open(&directory);
    let buyer = Buyer::new(1);
    let channel = buyer.accept(&buyer.channel(1000), 500);
    let stored = store.swap(buyer.id(), None, Some(&channel)).await;
    assert_eq!(stored.unwrap(), Swap::Done);
    let read = store.load(buyer.id()).await.unwrap().unwrap();
    // Go takes 200 and writes what it knows.
    let path = file(&directory, &buyer);
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    record.as_object_mut().unwrap().remove("tollgate");
    record["spent"] = json!(200);
    fs::write(&path, record.to_string()).unwrap();
    let late = store
        .swap(buyer.id(), Some(read.version), Some(&channel))
        .await;
    assert_eq!(late.unwrap(), Swap::Conflict);
    let found = store.load(buyer.id()).await.unwrap().unwrap();
    assert_eq!(
        (found.channel.accepted(), found.channel.spent()),
        (500, 200)
    );
    assert_ne!(found.version, read.version);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_fault_and_left_as_it_is() {
    let directory = Directory::new();
    let store = open(&directory);
    let buyer = Buyer::new(1);
    let stored = store
        .swap(buyer.id(), None, Some(&buyer.channel(1000)))
        .await;
    assert_eq!(stored.unwrap(), Swap::Done);
    let path = file(&directory, &buyer);
    let whole = fs::read(&path).unwrap();
    let of_another = {
        let text = String::from_utf8(whole.clone()).unwrap();
        text.replace(&buyer.id().to_string(), &Buyer::new(2).id().to_string())
    };
    let mut long = whole.clone();
    long.resize(64 * 1024 + 1, b' ');
    let halves = [
        &whole[..0],
        &whole[..1],
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 2],
    ];
    let broken = halves.map(<[u8]>::to_vec).into_iter();
    for broken in broken.chain([
        of_another.into_bytes(),
        long,
        b"null".to_vec(),
        vec![0; 500],
    ]) {
        fs::write(&path, &broken).unwrap();
        let fault = store.load(buyer.id()).await;
        assert!(matches!(fault, Err(StoreFault::Corrupt(_))), "{fault:?}");
        for version in [None, Some(Version(0))] {
            let swap = store
                .swap(buyer.id(), version, Some(&buyer.channel(1)))
                .await;
            assert_eq!(swap.unwrap(), Swap::Conflict);
        }
        assert_eq!(fs::read(&path).unwrap(), broken);
    }
    // The ledger does not take it for a channel that is not there.
    assert!(Ledger::new(store).open(buyer.channel(1)).await.is_err());
}

#[tokio::test]
async fn leftovers_are_removed_and_nothing_else() {
    let directory = Directory::new();
    let buyer = Buyer::new(1);
    let store = open(&directory);
    let stored = store.swap(buyer.id(), None, Some(&buyer.channel(5))).await;
    assert_eq!(stored.unwrap(), Swap::Done);
    let record = format!("{}.json", buyer.id());
    let others = [
        "notes.json".to_owned(),
        ".notes.json.tmp".to_owned(),
        record.to_uppercase(),
        // Another spelling of a name is another file, and not the channel's.
        format!("0x{}.json", buyer.id().to_string()[2..].to_uppercase()),
        format!("{record}.tmp"),
    ];
    let left = format!(".{record}.tmp");
    for name in others.iter().chain([&left]) {
        fs::write(directory.path().join(name), "half").unwrap();
    }
    let store = open(&directory);
    let mut names = [others.to_vec(), vec![record]].concat();
    names.sort();
    assert_eq!(directory.names(), names);
    assert_eq!(store.list(None, 10).await.unwrap(), [buyer.id()]);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_the_records() {
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new();
    let store = open(&directory);
    let buyer = Buyer::new(1);
    let stored = store.swap(buyer.id(), None, Some(&buyer.channel(5))).await;
    assert_eq!(stored.unwrap(), Swap::Done);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.path()), 0o700);
    for entry in fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn outside_of_a_runtime_it_is_a_fault_and_no_panic() {
    let directory = Directory::new();
    let store = open(&directory);
    let mut load = std::pin::pin!(store.load(Buyer::new(1).id()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let fault = load.as_mut().poll(&mut context);
    assert!(matches!(
        fault,
        std::task::Poll::Ready(Err(StoreFault::Unavailable(_)))
    ));
}

/// Nobody acts on a name that a power cut may still undo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_is_on_disk() {
    let directory = Directory::new();
    let buyer = Buyer::new(1);
    let [loaded, durable] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (renamed, renaming) = std::sync::mpsc::channel();
    let (seen, done) = (Arc::clone(&loaded), Arc::clone(&durable));
    let writer = open(&directory).stopping(move |point| match point {
        Point::Renamed => {
            renamed.send(()).unwrap();
            // Long enough for a reader that does not wait, and no longer than it takes.
            let patience = (0..200_000).take_while(|_| !seen.load(Ordering::SeqCst));
            patience.for_each(|_| std::thread::yield_now());
        }
        Point::Durable => done.store(true, Ordering::SeqCst),
        _ => {}
    });
    let reader = open(&directory);
    let (id, channel) = (buyer.id(), buyer.channel(5));
    let writing = tokio::spawn(async move { writer.swap(id, None, Some(&channel)).await });
    renaming.recv().unwrap();
    let found = reader.load(buyer.id()).await.unwrap();
    loaded.store(true, Ordering::SeqCst);
    assert!(found.is_some() && durable.load(Ordering::SeqCst));
    assert_eq!(writing.await.unwrap().unwrap(), Swap::Done);
}

/// What is dropped was written or was not; a channel of which nobody heard is whole either way.
#[tokio::test]
async fn a_dropped_writing_is_whole_or_not_there() {
    let directory = Directory::new();
    let store = open(&directory);
    let buyer = Buyer::new(1);
    let channel = buyer.channel(5);
    {
        let mut swap = std::pin::pin!(store.swap(buyer.id(), None, Some(&channel)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(swap.as_mut().poll(&mut context).is_pending());
    }
    let ledger = Ledger::new(store);
    assert_eq!(ledger.open(channel.clone()).await.unwrap(), channel);
}
