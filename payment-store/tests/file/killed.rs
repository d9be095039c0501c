//! A process dies at each point of each writing of a channel's life. Nothing that was answered is
//! lost, nothing is half there, and the buyer goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mpp_evm::session::testing::{Buyer, OPENED};
use mpp_evm::session::{Channel, ChannelError, ChannelStore, Hold, Ledger, Swap};
use payment_core::Timestamp;
use payment_store::{FileChannelStore, Point};

use crate::support::{Directory, Other, errand, say};

/// The life: what each step makes of the channel.
type Step = fn(&Buyer, &Channel) -> Channel;

const LIFE: [Step; 12] = [
    |buyer, it| buyer.accept(it, 300),
    |_, it| it.hold(hold(1), OPENED).unwrap(),
    |_, it| it.commit(1, 90, 1, later(1)).unwrap(),
    |buyer, it| it.observe(&buyer.chain(1500), later(2)).unwrap(),
    |buyer, it| buyer.accept(it, 1200),
    |_, it| it.hold(hold(2), later(3)).unwrap(),
    |_, it| it.begin_stream(later(3)).unwrap(),
    |_, it| it.charge(1, 200, 20, later(4)).unwrap(),
    |_, it| it.commit(2, 100, 1, later(5)).unwrap(),
    |buyer, it| {
        let mut chain = buyer.chain(1500);
        chain.settled = 1200;
        it.observe(&chain, later(6)).unwrap()
    },
    |_, it| it.begin_close(None, later(60_000), later(7)).unwrap().0,
    |buyer, it| {
        let mut chain = buyer.chain(1500);
        (chain.settled, chain.finalized) = (1200, true);
        it.observe(&chain, later(8)).unwrap()
    },
];

fn later(millis: u64) -> Timestamp {
    Timestamp::from_millis(OPENED.millis() + millis)
}

fn hold(id: u64) -> Hold {
    Hold {
        id,
        amount: 100,
        until: later(120_000),
    }
}

/// What is there after so many writings: opened, one for each step, forgotten.
fn states(buyer: &Buyer) -> Vec<Option<Channel>> {
    let mut channel = buyer.channel(1000);
    let mut states = vec![None, Some(channel.clone())];
    for step in LIFE {
        channel = step(buyer, &channel);
        states.push(Some(channel.clone()));
    }
    states.push(None);
    states
}

#[tokio::test]
async fn a_process_may_die_at_any_point_of_any_writing() {
    let buyer = Buyer::new(1);
    let states = states(&buyer);
    for point in 0.. {
        let directory = Directory::new();
        let mut other = Other::start("killed::a_life", directory.path(), point);
        let mut answered = 0;
        let reached = loop {
            match other.says().unwrap().split_once(' ').unwrap() {
                ("done", steps) => answered = steps.parse().unwrap(),
                ("at", reached) => break reached.to_owned(),
                ("end", _) => {
                    // It got through before this point: there are no more of them.
                    assert_eq!(answered, states.len() - 1);
                    let writings = u64::try_from(states.len()).unwrap() - 1;
                    // Forgetting writes no file.
                    assert_eq!(point, 5 * writings - 2);
                    other.wait();
                    return;
                }
                (other, _) => panic!("{other}"),
            }
        };
        other.kill();
        let named = matches!(&*reached, "Renamed" | "Durable");
        let expected = &states[answered + usize::from(named)];
        goes_on(&directory, &buyer, expected.as_ref(), &reached).await;
    }
}

/// After a restart it is what it must be, and the honest buyer goes on.
async fn goes_on(directory: &Directory, buyer: &Buyer, expected: Option<&Channel>, point: &str) {
    let store = FileChannelStore::open(directory.path()).unwrap();
    let file = format!("{}.json", buyer.id());
    let names: Vec<_> = expected.map(|_| file).into_iter().collect();
    assert_eq!(directory.names(), names, "{point}: leftovers");
    let found = store.load(buyer.id()).await.unwrap();
    assert_eq!(found.map(|it| it.channel).as_ref(), expected, "{point}");
    let ledger = Ledger::new(store);
    let fresh = buyer.channel(1000);
    let known = ledger.open(fresh.clone()).await.unwrap();
    assert_eq!(&known, expected.unwrap_or(&fresh));
    let more = known.accepted().max(known.settled()) + 50;
    let voucher = known.check(buyer.voucher(more.min(known.deposit())), &buyer.domain());
    let voucher = voucher.unwrap();
    let free = known.available(later(9));
    let paid = ledger
        .apply(buyer.id(), |it| {
            let it = it.accept(&voucher, 0)?;
            Ok((it.charge(it.stream(), free + 50, 1, later(9))?, ()))
        })
        .await;
    match known.is_open() {
        Ok(()) => {
            let (paid, ()) = paid.unwrap();
            assert_eq!(paid.available(later(9)), 0);
            assert_eq!(paid.spent(), known.spent() + free + 50);
        }
        Err(why) => {
            assert!(matches!(
                why,
                ChannelError::Closing | ChannelError::Finalized
            ));
            assert!(paid.is_err());
            assert_eq!(ledger.load(buyer.id()).await.unwrap(), Some(known));
        }
    }
}

#[tokio::test]
#[ignore = "started by the test above in a process of its own"]
async fn a_life() {
    let Some((directory, number)) = errand() else {
        return;
    };
    let passed = AtomicU64::new(0);
    let stop = move |point: Point| {
        if passed.fetch_add(1, Ordering::Relaxed) == number {
            say(&format!("at {point:?}"));
            // Until it is killed.
            loop {
                thread::park();
            }
        }
    };
    let store = FileChannelStore::open(directory).unwrap().stopping(stop);
    let ledger = Ledger::new(store);
    let buyer = Buyer::new(1);
    ledger.open(buyer.channel(1000)).await.unwrap();
    say("done 1");
    for (number, step) in LIFE.into_iter().enumerate() {
        let done = ledger.apply(buyer.id(), |it| Ok((step(&buyer, it), ())));
        done.await.unwrap();
        say(&format!("done {}", number + 2));
    }
    let last = ledger.store().load(buyer.id()).await.unwrap().unwrap();
    let forgotten = ledger.store().swap(buyer.id(), Some(last.version), None);
    assert_eq!(forgotten.await.unwrap(), Swap::Done);
    say(&format!("done {}", LIFE.len() + 2));
    say("end -");
}
