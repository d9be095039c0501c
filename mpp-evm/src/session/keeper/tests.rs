//! Channels looked after on a real chain.
#![allow(clippy::unwrap_used)]

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use devnet::{Artifact, Fault, IPaymentChannelEscrow, ITollToken};
use payment_core::Denied;
use payment_evm::Settler;

use super::super::scene::{DEPOSIT, Scene, TestDesk, quick, signer};
use super::{Keeper, Tally};
use crate::CredentialType;
use crate::session::{
    ChainState, Channel, ChannelId, ChannelStore, CheckedDeposit, Desk, Escrow, Ledger,
    MemoryChannelStore, Moved, OnchainEscrow, SignedVoucher, StoreFault, Swap, Venue, Version,
    Versioned,
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn keeper(desk: &TestDesk) -> Keeper<OnchainEscrow, MemoryChannelStore> {
    Keeper::new(desk.clone())
}

/// Ticks until a moment, every ten seconds.
async fn tick_for<E: Escrow, S: ChannelStore>(
    scene: &Scene,
    keeper: &Keeper<E, S>,
    seconds: u64,
) -> Tally {
    let mut sum = Tally::default();
    for _ in 0..seconds / 10 {
        scene.advance(10);
        sum.add(Some(Ok(keeper.tick().await)));
    }
    sum
}

#[tokio::test]
async fn what_is_earned_is_settled_when_it_is_enough() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk).settle_at(100);
    let id = scene.used(&desk, 1, &[300], 99).await;
    assert_eq!(keeper.tick().await, Tally::default());
    scene.spend(&desk, id, 1).await.unwrap();
    assert_eq!(keeper.tick().await.settled, 1);
    assert_eq!(scene.income(), 300);
    // Settled ahead of what is earned next: nothing to do until that is more.
    scene.spend(&desk, id, 150).await.unwrap();
    scene.accept(&desk, id, 500).await;
    assert_eq!(tick_for(&scene, &keeper, 60).await.settled, 0);
    scene.spend(&desk, id, 150).await.unwrap();
    assert_eq!(keeper.tick().await.settled, 1);
    assert_eq!((scene.income(), scene.sent()), (500, 2));
}

#[tokio::test]
async fn what_is_earned_does_not_wait_for_longer_than_a_day() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk);
    // One is used all the time, one rests, and one has earned nothing.
    let busy = scene.used(&desk, 1, &[100], 50).await;
    scene.used(&desk, 2, &[70], 1).await;
    let unearned = scene.used(&desk, 3, &[900], 0).await;
    for _ in 0..23 {
        scene.advance(HOUR);
        scene.spend(&desk, busy, 1).await.unwrap();
        assert_eq!(keeper.tick().await.settled, 0);
    }
    scene.advance(HOUR);
    assert_eq!(keeper.tick().await.settled, 2);
    assert_eq!(scene.income(), 170);
    // From then on it is counted from what is earned next.
    scene.accept(&desk, busy, 200).await;
    scene.spend(&desk, busy, 50).await.unwrap();
    assert_eq!(tick_for(&scene, &keeper, 600).await.settled, 0);
    for _ in 0..23 {
        scene.advance(HOUR);
        scene.spend(&desk, busy, 1).await.unwrap();
        assert_eq!(keeper.tick().await.settled, 0);
    }
    scene.advance(HOUR);
    assert_eq!(keeper.tick().await.settled, 1);
    assert_eq!(scene.income(), 270);
    assert_eq!(desk.load(unearned).await.unwrap().settled(), 0);
}

#[tokio::test]
async fn what_is_not_worth_the_gas_waits_until_it_is_or_the_payer_leaves() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk).settle_at(10).worth_settling(60);
    let little = scene.used(&desk, 1, &[100], 59).await;
    scene.used(&desk, 2, &[100], 60).await;
    scene.advance(2 * DAY);
    assert_eq!(keeper.tick().await.settled, 1);
    assert_eq!(desk.load(little).await.unwrap().settled(), 0);
    scene.request_close(little);
    assert_eq!(tick_for(&scene, &keeper, 600).await.settled, 1);
    assert_eq!(scene.income(), 200);
}

#[tokio::test]
async fn a_keeper_that_has_just_begun_settles_what_has_waited() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 50).await;
    desk.settle_channel(id).await.unwrap();
    scene.accept(&desk, id, 400).await;
    scene.spend(&desk, id, 300).await.unwrap();
    let new = scene.used(&desk, 2, &[5], 5).await;
    scene.advance(DAY - 1);
    // This one is used until the end, and nothing of it was ever settled.
    scene.accept(&desk, new, 7).await;
    scene.spend(&desk, new, 1).await.unwrap();
    assert_eq!(keeper(&desk).tick().await.settled, 0);
    scene.advance(1);
    assert_eq!(keeper(&desk).tick().await.settled, 2);
    assert_eq!(scene.income(), 407);
}

#[tokio::test]
async fn t67_a_forced_close_is_answered_with_the_highest_voucher_inside_the_grace_period() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk);
    // Of all kinds: just used, and long ago.
    let old = scene.used(&desk, 1, &[100, 300], 50).await;
    scene.advance(2 * HOUR);
    keeper.tick().await;
    let new = scene.used(&desk, 2, &[40, 70], 0).await;
    for id in [old, new] {
        scene.request_close(id);
    }
    let tally = tick_for(&scene, &keeper, 120).await;
    assert_eq!((tally.settled, scene.income()), (2, 370));
    assert!(scene.spend(&desk, new, 1).await.is_err());
    // Settled once, and the payer gets the rest.
    assert_eq!(tick_for(&scene, &keeper, 800).await.settled, 0);
    for id in [old, new] {
        let call = IPaymentChannelEscrow::withdrawCall {
            channelId: id.word(),
        };
        scene.call(scene.buyer(), &call);
    }
    assert_eq!(scene.balance(scene.net.escrow), 0);
    tick_for(&scene, &keeper, HOUR).await;
    assert!(desk.load(new).await.unwrap().finalized());
    assert_eq!((scene.income(), scene.sent()), (370, 2));
}

#[tokio::test]
async fn t67_a_node_that_fails_for_long_does_not_let_the_grace_period_pass() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk).settle_at(50);
    let id = scene.used(&desk, 1, &[300], 50).await;
    // Settling fails again and again, for hours; what waits for that must not hold this up.
    let rpc = &scene.net.rpc;
    rpc.fail_next_calling("eth_estimateGas", usize::MAX, Fault::Http500);
    let tally = tick_for(&scene, &keeper, 2 * HOUR).await;
    assert_eq!((tally.settled, scene.income()), (0, 0));
    assert!((5..=30).contains(&tally.failed), "{tally:?}");
    scene.request_close(id);
    let tally = tick_for(&scene, &keeper, 600).await;
    assert!((15..=60).contains(&tally.failed), "{tally:?}");
    rpc.heal();
    let tally = tick_for(&scene, &keeper, 40).await;
    assert_eq!((tally.settled, scene.income()), (1, 300));
}

#[tokio::test]
async fn t67_no_channel_in_use_is_older_than_a_minute() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let keeper = keeper(&desk).refresh_every(Duration::from_secs(3_600));
    let id = scene.used(&desk, 1, &[300], 50).await;
    let mut refreshed = 0;
    for _ in 0..60 {
        scene.advance(10);
        let age = desk.now().millis() - desk.load(id).await.unwrap().seen_at().millis();
        assert!(age <= 60_000, "{age}");
        refreshed += keeper.tick().await.refreshed;
    }
    // And not more often than that asks for.
    assert_eq!(refreshed, 11);
    // Out of use it is still watched, as long as it owes something.
    let quiet = tick_for(&scene, &keeper, HOUR).await.refreshed;
    assert!((28..=31).contains(&quiet), "{quiet}");
    desk.settle_channel(id).await.unwrap();
    assert!(tick_for(&scene, &keeper, HOUR).await.refreshed <= 1);
}

#[tokio::test]
async fn idle_channels_are_closed_and_in_the_end_forgotten() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let week = Duration::from_secs(7 * DAY);
    let keeper = keeper(&desk).settle_after(week * 52).forget_after(week);
    let id = scene.used(&desk, 1, &[100, 300], 50).await;
    let used = scene.used(&desk, 2, &[300], 50).await;
    scene.advance(30 * DAY - 10);
    scene.spend(&desk, used, 1).await.unwrap();
    assert_eq!(keeper.tick().await.closed, 0);
    scene.advance(10);
    let tally = keeper.tick().await;
    assert_eq!((tally.closed, tally.forgotten), (1, 0));
    // By the voucher that covers what is owed.
    assert_eq!(
        (scene.income(), scene.balance(scene.net.escrow)),
        (100, DEPOSIT)
    );
    assert!(desk.load(id).await.unwrap().finalized());
    scene.advance(7 * DAY);
    assert_eq!(keeper.tick().await.forgotten, 1);
    assert!(desk.load(id).await.is_err());
    desk.load(used).await.unwrap();
    assert_eq!(scene.sent(), 1);
}

#[tokio::test]
async fn t68_a_closing_that_was_left_is_taken_up_after_a_restart() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let left = scene.used(&desk, 1, &[100, 300], 50).await;
    // The process ends before anything is sent, and another one after the broadcast.
    scene.net.chain.pause_mining(true);
    tokio::select! {
        biased;
        outcome = desk.close_channel(left) => panic!("{outcome:?}"),
        () = ready(()) => {}
    }
    scene.net.chain.pause_mining(false);
    let sent = scene.used(&desk, 2, &[10, 30], 5).await;
    scene.net.chain.pause_mining(true);
    tokio::select! {
        biased;
        outcome = desk.close_channel(sent) => panic!("{outcome:?}"),
        () = scene.wait_for(1) => {}
    }
    scene.net.chain.pause_mining(false);
    let keeper = keeper(&desk);
    // As long as somebody may be at it, it is left alone.
    assert_eq!(tick_for(&scene, &keeper, 110).await, Tally::default());
    let tally = tick_for(&scene, &keeper, 10).await;
    assert_eq!((tally.closed, tally.failed), (2, 0));
    for id in [left, sent] {
        assert!(desk.load(id).await.unwrap().finalized());
    }
    assert_eq!((scene.income(), scene.sent()), (110, 2));
}

#[tokio::test]
async fn a_payer_that_can_not_be_paid_back_does_not_keep_us_from_being_paid() {
    let scene = Scene::new().await;
    let creation = Artifact::hostile_token().creation;
    let token = scene
        .net
        .chain
        .deploy(&scene.net.settler, creation)
        .unwrap();
    let send = |to, data: Vec<u8>| {
        let sent = scene.net.chain.send(scene.buyer(), to, data);
        assert!(sent.unwrap().status());
    };
    let purse = U256::from(DEPOSIT);
    let buyer = scene.buyer().address;
    let (to, value) = (buyer, purse);
    send(token, ITollToken::mintCall { to, value }.abi_encode());
    let mut opening = scene.opening(1);
    opening.token = token;
    scene.open_itself(&opening, DEPOSIT);
    let ledger = Arc::new(Ledger::new(MemoryChannelStore::default()));
    let desk = Desk::new(Arc::new(scene.escrow.clone()), ledger, opening.payee, token);
    let desk = desk.clock(scene.clock.clone());
    let id = opening.id();
    desk.adopt(id).await.unwrap();
    scene.accept(&desk, id, 300).await;
    scene.spend(&desk, id, 50).await.unwrap();
    send(token, setBlockedCall { account: buyer }.abi_encode());

    scene.advance(30 * DAY);
    let tally = Keeper::new(desk.clone()).tick().await;
    assert_eq!((tally.closed, tally.settled), (0, 1));
    let paid = scene.net.chain.balance_of(token, opening.payee);
    assert_eq!(paid, U256::from(300));
    assert_eq!(desk.load(id).await.unwrap().is_open(), Ok(()));
}

alloy_sol_types::sol! {
    function setBlocked(address account);
}

#[tokio::test]
async fn two_keepers_in_two_processes_pay_nothing_twice() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let mut due = Vec::new();
    for salt in 1..=4 {
        due.push(scene.used(&desk, salt, &[100], 50).await);
    }
    let idle = scene.used(&desk, 5, &[100, 300], 90).await;
    // Each sends from an account of its own.
    let mut keepers = Vec::new();
    for wallet in [&scene.net.settler, &scene.net.buyers[6]] {
        let settler = Settler::connect(&scene.net.rpc_url, signer(wallet), quick());
        let escrow = OnchainEscrow::connect(settler.await.unwrap(), scene.net.escrow);
        let escrow = escrow.await.unwrap().clock(scene.clock.clone());
        let escrow = escrow.relayed_for(signer(&scene.net.seller));
        let (payee, token) = (scene.net.seller.address, scene.token.address);
        let desk = Desk::new(Arc::new(escrow), Arc::clone(desk.ledger()), payee, token);
        keepers.push(Keeper::new(desk.clock(scene.clock.clone())));
    }
    scene.advance(30 * DAY - HOUR);
    for id in due {
        scene.spend(&desk, id, 1).await.unwrap();
    }
    scene.advance(HOUR);
    let (a, b) = tokio::join!(keepers[0].tick(), keepers[1].tick());
    assert_eq!(a.closed + b.closed, 1, "{a:?} {b:?}");
    assert!(desk.load(idle).await.unwrap().finalized());
    assert_eq!(scene.income(), 4 * 100 + 100);
    for keeper in &keepers {
        assert_eq!(tick_for(&scene, keeper, 600).await.settled, 0);
    }
    assert_eq!(scene.income(), 4 * 100 + 100);
}

/// A store one of whose records can't be read. It counts how often its names are.
#[derive(Default)]
struct Damaged {
    store: MemoryChannelStore,
    listed: AtomicUsize,
    bad: std::sync::Mutex<Option<ChannelId>>,
}

impl ChannelStore for Damaged {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        if *self.bad.lock().unwrap() == Some(id) {
            return Err(StoreFault::Corrupt("not a channel".into()));
        }
        self.store.load(id).await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        self.store.swap(id, expected, next).await
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        self.listed.fetch_add(1, Ordering::SeqCst);
        self.store.list(after, most).await
    }
}

#[tokio::test]
async fn a_record_that_can_not_be_read_does_not_keep_the_others_waiting() {
    let scene = Scene::new().await;
    let ledger = Arc::new(Ledger::new(Damaged::default()));
    let (payee, token) = (scene.net.seller.address, scene.token.address);
    let desk = Desk::new(
        Arc::new(scene.escrow.clone()),
        Arc::clone(&ledger),
        payee,
        token,
    );
    let desk = desk.clock(scene.clock.clone());
    let mut ids = Vec::new();
    for salt in 1..=3 {
        let id = scene.open(salt);
        desk.adopt(id).await.unwrap();
        scene.accept(&desk, id, 100).await;
        scene.spend(&desk, id, 50).await.unwrap();
        ids.push(id);
    }
    ids.sort();
    *ledger.store().bad.lock().unwrap() = Some(ids[0]);
    let tally = Keeper::new(desk).settle_at(50).tick().await;
    assert_eq!((tally.settled, tally.failed), (2, 1));
}

#[tokio::test]
async fn t67_a_round_that_settles_much_ends_in_time_for_what_is_urgent() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let mut earned = Vec::new();
    for salt in 1..=10 {
        earned.push(scene.used(&desk, salt, &[100], 50).await);
    }
    let keeper = keeper(&desk).settle_at(50).at_once(1);
    assert_eq!(keeper.tick().await.settled, 4);
    // What hurries does not wait for its turn.
    let mut left = Vec::new();
    for id in &earned {
        let channel = desk.load(*id).await.unwrap();
        left.extend((channel.settled() == 0).then_some(*id));
    }
    for id in &left {
        scene.request_close(*id);
        desk.refresh(*id).await.unwrap();
    }
    assert_eq!(keeper.tick().await.settled, 6);
}

#[tokio::test]
async fn the_names_of_many_channels_are_read_in_few_pages() {
    let scene = Scene::new().await;
    let ledger = Arc::new(Ledger::new(Damaged::default()));
    for number in 1..=600_u32 {
        // Of another payee, so that nothing is to be done for them.
        let venue = Venue {
            payee: Address::repeat_byte(1),
            ..*scene.desk().venue()
        };
        let chain = ChainState {
            payer: Address::repeat_byte(2),
            payee: venue.payee,
            token: venue.token,
            authorized_signer: Some(Address::ZERO),
            deposit: 100,
            settled: 0,
            close_requested_at: 0,
            finalized: false,
        };
        let id = ChannelId::new(U256::from(number).into());
        let channel = Channel::adopt(id, venue, &chain, scene.desk().now()).unwrap();
        ledger.open(channel).await.unwrap();
    }
    let (payee, token) = (scene.net.seller.address, scene.token.address);
    let desk = Desk::new(
        Arc::new(scene.escrow.clone()),
        Arc::clone(&ledger),
        payee,
        token,
    );
    Keeper::new(desk).tick().await;
    assert_eq!(ledger.store().listed.load(Ordering::SeqCst), 2);
}

/// Counts how many calls are under way.
struct Counted {
    escrow: OnchainEscrow,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Escrow for Counted {
    fn taken_up(&self, id: ChannelId) {
        self.escrow.taken_up(id);
    }

    fn chain_id(&self) -> u64 {
        self.escrow.chain_id()
    }

    fn contract(&self) -> Address {
        self.escrow.contract()
    }

    fn pays(&self, payee: Address) -> bool {
        self.escrow.pays(payee)
    }

    fn takes(&self, kind: CredentialType) -> bool {
        self.escrow.takes(kind)
    }

    async fn state(&self, id: ChannelId) -> Result<Option<ChainState>, payment_core::Fault> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let state = self.escrow.state(id).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        state
    }

    async fn deposit(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        self.escrow.deposit(deposit).await
    }

    async fn settle(&self, id: ChannelId, voucher: &SignedVoucher) -> Result<Moved, Denied> {
        self.escrow.settle(id, voucher).await
    }

    async fn close(&self, id: ChannelId, voucher: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        self.escrow.close(id, voucher).await
    }
}

#[tokio::test]
async fn no_more_channels_are_worked_on_at_once_than_is_said() {
    let scene = Scene::new().await;
    let escrow = Arc::new(Counted {
        escrow: scene.escrow.clone(),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let (payee, token) = (scene.net.seller.address, scene.token.address);
    let ledger = Arc::new(Ledger::new(MemoryChannelStore::default()));
    let desk = Desk::new(Arc::clone(&escrow), ledger, payee, token);
    let desk = desk.clock(scene.clock.clone());
    for salt in 1..=12 {
        desk.adopt(scene.open(salt)).await.unwrap();
    }
    scene.advance(60);
    let keeper = Keeper::new(desk).at_once(3);
    assert_eq!(keeper.tick().await.refreshed, 12);
    assert_eq!(escrow.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_was_begun_when_it_is_stopped_is_brought_to_its_end() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    for salt in 1..=3 {
        scene.used(&desk, salt, &[100], 50).await;
    }
    scene.net.chain.pause_mining(true);
    let stop = async {
        scene.wait_for(1).await;
        scene.net.chain.pause_mining(false);
    };
    keeper(&desk).settle_at(50).at_once(1).run(stop).await;
    // One was under way, and is in the books; nothing was begun after it.
    assert_eq!((scene.income(), scene.sent()), (100, 1));
    let (channels, _) = desk.list(None, 10).await.unwrap();
    let settled: u128 = channels.iter().map(Channel::settled).sum();
    assert_eq!(settled, 100);
    // Nor is the next thing for a channel, once the one before it is done.
    scene.advance(60);
    let escrow = Arc::new(Counted {
        escrow: scene.escrow.clone(),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let (payee, token) = (scene.net.seller.address, scene.token.address);
    let watched = Desk::new(Arc::clone(&escrow), Arc::clone(desk.ledger()), payee, token);
    let reading = async {
        while escrow.most.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    let watched = watched.clock(scene.clock.clone());
    Keeper::new(watched).settle_at(50).run(reading).await;
    assert_eq!((scene.income(), scene.sent()), (100, 1));
    // It goes on by itself otherwise.
    let run = keeper(&desk).settle_at(50).run(pending());
    tokio::select! {
        () = run => {}
        () = async { while scene.income() < 300 { tokio::task::yield_now().await } } => {}
    }
}
