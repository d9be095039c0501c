mod settle;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use mpp_core::{Asks, ChallengeUse, MPP, MethodPayment, Presented, Settled};
use payment_core::{
    Account, BoxFuture, Denied, Fault, Meter, Paid, Problem, Purpose, Refusal, ReplayKey, Reply,
    Soon, Timestamp, Units,
};

use super::books::{self, Books};
use super::deposit::BoundDeposit;
use super::due::SessionDue;
use super::objection::{self, Objection};
use super::payload::Signed;
use super::tab::ChannelTab;
use super::{
    Channel, ChannelId, ChannelStore, CheckedDeposit, CheckedVoucher, Escrow, Hold, Opening,
    Purpose as DepositPurpose, SignedVoucher, Voucher,
};

/// What a credential of a session asks us to do. Vouchers are most of them, and small.
pub(crate) enum Action {
    /// Open a channel, and accept its first voucher where it brings one.
    Open(Box<Opened>),
    /// Add to a channel.
    TopUp(Box<BoundDeposit>),
    /// Accept a voucher, after a deposit where one comes with it; and pay for the content, where
    /// the request asks for some.
    Voucher {
        first: Option<Box<BoundDeposit>>,
        voucher: Signed,
    },
    /// Close a channel.
    Close(Signed),
}

/// A channel to be opened.
pub(crate) struct Opened {
    pub(crate) deposit: BoundDeposit,
    pub(crate) opening: Opening,
    pub(crate) voucher: Option<SignedVoucher>,
}

/// A credential bound to what one route asks, on its way through the gate.
pub(crate) struct SessionPayment<E, S> {
    books: Arc<Books<E, S>>,
    due: Arc<SessionDue>,
    challenge: Box<str>,
    now: Timestamp,
    asks: Asks,
    keys: Vec<ReplayKey>,
    stage: Stage,
    meter: Option<Meter>,
    /// The number of the stream that this request begins, for its tab.
    stream: Arc<OnceLock<u64>>,
    hold: u64,
    payer: Option<Account>,
    /// Charged by what an answer used that was lost: there is nothing more to be had for it.
    lost: bool,
}

enum Stage {
    Bound(Action),
    Checked(Checked),
    /// While a step is under way; nothing is left to be done when it stays.
    Taken,
}

/// What `check` has proven.
enum Checked {
    Open(Box<(CheckedDeposit, Option<CheckedVoucher>)>),
    TopUp(Box<CheckedDeposit>),
    Voucher(Option<Box<CheckedDeposit>>, Signed),
    Close(Signed),
    /// The voucher is accepted and its price set aside, so much of it.
    Held(ChannelId, u128),
}

impl<E: Escrow, S: ChannelStore> SessionPayment<E, S> {
    pub(crate) fn new(
        books: Arc<Books<E, S>>,
        due: Arc<SessionDue>,
        action: Action,
        presented: &Presented<'_>,
    ) -> Self {
        let mut keys = Vec::new();
        let mut hold = [0; 8];
        match (&action, presented.idempotency_key) {
            (Action::Voucher { voucher, .. }, Some(key)) if presented.asks == Asks::Content => {
                // Sent again, it is the same request: it finds its own hold.
                let channel = voucher.channel.word();
                let key =
                    ReplayKey::new("mpp-session-request", &[channel.as_slice(), key.as_bytes()]);
                hold.copy_from_slice(&key.bytes()[..8]);
                keys.push(key);
            }
            // It must be another number than those of all other holds, and no more: the keys of
            // these hashers are random, and differ each time.
            _ => hold = RandomState::new().hash_one(()).to_be_bytes(),
        }
        let stream = Arc::new(OnceLock::new());
        let meter = match &action {
            Action::Voucher { voucher, .. } if due.metered && presented.asks == Asks::Content => {
                Some(Meter::new(ChannelTab::new(
                    Arc::clone(&books),
                    Arc::clone(&due),
                    voucher.channel,
                    &presented.challenge.id,
                    Arc::clone(&stream),
                )))
            }
            _ => None,
        };
        Self {
            books,
            due,
            challenge: (&*presented.challenge.id).into(),
            now: presented.now,
            asks: presented.asks,
            keys,
            stage: Stage::Bound(action),
            meter,
            stream,
            hold: u64::from_be_bytes(hold),
            payer: None,
            lost: false,
        }
    }

    /// The challenge it answers, for the log.
    pub(crate) fn challenge(&self) -> &str {
        &self.challenge
    }

    fn prove(&mut self, action: Action) -> Result<Checked, Objection> {
        let due = &*self.due;
        Ok(match action {
            Action::Open(open) => {
                let Opened {
                    deposit,
                    opening,
                    voucher,
                } = *open;
                let channel = deposit.channel();
                let deposit = deposit.check(due)?;
                let recover = |voucher: SignedVoucher| {
                    let SignedVoucher {
                        cumulative,
                        signature,
                    } = voucher;
                    let voucher = Voucher {
                        channel,
                        cumulative,
                    };
                    CheckedVoucher::recover(voucher, signature, &due.domain, opening.signer())
                        .map_err(|error| objection::signature(&error))
                };
                let voucher = voucher.map(recover).transpose()?;
                self.payer = proven_payer(&deposit);
                Checked::Open(Box::new((deposit, voucher)))
            }
            Action::TopUp(deposit) => {
                let deposit = deposit.check(due)?;
                self.payer = proven_payer(&deposit);
                Checked::TopUp(Box::new(deposit))
            }
            Action::Voucher { first, voucher } => {
                let first = first.map(|deposit| deposit.check(due)).transpose()?;
                Checked::Voucher(first.map(Box::new), voucher)
            }
            Action::Close(voucher) => Checked::Close(voucher),
        })
    }

    /// Loads the channel of a voucher and checks who signed it: before anything is made of the
    /// amount, old or new, and before the chain is asked anything, for names of channels are
    /// public. (T60)
    async fn proven(&self, signed: &Signed) -> Result<(Channel, CheckedVoucher), Denied> {
        let channel = self.books.known(signed.channel, &self.due).await?;
        let voucher = SignedVoucher {
            cumulative: signed.cumulative,
            signature: signed.signature,
        };
        let checked = channel.check(voucher, &self.due.domain);
        let checked = checked.map_err(|error| objection::signature(&error))?;
        let now = self.books.clock.now();
        let channel = self.books.refreshed(channel, &self.due, now).await?;
        Ok((channel, checked))
    }

    /// Checks who signed a voucher that comes with a deposit, before gas is spent on that.
    async fn is_signed(&self, signed: &Signed, deposit: &CheckedDeposit) -> Result<(), Denied> {
        let DepositPurpose::Open(opening) = deposit.purpose() else {
            self.proven(signed).await?;
            return Ok(());
        };
        let voucher = Voucher {
            channel: signed.channel,
            cumulative: signed.cumulative,
        };
        let (domain, signer) = (&self.due.domain, opening.signer());
        CheckedVoucher::recover(voucher, signed.signature, domain, signer)
            .map(|_| ())
            .map_err(|error| objection::signature(&error).into())
    }

    /// Accepts the voucher and sets the price aside, in one step of the channel. A voucher stays
    /// accepted where it does not cover the price. (T62)
    async fn take(&mut self, signed: &Signed) -> Result<Checked, Denied> {
        let (_, voucher) = self.proven(signed).await?;
        let (due, now) = (&*self.due, self.books.clock.now());
        let amount = match self.asks {
            Asks::Content => due.most,
            Asks::Nothing => 0,
        };
        let hold = Hold {
            id: self.hold,
            amount,
            until: now.plus(due.lease),
        };
        let asks = self.asks;
        let step = |channel: &Channel| {
            let accepted = channel.accept(&voucher, due.least_delta)?;
            if asks == Asks::Nothing {
                return Ok((accepted, None));
            }
            // A request that was cut off half way and is sent again finds its own hold: the replay
            // guard sees to it that only one of them is in work.
            match accepted.give_back(hold.id).hold(hold, now) {
                Ok(held) => Ok((held, None)),
                Err(short) => Ok((accepted, Some(short))),
            }
        };
        let (channel, short) = self.books.apply(signed.channel, step).await?;
        if let Some(short) = short {
            return Err(objection::refused(short));
        }
        self.payer = Some(channel.payer().into());
        Ok(Checked::Held(channel.id(), amount))
    }
}

impl<E: Escrow, S: ChannelStore> MethodPayment for SessionPayment<E, S> {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn challenge_use(&self) -> ChallengeUse {
        ChallengeUse::ManyTimes
    }

    fn spent(&self) -> Refusal {
        Refusal::new(MPP, REQUEST_SERVED)
    }

    fn keep_until(&self) -> Timestamp {
        self.now.plus(REMEMBERED)
    }

    fn in_time(&self) -> Result<(), Refusal> {
        let deposit = match &self.stage {
            Stage::Bound(Action::Open(open)) => Some(&open.deposit),
            Stage::Bound(Action::TopUp(deposit)) => Some(&**deposit),
            Stage::Bound(Action::Voucher { first, .. }) => first.as_deref(),
            _ => None,
        };
        match deposit {
            Some(deposit) => Ok(deposit.in_time(self.now)?),
            None => Ok(()),
        }
    }

    fn purpose(&self) -> Purpose {
        let content = match &self.stage {
            Stage::Bound(Action::Voucher { .. })
            | Stage::Checked(Checked::Voucher(..) | Checked::Held(..)) => {
                self.asks == Asks::Content
            }
            _ => false,
        };
        let content = content && !self.lost;
        match &self.meter {
            Some(meter) if content => Purpose::Metered(meter.clone()),
            None if content => Purpose::Content,
            _ => Purpose::Management,
        }
    }

    fn check(&mut self) -> Result<(), Refusal> {
        match std::mem::replace(&mut self.stage, Stage::Taken) {
            Stage::Bound(action) => {
                self.stage = Stage::Checked(self.prove(action)?);
                Ok(())
            }
            stage => {
                self.stage = stage;
                Ok(())
            }
        }
    }

    fn payer(&self) -> Option<&Account> {
        self.payer.as_ref()
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        if !matches!(self.stage, Stage::Checked(Checked::Voucher(..))) {
            // What opens, funds or closes moves money, and is done when it is settled.
            return Soon::now(Ok(()));
        }
        if let Stage::Checked(Checked::Voucher(None, voucher)) = &self.stage {
            // What most requests bring, in a future that has no room for a deposit.
            let voucher = *voucher;
            return Soon::later(async move {
                self.stage = Stage::Taken;
                self.stage = Stage::Checked(self.take(&voucher).await?);
                Ok(())
            });
        }
        Soon::later(async move {
            let stage = std::mem::replace(&mut self.stage, Stage::Taken);
            let Stage::Checked(Checked::Voucher(first, voucher)) = stage else {
                return Ok(());
            };
            if let Some(deposit) = first {
                self.is_signed(&voucher, &deposit).await?;
                // It stays the payer's own, in the payer's channel, whatever becomes of the rest.
                let deposited = self.books.deposit(&deposit, &self.due).await;
                deposited.map_err(|denied| match self.keys.is_empty() {
                    // Of what bears no key nothing is recorded.
                    true => denied,
                    false => not_charged(denied),
                })?;
            }
            self.stage = Stage::Checked(self.take(&voucher).await?);
            Ok(())
        })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async move {
            // Who knows the key of a request is not yet who has paid for it.
            let Stage::Checked(Checked::Voucher(_, voucher)) = &self.stage else {
                return Ok(());
            };
            let (channel, _) = self.proven(voucher).await?;
            // Paid by what the lost answer used, which says nothing of what another would use:
            // the key binds neither headers nor body.
            if self.meter.is_some() {
                return Err(self.spent().into());
            }
            self.payer = Some(channel.payer().into());
            Ok(())
        })
    }

    fn is_delivered_later(&self) -> bool {
        self.meter.is_none()
    }

    fn paid(&self) -> Paid {
        let due = &*self.due;
        let amount = Units::new(alloy_primitives::U256::from(due.most));
        let paid = Paid::new(MPP, amount).with(due.token.network(), due.token.address.into());
        match &self.payer {
            Some(payer) => paid.by(payer.clone()),
            None => paid,
        }
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Settled, Denied>> {
        if let Stage::Checked(Checked::Held(id, amount)) = self.stage {
            // Kept where it is: what fails here is released or told again.
            return Soon::later(self.commit(id, amount));
        }
        Soon::later(async move {
            let stage = std::mem::replace(&mut self.stage, Stage::Taken);
            self.settled(stage).await
        })
    }

    fn reconcile<'a>(&'a mut self, _: &'a [u8]) -> Soon<'a, Result<Settled, Denied>> {
        Soon::later(async move {
            let Stage::Checked(Checked::Voucher(_, voucher)) = &self.stage else {
                let stage = std::mem::replace(&mut self.stage, Stage::Taken);
                return self.settled(stage).await;
            };
            let (channel, _) = self.proven(voucher).await?;
            let (id, hold) = (channel.id(), self.hold);
            self.payer = Some(channel.payer().into());
            // The hold bears the number of the request: where it is gone, it was taken, unless it
            // ran out before anybody came to take it.
            let held = channel.holds().iter().find(|held| held.id == hold);
            let left = match held {
                Some(held) => Some(held.amount),
                None => channel.has_lapsed(hold).then_some(self.due.most),
            };
            match (left, &self.meter) {
                // What was used is not known any more: nothing is taken, and it may be used anew.
                (Some(amount), Some(_)) => {
                    self.stage = Stage::Checked(Checked::Held(id, amount));
                    Err(Refusal::new(MPP, REQUEST_NOT_SERVED).into())
                }
                (Some(amount), None) => {
                    self.stage = Stage::Checked(Checked::Held(id, amount));
                    self.commit(id, amount).await
                }
                (None, Some(_)) => {
                    self.lost = true;
                    let served = Reply::problem(&REQUEST_SERVED);
                    Ok(books::receipt(&channel, None).answering(served))
                }
                (None, None) => Ok(books::receipt(&channel, None)),
            }
        })
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Stage::Checked(Checked::Held(id, amount)) = self.stage else {
                return;
            };
            let hold = self.hold;
            if amount == 0 {
                return;
            }
            let step = |channel: &Channel| Ok((channel.give_back(hold), ()));
            if let Err(error) = self.books.step(id, step).await {
                tracing::warn!(%error, challenge = self.challenge(), "a hold was not given back, its lease will");
            }
        })
    }
}

/// Who has signed the deposit. Of a transaction only the buyer's word says whose it is, and what
/// is counted against one payer must not be another's doing.
fn proven_payer(deposit: &CheckedDeposit) -> Option<Account> {
    let signed = deposit.proof().kind() != crate::CredentialType::Hash;
    signed.then(|| deposit.payer().into())
}

/// What is not known of a deposit is no charge of unknown outcome: nothing is set aside yet, and
/// the same request begins afresh. Reconciled, it would count as charged. (T71)
fn not_charged(denied: Denied) -> Denied {
    match denied {
        Denied::Unknown(pending) => Fault::unavailable(pending.code, pending.cause).into(),
        denied => denied,
    }
}

/// How long a request that bears an `Idempotency-Key` is remembered. Each takes a place of the
/// replay guard for so long, which every payment needs one of; and a stream that nobody reads has
/// one for nothing.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(600);

const REQUEST_SERVED: Problem = Problem::new(
    "urn:tollgate:problem:request-served",
    "Request Served",
    http::StatusCode::CONFLICT,
    "request_served",
    "a request with this Idempotency-Key was served already; nothing was charged again",
);

const REQUEST_NOT_SERVED: Problem = Problem::new(
    "urn:tollgate:problem:request-not-served",
    "Request Not Served",
    http::StatusCode::CONFLICT,
    "request_not_served",
    "the request with this Idempotency-Key was neither served nor charged; send it again",
);

#[cfg(test)]
mod tests;
