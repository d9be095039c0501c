mod error;
mod facts;
mod payout;

use std::time::Duration;

use alloy_primitives::Address;
use payment_core::Timestamp;
use payment_evm::{Domain, PublicKey, SignatureError};

use super::id::signer;
use super::{ChannelId, CheckedVoucher, SignedVoucher, Voucher};

pub use error::ChannelError;
pub use payout::Closing;

/// What a channel must belong to, to be worth anything to one seller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Venue {
    /// The chain.
    pub chain_id: u64,
    /// The contract that holds the deposits.
    pub escrow: Address,
    /// Who is paid.
    pub payee: Address,
    /// What it is paid in.
    pub token: Address,
}

/// What the chain says of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// Whose deposit it is.
    pub payer: Address,
    /// Who is paid.
    pub payee: Address,
    /// What it is paid in.
    pub token: Address,
    /// Who signs vouchers; the zero address stands for the payer. `None` from an escrow that can't
    /// tell: then it is known only of channels whose opening we have seen.
    pub authorized_signer: Option<Address>,
    /// All base units ever deposited.
    pub deposit: u128,
    /// Base units paid out to the payee.
    pub settled: u128,
    /// When the payer asked to close without us, in seconds since the epoch; 0 when it did not.
    pub close_requested_at: u64,
    /// Whether it is closed for good.
    pub finalized: bool,
}

/// One channel, as the seller keeps it. A value: every change is a function that gives another.
///
/// What holds for each of them: `settled ≤ accepted ≤ deposit` and `spent + held ≤ accepted`;
/// `deposit`, `settled`, `accepted`, `spent` and `units` only grow, and `finalized` stays.
/// (evm-session, Accounting)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub(super) id: ChannelId,
    pub(super) venue: Venue,
    pub(super) payer: Address,
    /// The zero address where it is the payer.
    pub(super) authorized_signer: Address,
    /// The signer's key, once a voucher was recovered to it.
    pub(super) key: Option<PublicKey>,
    pub(super) deposit: u128,
    pub(super) settled: u128,
    pub(super) close_requested_at: u64,
    pub(super) finalized: bool,
    /// What the payer has authorized us to take in all.
    pub(super) accepted: u128,
    /// The highest voucher. What was accepted may be more: what is settled counts as authorized.
    pub(super) voucher: Option<SignedVoucher>,
    /// A lower voucher that still covers what is owed, so that closing need not take all that
    /// was authorized.
    pub(super) cover: Option<SignedVoucher>,
    pub(super) spent: u128,
    pub(super) units: u64,
    pub(super) holds: Vec<Hold>,
    /// Numbers of holds that ran out and were neither taken nor given back, the latest of them:
    /// their requests were cut off, and may be asked about. (T71)
    pub(super) lapsed: Vec<u64>,
    /// Counts streams; the latest one is served.
    pub(super) stream: u64,
    /// Until when a closing that has begun is left alone; `None` while the channel is open.
    pub(super) closing_until: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    /// When the chain was read last.
    pub(super) seen_at: Timestamp,
    /// When it last paid for something.
    pub(super) used_at: Timestamp,
}

/// An amount set aside for a request in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Tells it from every other of the channel.
    pub id: u64,
    /// Base units.
    pub amount: u128,
    /// From then on nobody works on it any more, and it counts for nothing.
    pub until: Timestamp,
}

/// Requests in work on one channel at once, at most.
const MOST_HOLDS: usize = 64;

/// Seconds that an escrow waits at least between a request to close and the withdrawal.
const LEAST_GRACE: u64 = 600;

/// How far the clocks of those who keep one channel may be apart.
const AHEAD: Duration = Duration::from_secs(60);

impl Channel {
    /// Takes up a channel that the chain has. What was settled before we knew of it counts as
    /// authorized and spent.
    ///
    /// # Errors
    ///
    /// `Foreign` for another payee or token and for no payer at all, `NoSigner` when the escrow
    /// can't tell whose vouchers the channel pays, `Finalized`, `Closing`, and `Overflow` for
    /// numbers that no contract keeps.
    pub fn adopt(
        id: ChannelId,
        venue: Venue,
        chain: &ChainState,
        now: Timestamp,
    ) -> Result<Self, ChannelError> {
        // What was never opened reads as zeros.
        if chain.payee != venue.payee || chain.token != venue.token || chain.payer.is_zero() {
            return Err(ChannelError::Foreign);
        }
        if chain.finalized {
            return Err(ChannelError::Finalized);
        }
        if chain.close_requested_at != 0 {
            return Err(ChannelError::Closing);
        }
        if chain.settled > chain.deposit {
            return Err(ChannelError::Overflow);
        }
        // A guess would have us serve for vouchers that the contract does not pay.
        let authorized_signer = chain.authorized_signer.ok_or(ChannelError::NoSigner)?;
        Ok(Self {
            id,
            venue,
            payer: chain.payer,
            authorized_signer: Some(authorized_signer)
                .filter(|signer| *signer != chain.payer)
                .unwrap_or_default(),
            key: None,
            deposit: chain.deposit,
            settled: chain.settled,
            close_requested_at: 0,
            finalized: false,
            accepted: chain.settled,
            voucher: None,
            cover: None,
            spent: chain.settled,
            units: 0,
            holds: Vec::new(),
            lapsed: Vec::new(),
            stream: 0,
            closing_until: None,
            created_at: now,
            seen_at: now,
            used_at: now,
        })
    }

    /// Takes over what the chain says now. An answer that is older than what is known lowers
    /// nothing, and an old request to close in it counts for nothing; a pending close ends only by
    /// a deposit that has grown.
    ///
    /// # Errors
    ///
    /// `Foreign` when it is not this channel, `Overflow` for numbers that no contract keeps.
    pub fn observe(&self, chain: &ChainState, now: Timestamp) -> Result<Self, ChannelError> {
        let same = chain.payer == self.payer
            && chain.payee == self.venue.payee
            && chain.token == self.venue.token
            // By who it stands for: some records write the payer out.
            && chain
                .authorized_signer
                .is_none_or(|it| signer(chain.payer, it) == self.signer());
        if !same {
            return Err(ChannelError::Foreign);
        }
        if chain.settled > chain.deposit {
            return Err(ChannelError::Overflow);
        }
        let mut next = self.clone();
        // What only grows is less there: it was read before what we know, or what we know was
        // undone by a reorganisation. So an old request to close has ended since, and a young one
        // counts: it may be the only sign that the payer is about to withdraw.
        let stale = chain.deposit < self.deposit
            || chain.settled < self.settled
            || (self.finalized && !chain.finalized);
        let is_young =
            chain.close_requested_at.saturating_add(LEAST_GRACE) > self.seen_at.seconds();
        let topped_up = chain.deposit > self.deposit;
        next.deposit = self.deposit.max(chain.deposit);
        next.settled = self.settled.max(chain.settled);
        next.finalized = self.finalized || chain.finalized;
        if topped_up && !stale {
            next.close_requested_at = chain.close_requested_at;
        } else if !stale || is_young {
            next.close_requested_at = self.close_requested_at.max(chain.close_requested_at);
        }
        // Settled beyond what we know to be authorized: it was used beyond what we know, too.
        let unknown = next.settled.saturating_sub(self.accepted);
        next.accepted = add(self.accepted, unknown)?;
        next.spent = add(self.spent, unknown)?;
        next.seen_at = match self.seen_at > now.plus(AHEAD) {
            // By a clock that has been set back since.
            true => now,
            false => self.seen_at.max(now),
        };
        Ok(next.covered())
    }

    /// Checks who signed a voucher on this channel: by the key that an earlier one was recovered
    /// to, or by recovery. The very voucher that was accepted last costs
    /// nothing. (evm-session, Voucher Verification, steps 3–5)
    ///
    /// # Errors
    ///
    /// `Unrecoverable` when nobody can have signed it, `OtherSigner` when somebody else did.
    pub fn check(
        &self,
        signed: SignedVoucher,
        domain: &Domain,
    ) -> Result<CheckedVoucher, SignatureError> {
        let voucher = Voucher {
            channel: self.id,
            cumulative: signed.cumulative,
        };
        match self.key {
            Some(key) if self.voucher == Some(signed) => {
                Ok(CheckedVoucher::known(voucher, signed.signature, key))
            }
            Some(key) => {
                CheckedVoucher::verify(voucher, signed.signature, domain, key, self.signer())
            }
            None => CheckedVoucher::recover(voucher, signed.signature, domain, self.signer()),
        }
    }

    /// Accepts a voucher. One that promises no more than is accepted already changes nothing.
    /// (evm-session, Voucher Verification, steps 6–10)
    ///
    /// # Errors
    ///
    /// `Finalized`, `Closing`, `DeltaTooSmall`, `ExceedsDeposit`, or `Foreign` for a voucher of
    /// another channel.
    pub fn accept(
        &self,
        voucher: &CheckedVoucher,
        least_delta: u128,
    ) -> Result<Self, ChannelError> {
        if voucher.channel() != self.id {
            return Err(ChannelError::Foreign);
        }
        self.is_open()?;
        let signed = voucher.signed();
        let mut next = self.clone();
        next.key = Some(voucher.key());
        let Some(delta) = signed.cumulative.checked_sub(self.accepted) else {
            return Ok(next);
        };
        if delta == 0 {
            return Ok(next);
        }
        if delta < least_delta {
            let least = least_delta;
            return Err(ChannelError::DeltaTooSmall { delta, least });
        }
        if signed.cumulative > self.deposit {
            return Err(ChannelError::ExceedsDeposit {
                cumulative: signed.cumulative,
                deposit: self.deposit,
            });
        }
        Ok(next.raised(signed))
    }

    /// Sets an amount aside for a request. Setting the same aside twice changes nothing.
    ///
    /// # Errors
    ///
    /// `Insufficient`, `Busy` (also for a number that is taken), `Finalized`, `Closing`.
    pub fn hold(&self, hold: Hold, now: Timestamp) -> Result<Self, ChannelError> {
        self.is_open()?;
        let mut next = self.swept(now);
        match next.holds.iter().find(|held| held.id == hold.id) {
            Some(held) if *held == hold => return Ok(next),
            Some(_) => return Err(ChannelError::Busy),
            None => {}
        }
        next.lapsed.retain(|id| *id != hold.id);
        next.covers(hold.amount)?;
        if next.holds.len() >= MOST_HOLDS {
            return Err(ChannelError::Busy);
        }
        next.holds.push(hold);
        next.used_at = self.used_at.max(now);
        Ok(next)
    }

    /// Takes what was set aside, or less of it. What ran out meanwhile is taken afresh, if it is
    /// still there. Done also while the channel closes: the work was begun before. Not done twice:
    /// the second time it would be taken afresh, so a step whose outcome is not known is not
    /// repeated.
    ///
    /// # Errors
    ///
    /// `Insufficient` when it is no longer there, or `amount` is more than was set aside;
    /// `Finalized` when the payer has withdrawn what would pay for it.
    pub fn commit(
        &self,
        hold: u64,
        amount: u128,
        units: u64,
        now: Timestamp,
    ) -> Result<Self, ChannelError> {
        let mut next = self.clone();
        match next.holds.iter().position(|held| held.id == hold) {
            Some(at) => {
                let held = next.holds.swap_remove(at).amount;
                if amount > held {
                    return Err(ChannelError::Insufficient {
                        available: held,
                        cost: amount,
                    });
                }
                // Our own closing claims what is held; the payer's withdrawal leaves us what
                // was settled and no more.
                if self.finalized && add(self.spent, amount)? > self.settled {
                    return Err(ChannelError::Finalized);
                }
            }
            None => {
                self.is_open()?;
                next = next.swept(now);
                next.lapsed.retain(|id| *id != hold);
                next.covers(amount)?;
            }
        }
        next.pay(amount, units, now)
    }

    /// Gives back what was set aside. What is not there any more changes nothing.
    #[must_use]
    pub fn give_back(&self, hold: u64) -> Self {
        let mut next = self.clone();
        next.holds.retain(|held| held.id != hold);
        next.lapsed.retain(|id| *id != hold);
        next
    }

    /// Whether what was set aside by this number ran out and was not taken. What is neither this
    /// nor held any more was taken or given back.
    #[must_use]
    pub fn has_lapsed(&self, hold: u64) -> bool {
        self.lapsed.contains(&hold)
    }

    /// Begins a stream, which ends every earlier one. Its number is [`Channel::stream`].
    ///
    /// # Errors
    ///
    /// `Finalized`, `Closing`.
    pub fn begin_stream(&self, now: Timestamp) -> Result<Self, ChannelError> {
        self.is_open()?;
        let mut next = self.clone();
        next.stream = self.stream.checked_add(1).ok_or(ChannelError::Overflow)?;
        next.used_at = self.used_at.max(now);
        Ok(next)
    }

    /// Takes the cost of the next units of a stream, before they are delivered.
    ///
    /// # Errors
    ///
    /// `Superseded`, `Insufficient`, `Finalized`, `Closing`.
    pub fn charge(
        &self,
        stream: u64,
        amount: u128,
        units: u64,
        now: Timestamp,
    ) -> Result<Self, ChannelError> {
        if self.stream != stream {
            return Err(ChannelError::Superseded);
        }
        self.is_open()?;
        let next = self.swept(now);
        next.covers(amount)?;
        next.pay(amount, units, now)
    }

    /// Whether what is known of the chain is younger than this. What was seen in the future was
    /// seen nobody knows when: a clock that is set back must not hide that the payer leaves.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, within: Duration) -> bool {
        is_fresh(self.seen_at, now, within)
    }

    /// What is left of what was authorized, at this moment.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> u128 {
        let held = self.holds.iter().filter(|hold| hold.until > now);
        let held = held.fold(0_u128, |sum, hold| sum.saturating_add(hold.amount));
        self.accepted
            .saturating_sub(self.spent)
            .saturating_sub(held)
    }

    /// What a voucher must promise for so much to be available: all that is owed and the cost,
    /// and at least one least step more than is accepted. It may be more than was deposited.
    /// (evm-session, Streaming)
    ///
    /// # Errors
    ///
    /// `Overflow` for what no voucher can promise.
    pub fn required(
        &self,
        cost: u128,
        least_delta: u128,
        now: Timestamp,
    ) -> Result<u128, ChannelError> {
        let needed = add(self.swept(now).owed(), cost)?;
        Ok(needed.max(add(self.accepted, least_delta)?))
    }

    /// Whether new work may be done on it.
    ///
    /// # Errors
    ///
    /// `Finalized` or `Closing`.
    pub fn is_open(&self) -> Result<(), ChannelError> {
        if self.finalized {
            return Err(ChannelError::Finalized);
        }
        if self.close_requested_at != 0 || self.closing_until.is_some() {
            return Err(ChannelError::Closing);
        }
        Ok(())
    }

    /// Spent, and set aside by requests in work.
    fn owed(&self) -> u128 {
        let held = self.holds.iter();
        held.fold(self.spent, |sum, hold| sum.saturating_add(hold.amount))
    }

    /// Without the holds that nobody works on any more.
    fn swept(&self, now: Timestamp) -> Self {
        let mut next = self.clone();
        next.holds.retain(|hold| hold.until > now);
        let gone = self.holds.iter().filter(|hold| hold.until <= now);
        next.lapsed.extend(gone.map(|hold| hold.id));
        let oldest = next.lapsed.len().saturating_sub(MOST_HOLDS);
        next.lapsed.drain(..oldest);
        next
    }

    fn covers(&self, cost: u128) -> Result<(), ChannelError> {
        let available = self.accepted.saturating_sub(self.owed());
        if cost > available {
            return Err(ChannelError::Insufficient { available, cost });
        }
        Ok(())
    }

    fn pay(mut self, amount: u128, units: u64, now: Timestamp) -> Result<Self, ChannelError> {
        self.spent = add(self.spent, amount)?;
        self.units = self.units.saturating_add(units);
        self.used_at = self.used_at.max(now);
        Ok(self.covered())
    }

    /// With a new highest voucher. The one before is kept if it covers what is owed.
    fn raised(mut self, signed: SignedVoucher) -> Self {
        self.cover = self.covering([self.cover, self.voucher]);
        self.accepted = signed.cumulative;
        self.voucher = Some(signed);
        self
    }

    /// The first that covers what is owed.
    fn covering(&self, vouchers: [Option<SignedVoucher>; 2]) -> Option<SignedVoucher> {
        let mut given = vouchers.into_iter().flatten();
        given.find(|voucher| voucher.cumulative >= self.owed())
    }

    /// Without a cover that will never do again. One that is short of what is held is kept, for
    /// that may be given back.
    fn covered(mut self) -> Self {
        let spent = self.spent;
        self.cover = self.cover.filter(|cover| cover.cumulative >= spent);
        self
    }

    /// Whether everything holds that holds for each channel.
    pub(super) fn is_sound(&self) -> bool {
        let promised = self.voucher.map_or(0, |voucher| voucher.cumulative);
        let sum = |sum: u128, hold: &Hold| sum.checked_add(hold.amount);
        let owed = self.holds.iter().try_fold(self.spent, sum);
        let taken = |at: usize| {
            self.holds[..at]
                .iter()
                .any(|held| held.id == self.holds[at].id)
        };
        self.settled <= self.accepted
            && self.accepted <= self.deposit
            && owed.is_some_and(|owed| owed <= self.accepted)
            && self.accepted == self.settled.max(promised)
            && (self.voucher.is_none() || self.key.is_some())
            && self.cover.is_none_or(|cover| cover.cumulative < promised)
            && self.holds.len() <= MOST_HOLDS
            && self.lapsed.len() <= MOST_HOLDS
            && !(0..self.holds.len()).any(taken)
    }
}

/// See [`Channel::is_fresh`].
pub(super) fn is_fresh(seen_at: Timestamp, now: Timestamp, within: Duration) -> bool {
    now < seen_at.plus(within) && seen_at <= now.plus(AHEAD)
}

fn add(a: u128, b: u128) -> Result<u128, ChannelError> {
    a.checked_add(b).ok_or(ChannelError::Overflow)
}

#[cfg(test)]
mod tests;
