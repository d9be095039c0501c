mod duty;
mod notes;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use payment_core::{Denied, Timestamp};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use self::duty::{Duty, Kind};
use self::notes::Notes;
use super::{Channel, ChannelError, ChannelId, ChannelStore, Desk, DeskError, Escrow, LedgerError};

/// Looks after the channels of a [`Desk`], so that what was earned reaches the chain in time.
///
/// - What was earned is settled when it is enough, or when it has waited for long.
/// - A payer who asks to close without us is answered by settling the highest voucher at once,
///   and again until it is done. (RULES.md, T67)
/// - Channels in use are read from the chain at least every minute, others that owe us something
///   every two.
/// - Closings that were left, as by a restart, are taken up again. Idle channels are closed.
/// - What fails is tried again, later and later.
///
/// Several keepers of the same books, in several processes, pay nothing twice. Each needs an
/// account of its own to send from ([`Settler`](payment_evm::Settler) owns its nonce), and may
/// now and then pay gas for what another was faster at.
///
/// ```no_run
/// # use mpp_evm::session::{ChannelStore, Desk, Escrow, Keeper};
/// # use std::time::Duration;
/// # async fn run<E: Escrow, S: ChannelStore>(
/// #     desk: Desk<E, S>,
/// #     stop: impl Future<Output = ()> + Send + 'static,
/// # ) {
/// let keeper = Keeper::new(desk)
///     .settle_at(5_000_000) // base units: 5 dollars of 6 decimals
///     .settle_after(Duration::from_secs(6 * 3600));
/// tokio::spawn(keeper.run(stop));
/// # }
/// ```
pub struct Keeper<E, S> {
    desk: Desk<E, S>,
    rules: Rules,
    notes: Arc<Mutex<Notes>>,
    stopping: Arc<AtomicBool>,
}

/// What a keeper has done in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Channels read from the chain.
    pub refreshed: usize,
    /// Transactions that have settled.
    pub settled: usize,
    /// Channels closed.
    pub closed: usize,
    /// Channels forgotten.
    pub forgotten: usize,
    /// What has failed, or is not known to have succeeded.
    pub failed: usize,
}

#[derive(Clone, Copy)]
struct Rules {
    settle_at: Option<u128>,
    worth_settling: u128,
    settle_after: Duration,
    close_after: Duration,
    refresh_every: Duration,
    forget_after: Option<Duration>,
    at_once: usize,
    every: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// How long after its last charge a channel counts as in use.
const IN_USE: Duration = Duration::from_secs(600);

/// How often a channel is read that is not in use and owes us something. A forced close is seen
/// with most of the grace period left.
const WATCH_EVERY: Duration = Duration::from_secs(120);

/// How often any other is.
const GLANCE_EVERY: Duration = Duration::from_secs(3600);

/// Names of channels read from the books at once: many, for a store that has them in no order
/// looks at all of them each time.
const PAGE: usize = 16 * 1024;

/// How many times as many transactions that do not hurry one round sends as there are at once. The
/// others wait for the next: a round must end well within a grace period, to see one begin.
const WAVES: usize = 4;

impl Default for Rules {
    fn default() -> Self {
        Self {
            settle_at: None,
            worth_settling: 1,
            settle_after: DAY,
            close_after: DAY * 30,
            refresh_every: MINUTE / 2,
            forget_after: None,
            at_once: 8,
            every: Duration::from_secs(10),
        }
    }
}

impl<E: Escrow, S: ChannelStore> Keeper<E, S> {
    /// A keeper of this desk.
    #[must_use]
    pub fn new(desk: Desk<E, S>) -> Self {
        Self {
            desk,
            rules: Rules::default(),
            notes: Arc::default(),
            stopping: Arc::default(),
        }
    }

    /// Settles a channel that has earned so much beyond what was settled, in base units. Not by
    /// amount without this.
    #[must_use]
    pub const fn settle_at(mut self, units: u128) -> Self {
        self.rules.settle_at = Some(units);
        self
    }

    /// Does not settle less than this, in base units, however long it has waited: what is not worth
    /// the gas. It is paid with more of it, or when the channel closes. Anything is worth it without
    /// this, and where a payer is leaving.
    #[must_use]
    pub const fn worth_settling(mut self, units: u128) -> Self {
        self.rules.worth_settling = units;
        self
    }

    /// Settles what was earned and waits for so long, or on a channel that was not used for so
    /// long. One day without this.
    #[must_use]
    pub const fn settle_after(mut self, wait: Duration) -> Self {
        self.rules.settle_after = wait;
        self
    }

    /// Closes channels that were not used for so long. 30 days without this.
    #[must_use]
    pub const fn close_after(mut self, idle: Duration) -> Self {
        self.rules.close_after = idle;
        self
    }

    /// How often channels in use are read from the chain. 30 s without this; never so seldom that
    /// what is known of one could be older than a minute.
    #[must_use]
    pub const fn refresh_every(mut self, interval: Duration) -> Self {
        self.rules.refresh_every = interval;
        self
    }

    /// Forgets channels that are closed for so long. Without this the books keep them.
    #[must_use]
    pub const fn forget_after(mut self, closed: Duration) -> Self {
        self.rules.forget_after = Some(closed);
        self
    }

    /// How many channels are worked on at once. 8 without this.
    #[must_use]
    pub fn at_once(mut self, channels: usize) -> Self {
        self.rules.at_once = channels.max(1);
        self
    }

    /// How long to rest between two rounds. 10 s without this.
    #[must_use]
    pub const fn every(mut self, rest: Duration) -> Self {
        self.rules.every = rest;
        self
    }

    /// Makes one round after another until `stop` is ready. What was begun by then is brought to
    /// its end, and nothing else is begun.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves closings half way; the next keeper takes them up.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            {
                let mut round = pin!(self.tick());
                tokio::select! {
                    biased;
                    () = &mut stop => {
                        self.stopping.store(true, Ordering::Relaxed);
                        round.await;
                        return;
                    }
                    _ = &mut round => {}
                }
            }
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = sleep(self.rules.every) => {}
            }
        }
    }

    /// Makes one round, by the clock of the desk. Needs a tokio runtime.
    pub async fn tick(&self) -> Tally {
        let mut tally = Tally::default();
        let mut tasks = JoinSet::new();
        let round = self.notes().begin();
        let unhurried = Arc::new(AtomicUsize::new(self.rules.at_once.saturating_mul(WAVES)));
        let mut after = None;
        let complete = loop {
            let page = match self.desk.ledger().store().list(after, PAGE).await {
                Ok(page) => page,
                Err(fault) => {
                    tracing::warn!(fault = &fault as &dyn Error, "the books can't be read");
                    tally.failed += 1;
                    break false;
                }
            };
            let Some(last) = page.last().copied() else {
                break true;
            };
            after = Some(last);
            for id in page {
                while tasks.len() >= self.rules.at_once {
                    tally.add(tasks.join_next().await);
                }
                if self.stopping.load(Ordering::Relaxed) {
                    break;
                }
                match self.desk.load(id).await {
                    Ok(channel) if self.has_work(&channel, round) => {
                        tasks.spawn(self.clone().tend(channel, Arc::clone(&unhurried)));
                    }
                    Ok(_) => {}
                    Err(error) if is_moot(&error) => {}
                    // One that can't be read must not keep the others waiting.
                    Err(error) => {
                        tracing::error!(channel = %id, error = &error as &dyn Error, "a channel can't be read");
                        tally.failed += 1;
                    }
                }
            }
            if self.stopping.load(Ordering::Relaxed) {
                break false;
            }
        };
        while !tasks.is_empty() {
            tally.add(tasks.join_next().await);
        }
        if complete {
            self.notes().end(round);
        }
        tally
    }

    /// Whether there may be something to do: the next thing that there is is found by [`Self::tend`].
    fn has_work(&self, channel: &Channel, round: u64) -> bool {
        let now = self.desk.now();
        self.notes().see(channel, now, round);
        self.next(channel, now).is_some()
    }

    /// Does what there is to do for a channel, one thing after the other. `unhurried` is how many
    /// payments that can wait this round may still make.
    async fn tend(self, mut channel: Channel, unhurried: Arc<AtomicUsize>) -> Tally {
        let mut tally = Tally::default();
        let id = channel.id();
        // Each thing done leads to another, and none to itself: a bound, not a number that counts.
        for _ in 0..4 {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let Some(duty) = self.next(&channel, self.desk.now()) else {
                break;
            };
            let waits = duty.kind() == Kind::Paying;
            if waits && !take_one(&unhurried) {
                break;
            }
            let outcome = self.perform(duty, id, &mut tally).await;
            let now = self.desk.now();
            match outcome {
                Ok(next) => {
                    self.notes().succeeded(id, duty);
                    match next {
                        Some(next) => channel = next,
                        None => break,
                    }
                }
                Err(error) if is_moot(&error) => break,
                Err(error) => {
                    tracing::warn!(channel = %id, ?duty, error = &error as &dyn Error, "a channel is not looked after");
                    tally.failed += 1;
                    self.notes().failed(id, duty, now);
                    // Not known to be what it was.
                    match self.desk.load(id).await {
                        Ok(next) => channel = next,
                        Err(_) => break,
                    }
                }
            }
        }
        tally
    }

    /// Does one thing; the channel as it is afterwards.
    async fn perform(
        &self,
        duty: Duty,
        id: ChannelId,
        tally: &mut Tally,
    ) -> Result<Option<Channel>, DeskError> {
        match duty {
            Duty::Refresh => {
                let channel = self.desk.refresh(id).await?;
                tally.refreshed += 1;
                Ok(Some(channel))
            }
            Duty::Rescue => {
                let booked = self.desk.settle_channel(id).await?;
                tally.settled += usize::from(booked.transaction.is_some());
                Ok(Some(booked.channel))
            }
            Duty::Settle => {
                let booked = self.desk.settle_earned(id).await?;
                tally.settled += usize::from(booked.transaction.is_some());
                Ok(Some(booked.channel))
            }
            Duty::Resume | Duty::Close => match self.desk.close_channel(id).await {
                Ok(booked) => {
                    tally.closed += 1;
                    Ok(Some(booked.channel))
                }
                Err(error @ DeskError::Escrow(Denied::Refused(_))) => {
                    // A token that does not pay the payer back may yet pay us.
                    let booked = self.desk.settle_channel(id).await?;
                    tally.settled += usize::from(booked.transaction.is_some());
                    Err(error)
                }
                Err(error) => Err(error),
            },
            Duty::Forget(after) => {
                tally.forgotten += usize::from(self.desk.forget(id, after).await?);
                Ok(None)
            }
        }
    }

    /// What is to be done next for a channel, at this moment.
    fn next(&self, channel: &Channel, now: Timestamp) -> Option<Duty> {
        let duty = self.duties(channel, now);
        let notes = self.notes();
        duty.into_iter()
            .flatten()
            .find(|duty| notes.may_try(channel.id(), *duty, now))
    }

    fn duties(&self, channel: &Channel, now: Timestamp) -> [Option<Duty>; 2] {
        let rules = &self.rules;
        if channel.finalized() {
            let old = |after: &Duration| channel.seen_at().plus(*after) <= now;
            return [rules.forget_after.filter(old).map(Duty::Forget), None];
        }
        if let Some(until) = channel.closing_until() {
            // Somebody works on it until then.
            return [(until <= now).then_some(Duty::Resume), None];
        }
        let stale = !channel.is_fresh(now, self.refresh_after(channel, now));
        let leaving = channel.close_requested_at() != 0;
        let payout = if leaving {
            channel.unsettled().map(|_| Duty::Rescue)
        } else if channel.used_at().plus(rules.close_after) <= now {
            Some(Duty::Close)
        } else {
            self.is_due(channel, now).then_some(Duty::Settle)
        };
        [stale.then_some(Duty::Refresh), payout]
    }

    fn refresh_after(&self, channel: &Channel, now: Timestamp) -> Duration {
        let in_use = now < channel.used_at().plus(IN_USE) || !channel.holds().is_empty();
        match (in_use, channel.unsettled()) {
            // Old enough to be too old before the next round.
            (true, _) => {
                let before = MINUTE.saturating_sub(self.rules.every);
                self.rules.refresh_every.min(before)
            }
            (false, Some(_)) => WATCH_EVERY,
            (false, None) => GLANCE_EVERY,
        }
    }

    /// Whether what was earned should go to the chain. What was authorized and not earned does
    /// not hurry: the payer may yet close by less.
    fn is_due(&self, channel: &Channel, now: Timestamp) -> bool {
        let earned = channel.spent().saturating_sub(channel.settled());
        if earned < self.rules.worth_settling.max(1) || channel.earned().is_none() {
            return false;
        }
        let waited = |since: Timestamp| since.plus(self.rules.settle_after) <= now;
        let owing_since = self.notes().owing_since(channel.id());
        // A channel that never rests is told by the notes; one that does, after a restart too, by
        // its last use.
        self.rules.settle_at.is_some_and(|least| earned >= least)
            || owing_since.is_some_and(waited)
            || waited(channel.used_at())
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Nothing under the lock panics half way.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one of so many; `false` when there is none.
fn take_one(of: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

/// Others have done it, or do it now.
fn is_moot(error: &DeskError) -> bool {
    matches!(
        error,
        DeskError::Ledger(
            LedgerError::Unknown
                | LedgerError::Refused(
                    ChannelError::Foreign
                        | ChannelError::NoSigner
                        | ChannelError::Finalized
                        | ChannelError::Closing
                )
        )
    )
}

impl Tally {
    fn add(&mut self, ended: Option<Result<Self, JoinError>>) {
        match ended {
            Some(Ok(other)) => {
                self.refreshed += other.refreshed;
                self.settled += other.settled;
                self.closed += other.closed;
                self.forgotten += other.forgotten;
                self.failed += other.failed;
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a task of the keeper ended early");
                self.failed += 1;
            }
            None => {}
        }
    }
}

impl<E, S> Clone for Keeper<E, S> {
    fn clone(&self) -> Self {
        Self {
            desk: self.desk.clone(),
            rules: self.rules,
            notes: Arc::clone(&self.notes),
            stopping: Arc::clone(&self.stopping),
        }
    }
}

impl<E, S> fmt::Debug for Keeper<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("desk", &self.desk)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "onchain"))]
mod tests;
