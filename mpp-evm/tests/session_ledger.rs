//! Random lives of a channel against a second set of books: no rule broken, no unit lost or made.
//!
//! `SESSION_SEQUENCES=100000 cargo test --release -p tollgate-mpp-evm --features testing --test
//! session_ledger -- --nocapture` is the long form. A run says its seed; `SESSION_SEED` repeats it.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use mpp_evm::session::testing::{Buyer, OPENED};
use mpp_evm::session::{
    ChainState, Channel, ChannelError, ChannelId, ChannelState, ChannelStore, CheckedVoucher,
    Closing, Hold, Ledger, LedgerError, MemoryChannelStore, SignedVoucher, StoreFault, Swap,
    Version, Versioned,
};
use payment_core::Timestamp;
use payment_evm::{Domain, SignatureError};

const STEPS: u64 = 30;
const HIGHEST: u128 = 70;

#[test]
fn random_lives_of_a_channel_keep_the_books() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seed = number("SESSION_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let sequences = number("SESSION_SEQUENCES").unwrap_or(2_000);
    println!("SESSION_SEED={seed} SESSION_SEQUENCES={sequences}");
    let pool = Pool::new();
    let mut sums = BTreeMap::new();
    for sequence in 0..sequences {
        let _says = SaysWhich(seed, sequence);
        let mut dice = Dice(seed ^ sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut life = Life::new(&pool, &mut dice);
        for _ in 0..STEPS {
            let step = life.step(&mut dice);
            *sums.entry(step).or_insert(0_u64) += 1;
            life.compare();
        }
        life.end();
    }
    println!("{sequences} sequences, steps taken: {sums:?}");
    // A run in which some kind of step never came off proves nothing about it.
    let missing: Vec<_> = EVERY.iter().filter(|it| !sums.contains_key(*it)).collect();
    assert!(sequences < 1_000 || missing.is_empty(), "{missing:?}");
}

/// What must have happened in any run worth its name.
const EVERY: [&str; 26] = [
    "voucher accepted",
    "voucher unchanged",
    "voucher of another signer",
    "voucher too small",
    "voucher beyond the deposit",
    "voucher on a closing channel",
    "charged",
    "charge refused",
    "charge superseded",
    "held",
    "hold refused",
    "committed",
    "committed afresh",
    "commit refused",
    "given back",
    "stream begun",
    "topped up",
    "old read",
    "new read",
    "settled",
    "closing begun",
    "closing refused",
    "closing ended",
    "forced close",
    "restarted",
    "fault",
];

struct SaysWhich(u64, u64);

impl Drop for SaysWhich {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("SESSION_SEED={} broke at sequence {}", self.0, self.1);
        }
    }
}

/// Repeatable chance (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn amount(&mut self, end: u64) -> u128 {
        self.below(end).into()
    }
}

/// Vouchers signed and checked once: by the signer, and by somebody else.
struct Pool {
    buyer: Buyer,
    good: Vec<(SignedVoucher, CheckedVoucher)>,
    bad: SignedVoucher,
    domain: Domain,
}

impl Pool {
    fn new() -> Self {
        let buyer = Buyer::new(1);
        let channel = buyer.channel(u128::MAX);
        let domain = buyer.domain();
        let good = |cumulative| {
            let signed = buyer.voucher(cumulative);
            (signed, channel.check(signed, &domain).unwrap())
        };
        Self {
            good: (0..=HIGHEST).map(good).collect(),
            // Signed for another channel: recovers to nobody we know.
            bad: Buyer::new(2).voucher(60),
            domain,
            buyer,
        }
    }

    fn signed(&self, cumulative: u128) -> SignedVoucher {
        self.good[usize::try_from(cumulative).unwrap()].0
    }

    fn checked(&self, cumulative: u128) -> CheckedVoucher {
        self.good[usize::try_from(cumulative).unwrap()].1
    }
}

/// The contract, as far as it matters.
#[derive(Clone, Copy)]
struct Chain {
    deposit: u128,
    settled: u128,
    close_requested_at: u64,
    finalized: bool,
}

/// The second set of books: sums in a row, nothing shared with the first.
#[derive(Clone, Debug, PartialEq)]
struct Books {
    /// Which block was read last, and when.
    seen: usize,
    seen_at: u64,
    deposit: u128,
    settled: u128,
    close_requested_at: u64,
    finalized: bool,
    accepted: u128,
    spent: u128,
    units: u64,
    holds: BTreeMap<u64, (u128, u64)>,
    stream: u64,
    closing: Option<u64>,
}

impl Books {
    fn held(&self, now: u64) -> u128 {
        let live = self.holds.values().filter(|(_, until)| *until > now);
        live.map(|(amount, _)| amount).sum()
    }

    fn free(&self, now: u64) -> u128 {
        self.accepted - self.spent - self.held(now)
    }

    fn open(&self) -> Result<(), ChannelError> {
        if self.finalized {
            Err(ChannelError::Finalized)
        } else if self.close_requested_at > 0 || self.closing.is_some() {
            Err(ChannelError::Closing)
        } else {
            Ok(())
        }
    }

    fn sweep(&mut self, now: u64) {
        self.holds.retain(|_, (_, until)| *until > now);
    }
}

struct Life<'a> {
    pool: &'a Pool,
    ledger: Ledger<Shaky>,
    blocks: Vec<Chain>,
    books: Books,
    now: u64,
    /// What was charged, one receipt after the other.
    receipts: u128,
    /// What the chain told us was used, that we did not charge.
    told: u128,
    presented: BTreeSet<u128>,
    claim: Option<Closing>,
    withdrawn: bool,
}

impl<'a> Life<'a> {
    fn new(pool: &'a Pool, dice: &mut Dice) -> Self {
        let deposit = dice.amount(60);
        let settled = if dice.below(8) == 0 {
            dice.amount(60).min(deposit)
        } else {
            0
        };
        let first = Chain {
            deposit,
            settled,
            close_requested_at: 0,
            finalized: false,
        };
        let ledger = Ledger::new(Shaky::new());
        let buyer = &pool.buyer;
        let chain = chain_state(buyer, first);
        let channel = Channel::adopt(buyer.id(), buyer.venue(), &chain, OPENED).unwrap();
        done(ledger.open(channel.clone())).unwrap();
        // Twice changes nothing.
        assert_eq!(done(ledger.open(buyer.channel(9))).unwrap(), channel);
        Self {
            pool,
            ledger,
            blocks: vec![first],
            books: Books {
                seen: 0,
                seen_at: OPENED.millis(),
                deposit,
                settled,
                close_requested_at: 0,
                finalized: false,
                accepted: settled,
                spent: settled,
                units: 0,
                holds: BTreeMap::new(),
                stream: 0,
                closing: None,
            },
            now: OPENED.millis(),
            receipts: 0,
            told: settled,
            presented: BTreeSet::new(),
            claim: None,
            withdrawn: false,
        }
    }

    fn id(&self) -> ChannelId {
        self.pool.buyer.id()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn channel(&self) -> Channel {
        let found = done(self.ledger.store().inner.load(self.id())).unwrap();
        found.unwrap().channel
    }

    /// Takes a step in both books. `books` says what must come of it.
    fn both<T: Send>(
        &mut self,
        step: impl Fn(&Channel) -> Result<(Channel, T), ChannelError> + Send + Sync,
        expected: Result<Books, ChannelError>,
    ) -> Result<Option<T>, ChannelError> {
        let before = self.channel();
        match (done(self.ledger.apply(self.id(), step)), expected) {
            (Ok((next, answer)), Ok(books)) => {
                assert_eq!(next, self.channel(), "the answer is what is stored");
                self.books = books;
                Ok(Some(answer))
            }
            (Err(LedgerError::Refused(refused)), Err(expected)) => {
                // Which error it is counts, its numbers are for the reader.
                assert_eq!(
                    std::mem::discriminant(&refused),
                    std::mem::discriminant(&expected),
                    "{refused} for {expected}"
                );
                assert_eq!(before, self.channel(), "who refuses changes nothing");
                Err(refused)
            }
            // The outcome is not known: taken or not, and nothing between.
            (Err(LedgerError::Store(_)), expected) => {
                if let (Ok(books), true) = (&expected, before != self.channel()) {
                    self.books = books.clone();
                }
                Ok(None)
            }
            (taken, expected) => panic!("{:?} for {expected:?}", taken.map(|it| it.0)),
        }
    }

    fn step(&mut self, dice: &mut Dice) -> &'static str {
        self.ledger.store().trouble(dice);
        let spent = self.books.spent;
        let told = self.told;
        let step = match dice.below(32) {
            0..=7 => self.voucher(dice),
            8..=10 => self.charge(dice),
            11..=14 => self.hold(dice),
            15..=17 => self.commit(dice),
            18 => self.give_back(dice),
            19 => self.begin_stream(),
            20 => self.top_up(dice),
            21..=23 => self.read(dice),
            24 => self.settle(),
            25 => self.begin_close(dice),
            26 | 27 => self.end_close(dice),
            28 => self.force(dice),
            // A record that is read costs as much as a few vouchers.
            31 if dice.below(2) == 0 => self.restart(),
            _ => {
                self.now += [0, 1, 5, 40, 700_000][usize::try_from(dice.below(5)).unwrap()];
                "time passed"
            }
        };
        // Each unit that is spent is on a receipt, or the chain told of it.
        self.receipts += self.books.spent - spent - (self.told - told);
        step
    }

    fn voucher(&mut self, dice: &mut Dice) -> &'static str {
        let least = [0, 0, 1, 4][usize::try_from(dice.below(4)).unwrap()];
        let channel = self.channel();
        let domain = &self.pool.domain;
        if dice.below(24) == 0 {
            let refused = channel.check(self.pool.bad, domain).unwrap_err();
            assert!(matches!(refused, SignatureError::OtherSigner { .. }));
            return "voucher of another signer";
        }
        if dice.below(24) == 0 {
            // A number beside a signature for another one is no voucher either.
            let mut raised = self.pool.signed(dice.amount(60));
            raised.cumulative += 1;
            assert!(channel.check(raised, domain).is_err());
            return "voucher of another signer";
        }
        let cumulative = match dice.below(4) {
            0 => dice.amount(71),
            1 => self.books.accepted.min(HIGHEST),
            _ => (self.books.accepted + dice.amount(12)).min(HIGHEST),
        };
        let checked = self.pool.checked(cumulative);
        if dice.below(32) == 0 {
            let live = channel.check(checked.signed(), domain).unwrap();
            assert_eq!(live.signed(), checked.signed());
        }
        self.presented.insert(cumulative);
        let books = &self.books;
        let expected = books.open().and_then(|()| {
            let mut next = books.clone();
            if cumulative <= books.accepted {
                return Ok(next);
            }
            if cumulative - books.accepted < least {
                return Err(ChannelError::DeltaTooSmall { delta: 0, least });
            }
            if cumulative > books.deposit {
                let deposit = books.deposit;
                return Err(ChannelError::ExceedsDeposit {
                    cumulative,
                    deposit,
                });
            }
            next.accepted = cumulative;
            Ok(next)
        });
        let raises = cumulative > books.accepted;
        match self.both(|it| Ok((it.accept(&checked, least)?, ())), expected) {
            Ok(None) => "fault",
            Ok(_) if raises => "voucher accepted",
            Ok(_) => "voucher unchanged",
            Err(ChannelError::DeltaTooSmall { .. }) => "voucher too small",
            Err(ChannelError::ExceedsDeposit { .. }) => "voucher beyond the deposit",
            Err(_) => "voucher on a closing channel",
        }
    }

    fn charge(&mut self, dice: &mut Dice) -> &'static str {
        let (amount, units) = (dice.amount(8), dice.below(3));
        let stream = self
            .books
            .stream
            .saturating_sub(u64::from(dice.below(6) == 0));
        let (now, at) = (self.now(), self.now);
        let books = &self.books;
        let expected = if stream == books.stream {
            books.open().and_then(|()| paid(books, amount, units, at))
        } else {
            Err(ChannelError::Superseded)
        };
        let step = |it: &Channel| Ok((it.charge(stream, amount, units, now)?, ()));
        match self.both(step, expected) {
            Ok(None) => "fault",
            Ok(_) => "charged",
            Err(ChannelError::Superseded) => "charge superseded",
            Err(_) => "charge refused",
        }
    }

    fn hold(&mut self, dice: &mut Dice) -> &'static str {
        let hold = Hold {
            id: dice.below(5),
            amount: dice.amount(10),
            until: Timestamp::from_millis(self.now + dice.below(30)),
        };
        let (now, at) = (self.now(), self.now);
        let books = &self.books;
        let expected = books.open().and_then(|()| {
            let mut next = books.clone();
            next.sweep(at);
            let this = (hold.amount, hold.until.millis());
            match next.holds.get(&hold.id) {
                Some(held) if *held == this => return Ok(next),
                Some(_) => return Err(ChannelError::Busy),
                None => {}
            }
            if hold.amount > books.free(at) {
                return Err(short());
            }
            next.holds.insert(hold.id, this);
            Ok(next)
        });
        match self.both(|it| Ok((it.hold(hold, now)?, ())), expected) {
            Ok(None) => "fault",
            Ok(_) => "held",
            Err(_) => "hold refused",
        }
    }

    fn commit(&mut self, dice: &mut Dice) -> &'static str {
        // Mostly one that is held, and what it may take.
        let held = self.books.holds.iter().next();
        let (id, amount) = match held.map(|(id, held)| (*id, held.0)) {
            Some((id, held)) if dice.below(4) > 0 => (id, dice.amount(10).min(held + 1)),
            _ => (dice.below(5), dice.amount(10)),
        };
        let (now, at) = (self.now(), self.now);
        let books = &self.books;
        let held = books.holds.get(&id).copied();
        let expected = match held {
            Some((held, _)) if amount > held => Err(short()),
            Some(_) if books.finalized && books.spent + amount > books.settled => {
                Err(ChannelError::Finalized)
            }
            Some(_) => {
                let mut next = books.clone();
                next.holds.remove(&id);
                next.spent += amount;
                next.units += 1;
                Ok(next)
            }
            None => books.open().and_then(|()| paid(books, amount, 1, at)),
        };
        match self.both(|it| Ok((it.commit(id, amount, 1, now)?, ())), expected) {
            Ok(None) => "fault",
            Ok(_) if held.is_some() => "committed",
            Ok(_) => "committed afresh",
            Err(_) => "commit refused",
        }
    }

    fn give_back(&mut self, dice: &mut Dice) -> &'static str {
        let id = dice.below(5);
        let mut expected = self.books.clone();
        let there = expected.holds.remove(&id).is_some();
        match self.both(|it| Ok((it.give_back(id), ())), Ok(expected)) {
            Ok(Some(())) if there => "given back",
            Ok(Some(())) => "nothing to give back",
            _ => "fault",
        }
    }

    fn begin_stream(&mut self) -> &'static str {
        let now = self.now();
        let mut next = self.books.clone();
        next.stream += 1;
        let expected = self.books.open().map(|()| next);
        match self.both(|it| Ok((it.begin_stream(now)?, ())), expected) {
            Ok(None) => "fault",
            Ok(_) => "stream begun",
            Err(_) => "stream refused",
        }
    }

    /// The chain moves on.
    fn mine(&mut self, change: impl Fn(&mut Chain)) {
        let mut block = self.chain();
        change(&mut block);
        self.blocks.push(block);
    }

    fn chain(&self) -> Chain {
        *self.blocks.last().unwrap()
    }

    fn top_up(&mut self, dice: &mut Dice) -> &'static str {
        if self.chain().finalized {
            return "too late to top up";
        }
        let more = 1 + dice.amount(10);
        self.mine(|chain| {
            chain.deposit += more;
            chain.close_requested_at = 0;
        });
        "topped up"
    }

    /// Reads the chain, or an old answer of it.
    fn read(&mut self, dice: &mut Dice) -> &'static str {
        let last = self.blocks.len() - 1;
        let back = if dice.below(3) == 0 { dice.below(6) } else { 0 };
        let block = last.saturating_sub(usize::try_from(back).unwrap());
        self.observe(block)
    }

    fn observe(&mut self, block: usize) -> &'static str {
        let chain = self.blocks[block];
        let mut next = self.books.clone();
        let mut told = 0;
        let new = block > self.books.seen;
        if new {
            told = chain.settled.saturating_sub(next.accepted);
            next.seen = block;
            if chain.deposit > next.deposit {
                next.close_requested_at = 0;
            }
            next.deposit = chain.deposit;
            next.settled = chain.settled;
            next.finalized = chain.finalized;
            next.accepted += told;
            next.spent += told;
        }
        // A request counts while its grace may last, whatever block it is from.
        let asked = chain.close_requested_at;
        let older = chain.deposit < next.deposit
            || chain.settled < next.settled
            || (next.finalized && !chain.finalized);
        if !older || asked + 600 > next.seen_at / 1000 {
            next.close_requested_at = next.close_requested_at.max(asked);
        }
        next.seen_at = next.seen_at.max(self.now);
        let state = chain_state(&self.pool.buyer, chain);
        let now = self.now();
        let before = self.books.seen;
        match self.both(|it| Ok((it.observe(&state, now)?, ())), Ok(next)) {
            Ok(Some(())) => {
                self.told += told;
                if new { "new read" } else { "old read" }
            }
            _ => {
                if self.books.seen != before {
                    self.told += told;
                }
                "fault"
            }
        }
    }

    fn settle(&mut self) -> &'static str {
        let Some(voucher) = self.channel().unsettled() else {
            return "nothing to settle";
        };
        assert!(self.presented.contains(&voucher.cumulative));
        let chain = self.chain();
        if chain.finalized || voucher.cumulative <= chain.settled {
            return "settled by others";
        }
        assert!(voucher.cumulative <= chain.deposit);
        self.mine(|chain| chain.settled = voucher.cumulative);
        "settled"
    }

    fn begin_close(&mut self, dice: &mut Dice) -> &'static str {
        let last = (dice.below(2) == 0).then(|| match dice.below(3) {
            0 => self.books.spent.min(HIGHEST),
            1 => dice.amount(71),
            _ => self.books.accepted.min(HIGHEST),
        });
        let (now, at) = (self.now(), self.now);
        let until = Timestamp::from_millis(at + 1 + dice.below(6));
        let mut books = self.books.clone();
        let expected = if books.finalized {
            Err(ChannelError::Finalized)
        } else if books.closing.is_some_and(|until| until > at) {
            Err(ChannelError::Closing)
        } else if let Some(cumulative) = last.filter(|last| *last > books.deposit) {
            let deposit = books.deposit;
            Err(ChannelError::ExceedsDeposit {
                cumulative,
                deposit,
            })
        } else {
            books.sweep(at);
            let owed = books.spent + books.held(at);
            let enough_but_for_holds = last.filter(|last| (books.spent..owed).contains(last));
            // Which vouchers are kept the model does not know: the lowest that covers what is
            // owed is what we close with ourselves.
            let lowest = self.channel().begin_close(None, until, now).unwrap().1;
            match (enough_but_for_holds, lowest) {
                (Some(_), Closing::Claim(lowest)) if lowest.cumulative > owed => {
                    Err(ChannelError::Busy)
                }
                _ => {
                    books.accepted = books.accepted.max(last.unwrap_or(0));
                    books.closing = Some(until.millis());
                    Ok(books)
                }
            }
        };
        self.presented.extend(last);
        let checked = last.map(|last| self.pool.checked(last));
        let closing = match self.both(|it| it.begin_close(checked.as_ref(), until, now), expected) {
            Ok(Some(closing)) => closing,
            Ok(None) => return "fault",
            Err(_) => return "closing refused",
        };
        let books = &self.books;
        let owed = books.spent + books.held(at);
        match closing {
            Closing::Claim(voucher) => {
                assert!(voucher.cumulative >= owed, "what is owed is claimed");
                assert!(voucher.cumulative > books.settled);
                assert!(voucher.cumulative <= books.accepted);
                assert!(self.presented.contains(&voucher.cumulative));
                assert_eq!(voucher, self.pool.signed(voucher.cumulative));
                if let Some(last) = last.filter(|last| *last >= owed) {
                    assert_eq!(voucher.cumulative, last, "the payer's word goes first");
                }
            }
            Closing::Waive => assert!(owed <= books.settled, "nothing owed is waived"),
        }
        self.claim = Some(closing);
        "closing begun"
    }

    /// The closing comes about, or does not.
    fn end_close(&mut self, dice: &mut Dice) -> &'static str {
        let (Some(claim), Some(until)) = (self.claim.take(), self.books.closing) else {
            return "no closing to end";
        };
        let chain = self.chain();
        if chain.finalized {
            return "no closing to end";
        }
        if dice.below(3) > 0 {
            let mut books = self.books.clone();
            books.closing = None;
            let until = Timestamp::from_millis(until);
            // An attempt that nobody made ends none.
            let other = until.plus(std::time::Duration::from_millis(1));
            assert_eq!(self.channel().abort_close(other), self.channel());
            let aborted = self.both(|it| Ok((it.abort_close(until), ())), Ok(books));
            return aborted.unwrap().map_or("fault", |()| "closing ended");
        }
        let last = self.blocks.len();
        self.mine(|chain| {
            if let Closing::Claim(voucher) = claim {
                chain.settled = chain.settled.max(voucher.cumulative);
            }
            chain.finalized = true;
        });
        while self.observe(last) == "fault" {}
        "closing ended"
    }

    fn force(&mut self, dice: &mut Dice) -> &'static str {
        let chain = self.chain();
        if chain.finalized {
            return "too late to force";
        }
        if chain.close_requested_at != 0 && dice.below(2) == 0 {
            self.mine(|chain| chain.finalized = true);
            self.withdrawn = true;
            return "withdrawn";
        }
        let at = self.now / 1000;
        self.mine(|chain| chain.close_requested_at = at);
        "forced close"
    }

    /// Everything is lost but the records.
    fn restart(&mut self) -> &'static str {
        let channel = self.channel();
        let record = ChannelState::from(&channel).to_json().unwrap();
        let read = ChannelState::from_json(&record).unwrap();
        assert_eq!(read.channel().unwrap(), channel);
        self.ledger = Ledger::new(Shaky::new());
        let stored = self
            .ledger
            .store()
            .inner
            .swap(self.id(), None, Some(&channel));
        assert_eq!(done(stored).unwrap(), Swap::Done);
        "restarted"
    }

    fn compare(&self) {
        let (channel, books) = (self.channel(), &self.books);
        assert_eq!(channel.deposit(), books.deposit, "deposit");
        assert_eq!(channel.settled(), books.settled, "settled");
        assert_eq!(channel.accepted(), books.accepted, "accepted");
        assert_eq!(channel.spent(), books.spent, "spent");
        assert_eq!(channel.units(), books.units, "units");
        assert_eq!(channel.stream(), books.stream, "stream");
        assert_eq!(channel.finalized(), books.finalized, "finalized");
        assert_eq!(channel.close_requested_at(), books.close_requested_at);
        let until = channel.closing_until().map(Timestamp::millis);
        assert_eq!(until, books.closing, "closing");
        let holds = channel.holds().iter();
        let holds: BTreeMap<_, _> = holds
            .map(|hold| (hold.id, (hold.amount, hold.until.millis())))
            .collect();
        assert_eq!(holds, books.holds, "holds");
        assert_eq!(
            channel.available(self.now()),
            books.free(self.now),
            "available"
        );
        // The rules themselves, on the books that don't depend on what is tested.
        let held: u128 = books.holds.values().map(|(amount, _)| amount).sum();
        assert!(books.settled <= books.accepted && books.accepted <= books.deposit);
        assert!(books.spent + held <= books.accepted);
        assert_eq!(self.receipts + self.told, books.spent, "receipts");
        let signed = self.presented.last().copied().unwrap_or(0);
        assert!(books.accepted <= signed.max(self.blocks[0].settled));
    }

    /// The honest end: everything that was served is paid, and not more than was signed.
    fn end(&mut self) {
        let last = self.blocks.len() - 1;
        while self.observe(last) == "fault" {}
        self.now += 100_000;
        if !self.books.finalized {
            let (now, until) = (self.now(), Timestamp::from_millis(self.now + 1));
            let (_, closing) = self.channel().begin_close(None, until, now).unwrap();
            if let Closing::Claim(voucher) = closing {
                self.mine(|chain| chain.settled = voucher.cumulative);
            }
            self.mine(|chain| chain.finalized = true);
        }
        let paid = self.chain().settled;
        let signed = self.presented.last().copied().unwrap_or(0);
        assert!(
            paid <= signed.max(self.blocks[0].settled),
            "never more than was signed"
        );
        assert!(
            self.withdrawn || paid >= self.books.spent,
            "what was served is paid"
        );
    }
}

fn paid(books: &Books, amount: u128, units: u64, now: u64) -> Result<Books, ChannelError> {
    if amount > books.free(now) {
        return Err(short());
    }
    let mut next = books.clone();
    next.sweep(now);
    next.spent += amount;
    next.units += units;
    Ok(next)
}

const fn short() -> ChannelError {
    ChannelError::Insufficient {
        available: 0,
        cost: 0,
    }
}

fn chain_state(buyer: &Buyer, chain: Chain) -> ChainState {
    let mut state = buyer.chain(chain.deposit);
    state.settled = chain.settled;
    state.close_requested_at = chain.close_requested_at;
    state.finalized = chain.finalized;
    state
}

/// A store in which somebody else is faster now and then, and which fails before or after it has
/// written.
struct Shaky {
    inner: MemoryChannelStore,
    trouble: AtomicU8,
}

const FASTER: u8 = 1;
const BEFORE: u8 = 2;
const AFTER: u8 = 3;

impl Shaky {
    fn new() -> Self {
        Self {
            inner: MemoryChannelStore::new(1),
            trouble: AtomicU8::new(0),
        }
    }

    /// What befalls the next writing.
    fn trouble(&self, dice: &mut Dice) {
        let trouble = match dice.below(24) {
            0..=3 => FASTER,
            4 => BEFORE,
            5 => AFTER,
            _ => 0,
        };
        self.trouble.store(trouble, Ordering::Relaxed);
    }
}

impl ChannelStore for Shaky {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        self.inner.load(id).await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        let trouble = self.trouble.swap(0, Ordering::Relaxed);
        match trouble {
            FASTER => {
                // Another writing of the same, so that the one in work comes too late.
                if let Some(found) = self.inner.load(id).await? {
                    let again = Some(&found.channel);
                    let faster = self.inner.swap(id, Some(found.version), again).await?;
                    assert_eq!(faster, Swap::Done);
                }
            }
            BEFORE => return Err(StoreFault::Unavailable("no answer".into())),
            _ => {}
        }
        let swap = self.inner.swap(id, expected, next).await?;
        match trouble {
            FASTER => assert_eq!(swap, Swap::Conflict),
            AFTER => return Err(StoreFault::Unavailable("no answer".into())),
            _ => {}
        }
        Ok(swap)
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        self.inner.list(after, most).await
    }
}

/// The outcome of a future that never waits.
fn done<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("memory does not wait"),
    }
}
