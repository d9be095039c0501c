//! Many at once on one channel: as many are served as are paid for.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mpp_evm::session::testing::{Buyer, OPENED};
use mpp_evm::session::{Channel, ChannelError, Hold, Ledger, LedgerError};
use payment_store::FileChannelStore;

use crate::support::{Directory, Other, errand, say};

const PRICE: u128 = 100;

/// Funds for so many calls and not quite one more.
async fn fund(directory: &Path, calls: u128) {
    let buyer = Buyer::new(1);
    let channel = buyer.channel(1_000_000);
    let channel = buyer.accept(&channel, calls * PRICE + PRICE - 1);
    let ledger = Ledger::new(FileChannelStore::open(directory).unwrap());
    ledger.open(channel).await.unwrap();
}

async fn found(directory: &Path) -> Channel {
    let ledger = Ledger::new(FileChannelStore::open(directory).unwrap());
    ledger.load(Buyer::new(1).id()).await.unwrap().unwrap()
}

/// So many tasks want one call each; says how many were served.
async fn serve(directory: &Path, tasks: std::ops::Range<u64>) -> u128 {
    let ledger = Arc::new(Ledger::new(FileChannelStore::open(directory).unwrap()));
    let id = Buyer::new(1).id();
    let tasks: Vec<_> = tasks
        .map(|task| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                let hold = Hold {
                    id: task,
                    amount: PRICE,
                    until: OPENED.plus(Duration::from_secs(120)),
                };
                match ledger
                    .apply(id, |it| Ok((it.hold(hold, OPENED)?, ())))
                    .await
                {
                    Ok(_) => {}
                    Err(LedgerError::Refused(ChannelError::Insufficient { .. })) => return false,
                    Err(other) => panic!("{other}"),
                }
                let paid = ledger.apply(id, |it| Ok((it.commit(task, PRICE, 1, OPENED)?, ())));
                paid.await.unwrap();
                true
            })
        })
        .collect();
    let mut served = 0;
    for task in tasks {
        served += u128::from(task.await.unwrap());
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_tasks_as_many_are_served_as_are_paid_for() {
    let directory = Directory::new();
    fund(directory.path(), 10).await;
    assert_eq!(serve(directory.path(), 0..64).await, 10);
    let channel = found(directory.path()).await;
    assert_eq!((channel.spent(), channel.units()), (10 * PRICE, 10));
    assert!(channel.holds().is_empty());
}

#[tokio::test]
async fn two_processes_serve_no_more_than_is_paid_for() {
    let directory = Directory::new();
    fund(directory.path(), 24).await;
    let test = "together::a_process_that_serves";
    let mut others = [0, 32].map(|first| Other::start(test, directory.path(), first));
    for other in &mut others {
        assert_eq!(other.says().as_deref(), Some("ready"));
    }
    for other in &mut others {
        other.tell("go");
    }
    let mut served = 0;
    for mut other in others {
        let said = other.says().unwrap();
        served += said.parse::<u128>().unwrap();
        other.wait();
    }
    assert_eq!(served, 24);
    let channel = found(directory.path()).await;
    assert_eq!((channel.spent(), channel.units()), (24 * PRICE, 24));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the test above in a process of its own"]
async fn a_process_that_serves() {
    let Some((directory, first)) = errand() else {
        return;
    };
    say("ready");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    assert_eq!(line, "go\n");
    let served = serve(&directory, first..first + 32).await;
    say(&served.to_string());
}
