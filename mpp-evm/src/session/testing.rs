//! What every [`ChannelStore`] must pass, and a buyer to test with.
//!
//! ```
//! use mpp_evm::session::MemoryChannelStore;
//! use mpp_evm::session::testing::check_store;
//!
//! # async fn run() {
//! // An empty store for so many channels, each time anew.
//! check_store(async |most| MemoryChannelStore::new(most)).await;
//! # }
//! ```

use alloy_primitives::{Address, B256, U256};
use payment_core::Timestamp;
use payment_evm::{Domain, LocalSigner};

use super::{
    ChainState, Channel, ChannelId, ChannelStore, Hold, Opening, SignedVoucher, StoreFault, Swap,
    Venue, Version, Voucher, escrow_domain,
};

/// Runs everything that a store must do. `make` gives an empty store each time, for at least as
/// many channels as it is asked for; a store that is asked for two must refuse a third.
///
/// # Panics
///
/// At the first thing that the store does not do as [`ChannelStore`] says.
pub async fn check_store<S: ChannelStore>(make: impl AsyncFn(usize) -> S) {
    absent_channels_are_absent(&make(8).await).await;
    a_channel_is_created_once(&make(8).await).await;
    only_what_was_read_is_replaced(&make(8).await).await;
    forgetting_takes_the_latest_version(&make(8).await).await;
    a_version_does_not_come_back(&make(8).await).await;
    every_part_of_a_channel_is_kept(&make(8).await).await;
    names_of_one_bit_apart_are_two(&make(8).await).await;
    names_are_listed_in_their_order(&make(40).await).await;
    a_full_store_refuses_and_forgets_nothing(&make(2).await).await;
}

async fn absent_channels_are_absent(store: &impl ChannelStore) {
    let channel = Buyer::new(1).channel(100);
    let id = channel.id();
    assert!(load(store, id).await.is_none());
    assert_eq!(list(store, None, 10).await, []);
    // There is no version of what is not there.
    let guess = Some(Version(0));
    assert_eq!(swap(store, id, guess, Some(&channel)).await, Swap::Conflict);
    assert_eq!(swap(store, id, guess, None).await, Swap::Conflict);
    assert_eq!(swap(store, id, None, None).await, Swap::Done);
    assert!(load(store, id).await.is_none());
}

async fn a_channel_is_created_once(store: &impl ChannelStore) {
    let channel = Buyer::new(1).channel(100);
    let other = Buyer::new(1).channel(200);
    let id = channel.id();
    assert_eq!(swap(store, id, None, Some(&channel)).await, Swap::Done);
    let (found, version) = load(store, id).await.expect("what was created is there");
    assert_eq!(found, channel);
    assert_eq!(swap(store, id, None, Some(&other)).await, Swap::Conflict);
    assert_eq!(swap(store, id, None, None).await, Swap::Conflict);
    assert_eq!(load(store, id).await, Some((channel, version)));
}

async fn only_what_was_read_is_replaced(store: &impl ChannelStore) {
    let buyer = Buyer::new(1);
    let first = buyer.channel(100);
    let second = buyer.accept(&first, 10);
    let third = buyer.accept(&first, 20);
    let id = first.id();
    assert_eq!(swap(store, id, None, Some(&first)).await, Swap::Done);
    let (_, read) = load(store, id).await.expect("it is there");
    assert_eq!(swap(store, id, Some(read), Some(&second)).await, Swap::Done);
    assert_eq!(
        swap(store, id, Some(read), Some(&third)).await,
        Swap::Conflict
    );
    let (found, later) = load(store, id).await.expect("it is there");
    assert_eq!(found, second);
    assert_ne!(later, read);
    assert_eq!(swap(store, id, Some(later), Some(&third)).await, Swap::Done);
    assert_eq!(load(store, id).await.map(|it| it.0), Some(third));
}

async fn forgetting_takes_the_latest_version(store: &impl ChannelStore) {
    let buyer = Buyer::new(1);
    let first = buyer.channel(100);
    let second = buyer.accept(&first, 10);
    let id = first.id();
    assert_eq!(swap(store, id, None, Some(&first)).await, Swap::Done);
    let (_, read) = load(store, id).await.expect("it is there");
    assert_eq!(swap(store, id, Some(read), Some(&second)).await, Swap::Done);
    assert_eq!(swap(store, id, Some(read), None).await, Swap::Conflict);
    let (found, later) = load(store, id).await.expect("it is there");
    assert_eq!(found, second);
    assert_eq!(swap(store, id, Some(later), None).await, Swap::Done);
    assert!(load(store, id).await.is_none());
    assert_eq!(list(store, None, 10).await, []);
    assert_eq!(
        swap(store, id, Some(later), Some(&second)).await,
        Swap::Conflict
    );
}

async fn a_version_does_not_come_back(store: &impl ChannelStore) {
    let buyer = Buyer::new(1);
    let first = buyer.channel(100);
    let again = buyer.accept(&first, 10);
    let id = first.id();
    assert_eq!(swap(store, id, None, Some(&first)).await, Swap::Done);
    let (_, read) = load(store, id).await.expect("it is there");
    assert_eq!(swap(store, id, Some(read), None).await, Swap::Done);
    assert_eq!(swap(store, id, None, Some(&again)).await, Swap::Done);
    let later = buyer.accept(&again, 50);
    assert_eq!(
        swap(store, id, Some(read), Some(&later)).await,
        Swap::Conflict
    );
    assert_eq!(swap(store, id, Some(read), None).await, Swap::Conflict);
    assert_eq!(load(store, id).await.map(|it| it.0), Some(again));
}

async fn every_part_of_a_channel_is_kept(store: &impl ChannelStore) {
    let mut known = None;
    for channel in Buyer::new(1).channels() {
        let id = channel.id();
        assert_eq!(swap(store, id, known, Some(&channel)).await, Swap::Done);
        let (found, version) = load(store, id).await.expect("it is there");
        assert_eq!(found, channel);
        known = Some(version);
    }
}

async fn names_of_one_bit_apart_are_two(store: &impl ChannelStore) {
    for name in Buyer::neighbours() {
        let channel = name.channel(100);
        assert_eq!(
            swap(store, channel.id(), None, Some(&channel)).await,
            Swap::Done
        );
    }
    for name in Buyer::neighbours() {
        let found = load(store, name.id()).await.map(|it| it.0.id());
        assert_eq!(found, Some(name.id()));
    }
}

async fn names_are_listed_in_their_order(store: &impl ChannelStore) {
    let mut names = Vec::new();
    for number in 0..40 {
        let channel = Buyer::new(number).channel(100);
        assert_eq!(
            swap(store, channel.id(), None, Some(&channel)).await,
            Swap::Done
        );
        names.push(channel.id());
    }
    names.sort();
    assert_eq!(list(store, None, 100).await, names);
    assert_eq!(list(store, None, 40).await, names);
    assert_eq!(list(store, None, 7).await, names[..7]);
    assert_eq!(list(store, Some(names[6]), 7).await, names[7..14]);
    assert_eq!(list(store, Some(names[39]), 7).await, []);
    assert_eq!(list(store, None, 0).await, []);
    // Behind a name that is not there, too.
    let (_, version) = load(store, names[9]).await.expect("it is there");
    assert_eq!(swap(store, names[9], Some(version), None).await, Swap::Done);
    assert_eq!(list(store, Some(names[9]), 3).await, names[10..13]);
    assert_eq!(list(store, Some(names[8]), 3).await, names[10..13]);
    assert_eq!(list(store, None, 100).await.len(), 39);
}

async fn a_full_store_refuses_and_forgets_nothing(store: &impl ChannelStore) {
    let [a, b, c] = [1, 2, 3].map(Buyer::new);
    for buyer in [&a, &b] {
        let channel = buyer.channel(100);
        assert_eq!(
            swap(store, buyer.id(), None, Some(&channel)).await,
            Swap::Done
        );
    }
    let third = c.channel(100);
    let refused = store.swap(c.id(), None, Some(&third)).await;
    assert!(matches!(refused, Err(StoreFault::Full)), "{refused:?}");
    assert!(load(store, c.id()).await.is_none());
    // What is there goes on.
    let again = a.channel(100);
    assert_eq!(
        swap(store, a.id(), None, Some(&again)).await,
        Swap::Conflict
    );
    let (found, version) = load(store, a.id()).await.expect("it is kept");
    let next = a.accept(&found, 10);
    assert_eq!(
        swap(store, a.id(), Some(version), Some(&next)).await,
        Swap::Done
    );
    let (_, version) = load(store, b.id()).await.expect("it is kept");
    assert_eq!(swap(store, b.id(), Some(version), None).await, Swap::Done);
    assert_eq!(swap(store, c.id(), None, Some(&third)).await, Swap::Done);
    let refused = store.swap(b.id(), None, Some(&b.channel(100))).await;
    assert!(matches!(refused, Err(StoreFault::Full)), "{refused:?}");
}

async fn load(store: &impl ChannelStore, id: ChannelId) -> Option<(Channel, Version)> {
    let found = store.load(id).await.expect("the store answers");
    found.map(|found| (found.channel, found.version))
}

async fn swap(
    store: &impl ChannelStore,
    id: ChannelId,
    expected: Option<Version>,
    next: Option<&Channel>,
) -> Swap {
    let swap = store.swap(id, expected, next).await;
    swap.expect("the store answers")
}

async fn list(store: &impl ChannelStore, after: Option<ChannelId>, most: usize) -> Vec<ChannelId> {
    let names = store.list(after, most).await;
    names.expect("the store answers")
}

/// Somebody with a key and a channel, for tests: everybody knows the key.
#[derive(Clone, Debug)]
pub struct Buyer {
    signer: LocalSigner,
    opening: Opening,
    id: ChannelId,
}

/// When the channels of these buyers are opened.
pub const OPENED: Timestamp = Timestamp::from_seconds(1_700_000_000);

impl Buyer {
    /// The channel of this number: each has its own name, all have one payer.
    ///
    /// # Panics
    ///
    /// Never: the key is one.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let key = LocalSigner::from_hex(&format!("{:064x}", 0xb0b));
        let signer = key.expect("a number below the order");
        let opening = Opening {
            payer: signer.address(),
            payee: Address::repeat_byte(0xaa),
            token: Address::repeat_byte(0xcc),
            salt: B256::from(U256::from(number)),
            authorized_signer: Address::ZERO,
            escrow: Address::repeat_byte(0xee),
            chain_id: 196,
        };
        Self {
            signer,
            opening,
            id: opening.id(),
        }
    }

    /// One whose vouchers this key signs in the payer's stead.
    #[must_use]
    pub fn delegated(number: u64, payer: Address) -> Self {
        let mut buyer = Self::new(number);
        buyer.opening.payer = payer;
        buyer.opening.authorized_signer = buyer.signer.address();
        buyer.id = buyer.opening.id();
        buyer
    }

    /// Names that differ in one bit of the first, a middle and the last byte.
    fn neighbours() -> [Self; 4] {
        let flip = |at: usize| {
            let mut buyer = Self::new(1);
            let mut word = buyer.id.word();
            word[at] ^= 1;
            buyer.id = ChannelId::new(word);
            buyer
        };
        [Self::new(1), flip(0), flip(15), flip(31)]
    }

    /// The channel.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// What it was opened with.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What it belongs to.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        Venue {
            chain_id: self.opening.chain_id,
            escrow: self.opening.escrow,
            payee: self.opening.payee,
            token: self.opening.token,
        }
    }

    /// Where its vouchers are signed.
    #[must_use]
    pub fn domain(&self) -> Domain {
        escrow_domain(self.opening.chain_id, self.opening.escrow)
    }

    /// What the chain says of it, so much having been deposited.
    #[must_use]
    pub const fn chain(&self, deposit: u128) -> ChainState {
        ChainState {
            payer: self.opening.payer,
            payee: self.opening.payee,
            token: self.opening.token,
            authorized_signer: Some(self.opening.authorized_signer),
            deposit,
            settled: 0,
            close_requested_at: 0,
            finalized: false,
        }
    }

    /// Signs a voucher.
    ///
    /// # Panics
    ///
    /// Never: the key signs.
    #[must_use]
    pub fn voucher(&self, cumulative: u128) -> SignedVoucher {
        let voucher = Voucher {
            channel: self.id,
            cumulative,
        };
        let signature = self.signer.sign(&voucher.digest(&self.domain()));
        SignedVoucher {
            cumulative,
            signature: signature.expect("the key signs"),
        }
    }

    /// The channel as it is taken up, so much having been deposited.
    ///
    /// # Panics
    ///
    /// Never: it is one that can be taken up.
    #[must_use]
    pub fn channel(&self, deposit: u128) -> Channel {
        let channel = Channel::adopt(self.id, self.venue(), &self.chain(deposit), OPENED);
        channel.expect("an open channel of the venue")
    }

    /// The channel with one more voucher.
    ///
    /// # Panics
    ///
    /// When the channel does not take it.
    #[must_use]
    pub fn accept(&self, channel: &Channel, cumulative: u128) -> Channel {
        let checked = channel.check(self.voucher(cumulative), &self.domain());
        let checked = checked.expect("its signer signed");
        channel.accept(&checked, 0).expect("a voucher it takes")
    }

    /// The channel in every state that a store must keep: each part of it is in one of them.
    ///
    /// # Panics
    ///
    /// Never: these are steps it takes.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let later = |millis| Timestamp::from_millis(OPENED.millis() + millis);
        let done = "a step it takes";
        let mut chain = self.chain(u128::MAX);
        let opened = self.channel(u128::MAX);
        let promised = self.accept(&opened, u128::MAX - 2);
        let covered = self.accept(&promised, u128::MAX - 1);
        let hold = |id, amount| Hold {
            id,
            amount,
            until: later(120_001),
        };
        let one = covered.hold(hold(u64::MAX, 1), later(1)).expect(done);
        let held = one.hold(hold(1, u128::MAX - 4), later(2)).expect(done);
        let taken = held.commit(u64::MAX, 1, u64::MAX, later(3)).expect(done);
        let streamed = taken.begin_stream(later(4)).expect(done);
        let (closing, _) = streamed
            .begin_close(None, later(60_000), later(5))
            .expect(done);
        chain.settled = 7;
        chain.close_requested_at = u64::MAX;
        let requested = closing.observe(&chain, later(6)).expect(done);
        chain.settled = u128::MAX;
        chain.finalized = true;
        let finalized = requested.observe(&chain, later(7)).expect(done);
        let spent = finalized.give_back(1);
        let lapsed = one.hold(hold(2, 1), later(120_001)).expect(done);
        vec![
            opened, promised, covered, one, held, taken, streamed, closing, requested, finalized,
            spent, lapsed,
        ]
    }
}
