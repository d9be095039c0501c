use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use payment_core::{Clock, Denied, Fault, SystemClock, Timestamp};

use super::{
    Channel, ChannelError, ChannelId, ChannelStore, CheckedVoucher, Closing, Escrow, Ledger,
    LedgerError, Moved, SignedVoucher, StoreFault, Swap, Venue,
};

/// Where a seller settles and closes channels: the books, and the escrow behind them.
///
/// - The books change first, then the chain, then the books again: whatever stops in between is
///   taken up again by calling the same function, or by a keeper.
/// - A channel that is being closed takes no new work. It opens again only when the closing is
///   known not to have come about. (RULES.md, T68)
///
/// Clones share everything.
pub struct Desk<E, S> {
    escrow: Arc<E>,
    ledger: Arc<Ledger<S>>,
    venue: Venue,
    clock: Arc<dyn Clock>,
    lease: Duration,
}

/// What the books say afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The channel as it is stored.
    pub channel: Channel,
    /// The transaction; `None` when there was nothing to do, or somebody else has done it.
    pub transaction: Option<B256>,
}

/// Why something was not done, or is not known to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The books refuse: `Unknown` when there is no such channel, `Foreign` when it is not of this
    /// desk, `Finalized`, `Closing` while it is being closed. Or they can't be read or written:
    /// what the escrow has done by then is found by the next [`Desk::refresh`].
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The escrow has not done it, or is not known to have done it (`Denied::Unknown`).
    #[error("the escrow says {}", code(.0))]
    Escrow(Denied),
}

fn code(denied: &Denied) -> &str {
    match denied {
        Denied::Refused(refusal) => &refusal.problem().code,
        Denied::Failed(fault) => fault.code(),
        Denied::Unknown(pending) => pending.code,
        _ => "no",
    }
}

impl From<ChannelError> for DeskError {
    fn from(error: ChannelError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<StoreFault> for DeskError {
    fn from(fault: StoreFault) -> Self {
        Self::Ledger(fault.into())
    }
}

impl From<Denied> for DeskError {
    fn from(denied: Denied) -> Self {
        Self::Escrow(denied)
    }
}

impl From<Fault> for DeskError {
    fn from(fault: Fault) -> Self {
        Self::Escrow(fault.into())
    }
}

/// How long one attempt to close has, before another may take it up: longer than an escrow waits
/// for a transaction.
const LEASE: Duration = Duration::from_secs(120);

impl<E: Escrow, S: ChannelStore> Desk<E, S> {
    /// A desk for channels of this payee and token at this escrow. Channels of others that share
    /// the books are not touched.
    pub fn new(escrow: Arc<E>, ledger: Arc<Ledger<S>>, payee: Address, token: Address) -> Self {
        let venue = Venue {
            chain_id: escrow.chain_id(),
            escrow: escrow.contract(),
            payee,
            token,
        };
        Self {
            escrow,
            ledger,
            venue,
            clock: Arc::new(SystemClock),
            lease: LEASE,
        }
    }

    /// Sets where time comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how long an attempt to close has, before another may take it up. 2 minutes without
    /// this; it must be longer than the escrow waits for a transaction.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Chain, escrow, payee and token.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }

    /// The books.
    #[must_use]
    pub const fn ledger(&self) -> &Arc<Ledger<S>> {
        &self.ledger
    }

    /// What holds the deposits.
    #[must_use]
    pub const fn escrow(&self) -> &Arc<E> {
        &self.escrow
    }

    /// The present moment, by the clock of the desk.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Channels in the order of their names, beginning behind one, so many at most. Only of this
    /// desk: an answer may be shorter than asked for and not be the last. The name to go on from
    /// stands beside; `None` at the end.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`.
    pub async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<(Vec<Channel>, Option<ChannelId>), DeskError> {
        let names = self.ledger.store().list(after, most).await?;
        let last = names.last().copied();
        let mut channels = Vec::with_capacity(names.len());
        for id in names {
            let found = self.ledger.load(id).await?;
            channels.extend(found.filter(|channel| *channel.venue() == self.venue));
        }
        Ok((channels, last))
    }

    /// Reads a channel from the books.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`: `Unknown`, or `Foreign` for a channel of another desk.
    pub async fn load(&self, id: ChannelId) -> Result<Channel, DeskError> {
        let channel = self.ledger.load(id).await?.ok_or(LedgerError::Unknown)?;
        match *channel.venue() == self.venue {
            true => Ok(channel),
            false => Err(ChannelError::Foreign.into()),
        }
    }

    /// Takes over what the chain says of a channel that is in the books.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`; `Escrow` when the chain can't be read, or has no such channel.
    pub async fn refresh(&self, id: ChannelId) -> Result<Channel, DeskError> {
        self.load(id).await?;
        let chain = self.escrow.state(id).await?;
        let Some(chain) = chain else {
            // Of a node that lags behind, or on another chain than we think.
            return Err(Fault::upstream("channel_missing", "the chain has no such channel").into());
        };
        let now = self.now();
        let step = |channel: &Channel| Ok((channel.observe(&chain, now)?, ()));
        Ok(self.ledger.apply(id, step).await?.0)
    }

    /// Takes a channel into the books that the chain has and we have lost, or refreshes it. What
    /// was settled counts as spent; what was spent beyond that is lost with the books, and can be
    /// spent again.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`: `Unknown` when the chain has no such channel, `Foreign`, `Finalized`
    /// or `Closing` when it is of no use, `NoSigner` when the escrow can't tell who signs its
    /// vouchers; `Escrow` when the chain can't be read.
    pub async fn adopt(&self, id: ChannelId) -> Result<Channel, DeskError> {
        match self.load(id).await {
            Err(DeskError::Ledger(LedgerError::Unknown)) => {}
            Ok(_) => return self.refresh(id).await,
            Err(error) => return Err(error),
        }
        let chain = self.escrow.state(id).await?.ok_or(LedgerError::Unknown)?;
        let channel = Channel::adopt(id, self.venue, &chain, self.now())?;
        Ok(self.ledger.open(channel).await?)
    }

    /// Brings the highest voucher to the chain, if it pays more than was settled: all that is
    /// authorized, used or not. For a payer who is leaving.
    ///
    /// Safe to call again, from wherever: the contract pays each amount once.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`: `Unknown`, `Foreign`; `Closing` while the channel is being closed,
    /// for the closing may pay by a lower voucher. `Escrow`: see [`Escrow::settle`].
    pub async fn settle_channel(&self, id: ChannelId) -> Result<Booked, DeskError> {
        self.settle_by(id, Channel::unsettled).await
    }

    /// Brings the lowest voucher to the chain that covers what was earned, if that is more than was
    /// settled. What the payer has authorized and not used can still go back when the channel
    /// closes.
    ///
    /// # Errors
    ///
    /// As for [`Self::settle_channel`].
    pub async fn settle_earned(&self, id: ChannelId) -> Result<Booked, DeskError> {
        self.settle_by(id, Channel::earned).await
    }

    async fn settle_by(
        &self,
        id: ChannelId,
        worth: fn(&Channel) -> Option<SignedVoucher>,
    ) -> Result<Booked, DeskError> {
        let channel = self.load(id).await?;
        let Some(voucher) = worth(&channel) else {
            let transaction = None;
            return Ok(Booked {
                channel,
                transaction,
            });
        };
        if channel.closing_until().is_some() {
            return Err(ChannelError::Closing.into());
        }
        let voucher = channel.spelled(voucher);
        let moved = self.escrow.settle(id, &voucher).await?;
        self.book(id, moved).await
    }

    /// Closes a channel: pays us the lowest voucher we have that covers what is owed, and gives
    /// the rest back to the payer. Takes up a closing that somebody has left.
    ///
    /// # Errors
    ///
    /// As for [`Self::close_with`].
    pub async fn close_channel(&self, id: ChannelId) -> Result<Booked, DeskError> {
        self.close_with(id, None).await
    }

    /// Closes a channel by the voucher that the payer closes with, if it covers what is owed.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`: `Unknown`, `Foreign`; `Finalized` when it is closed; `Closing` while
    /// another attempt is under way; `ExceedsDeposit`. `Escrow`: see [`Escrow::close`]. After a
    /// definite no the channel is open again, unless an earlier attempt may yet succeed; after
    /// `Denied::Unknown` it is not, and is closed by a later call.
    ///
    /// # Cancel safety
    ///
    /// A future dropped half way leaves the channel closing. A later call takes it up, once the
    /// lease of this one has ended.
    pub async fn close_with(
        &self,
        id: ChannelId,
        voucher: Option<CheckedVoucher>,
    ) -> Result<Booked, DeskError> {
        self.load(id).await?;
        let now = self.now();
        let until = now.plus(self.lease);
        let begin = |channel: &Channel| {
            let (next, closing) = channel.begin_close(voucher.as_ref(), until, now)?;
            Ok((next, (closing, channel.closing_until().is_some())))
        };
        let (channel, (closing, resumed)) = self.ledger.apply(id, begin).await?;
        if resumed {
            self.escrow.taken_up(id);
        }
        let voucher = match closing {
            Closing::Claim(voucher) => Some(channel.spelled(voucher)),
            Closing::Waive => None,
        };
        match self.escrow.close(id, voucher.as_ref()).await {
            Ok(moved) => self.book(id, moved).await,
            Err(denied) => {
                let definite = match &denied {
                    Denied::Refused(_) => true,
                    // Of this attempt only: what an earlier one has sent may still be mined, and
                    // what is served on an open channel until then would never be paid.
                    Denied::Failed(_) => !resumed,
                    _ => false,
                };
                if definite {
                    self.reopen(id, until).await?;
                }
                Err(denied.into())
            }
        }
    }

    /// Ends our own attempt to close, and no other.
    async fn reopen(&self, id: ChannelId, until: Timestamp) -> Result<(), DeskError> {
        let step = |channel: &Channel| Ok((channel.abort_close(until), ()));
        self.ledger.apply(id, step).await?;
        Ok(())
    }

    /// Forgets a channel that is closed for good and was not looked at for so long; `false` when
    /// it is not of that kind. The chain remembers it: it can't be opened or adopted again.
    ///
    /// # Errors
    ///
    /// `DeskError::Ledger`.
    pub async fn forget(&self, id: ChannelId, after: Duration) -> Result<bool, DeskError> {
        let found = self.ledger.store().load(id).await?;
        let now = self.now();
        let Some(found) = found.filter(|found| {
            let channel = &found.channel;
            let over = channel.finalized() && channel.seen_at().plus(after) <= now;
            over && *channel.venue() == self.venue
        }) else {
            return Ok(false);
        };
        let swapped = self.ledger.store().swap(id, Some(found.version), None);
        Ok(matches!(swapped.await?, Swap::Done))
    }

    /// Writes down what the escrow says after it has moved money.
    async fn book(&self, id: ChannelId, moved: Moved) -> Result<Booked, DeskError> {
        let now = self.now();
        let step = |channel: &Channel| Ok((channel.observe(&moved.chain, now)?, ()));
        let (channel, ()) = self.ledger.apply(id, step).await?;
        let transaction = moved.transaction;
        Ok(Booked {
            channel,
            transaction,
        })
    }
}

impl<E, S> Clone for Desk<E, S> {
    fn clone(&self) -> Self {
        Self {
            escrow: Arc::clone(&self.escrow),
            ledger: Arc::clone(&self.ledger),
            venue: self.venue,
            clock: Arc::clone(&self.clock),
            lease: self.lease,
        }
    }
}

impl<E, S> fmt::Debug for Desk<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("venue", &self.venue)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "onchain"))]
mod tests;
