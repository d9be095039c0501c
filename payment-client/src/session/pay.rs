use std::time::Duration;

use http::{HeaderValue, StatusCode};
use mpp_evm::buyer::session::{Dialect, Purse, SessionBill, SessionPayload};
use payment_evm::{Signer, Token, random_word};
use reqwest::Request;

use super::manage::Shown;
use super::place::Place;
use super::record::{Count, Pending, Phase, Purpose, Record, Uncovered};
use super::{Action, Dispute, PendingCount, Session, SessionError, dollars, money};
use crate::buyer::{ACCEPT_PAYMENT, Announce};
use crate::dollars::Dollars;
use crate::error::BuyerError;

/// A deposit that ended so long ago can't be taken any more: no block is that late.
const LAPSED: Duration = Duration::from_secs(600);

/// What a call needs, in base units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    /// What it costs at least.
    pub(super) cost: u128,
    /// What would save round trips, if it is there.
    pub(super) wish: u128,
}

impl<S: Signer> Session<S> {
    /// Signs the one voucher of a call. Before that: opens the channel, learns what became of
    /// earlier calls and deposits, and tops up. The voucher is on the disk when this returns.
    pub(super) async fn authorize(
        &mut self,
        bill: &SessionBill,
        place: &Place,
        need: Need,
    ) -> Result<SessionPayload, SessionError> {
        self.get_ready(bill, place, need.cost).await?;
        let target = self.cover(bill, place, need).await?;
        let record = self.record()?;
        let purse = self.purse(record, bill)?;
        let promised = record.promise(target).map_err(overdrawn)?.uncertain();
        self.keep(promised)?;
        Ok(purse.voucher(&self.buyer.inner.signer, target).await?)
    }

    /// There is a channel, and all of it is known.
    pub(super) async fn get_ready(
        &mut self,
        bill: &SessionBill,
        place: &Place,
        cost: u128,
    ) -> Result<(), SessionError> {
        if self.live().is_none() {
            self.open(bill, place, cost).await?;
        }
        if self.record()?.pending.is_some() {
            self.deposit(bill, place).await?;
        }
        if self.record()?.count == Count::Open {
            match bill.dialect() {
                // Who shows the same voucher again is charged again: the worst is assumed.
                Dialect::Okx => self.assume_all()?,
                _ => self.inquire(bill, place).await?,
            }
        }
        Ok(())
    }

    /// What is to be promised in all for a call, once there is a deposit for it.
    async fn cover(
        &mut self,
        bill: &SessionBill,
        place: &Place,
        need: Need,
    ) -> Result<u128, SessionError> {
        let record = self.record()?;
        let (spent, promised) = (record.spent, record.promised);
        let due = spent.checked_add(need.cost).ok_or(OVERFLOW)?;
        let least = if due <= promised {
            due
        } else {
            let step = promised.checked_add(bill.min_voucher_delta());
            due.max(step.ok_or(OVERFLOW)?)
        };
        self.reach(bill, place, spent, least, need.wish).await
    }

    /// Promises at least `least`, and up to `wish` beyond what is spent, within the limit of one
    /// payment and the deposit, which grows if it must.
    pub(super) async fn reach(
        &mut self,
        bill: &SessionBill,
        place: &Place,
        spent: u128,
        least: u128,
        wish: u128,
    ) -> Result<u128, SessionError> {
        let promised = self.record()?.promised;
        if least <= promised {
            return Ok(promised);
        }
        let step = least.saturating_sub(spent);
        let most = self.buyer.inner.rules.most;
        if dollars(step, bill.token()) > most {
            let step = money(step, bill.token());
            return Err(SessionError::AboveLimit { step });
        }
        // One that was cut off on the way, as within a stream, comes before a further one.
        self.deposit(bill, place).await?;
        if let Some(missing) = least
            .checked_sub(self.record()?.deposit)
            .filter(|more| *more > 0)
        {
            self.top_up(place, missing).await?;
        }
        let most = most.units_rounded_down(bill.token().decimals);
        let deposit = self.record()?.deposit;
        let bound = spent.saturating_add(wish.min(most)).min(deposit);
        Ok(least.max(bound))
    }

    async fn open(
        &mut self,
        bill: &SessionBill,
        place: &Place,
        cost: u128,
    ) -> Result<(), SessionError> {
        let token = bill.token();
        // What was signed for a channel that never came to be, or was given up, stays counted.
        let void = self.record.as_ref().filter(|r| r.phase == Phase::Void);
        let signed = void.map_or(0, |record| record.signed);
        let least = cost.max(bill.min_voucher_delta());
        let amount = self.affordable(token, signed, least, bill.suggested_deposit())?;
        let purse = bill.purse(
            self.buyer.address(),
            random_word().map_err(BuyerError::Signer)?,
        );
        let first = Pending {
            amount,
            valid_before: bill.valid_until(self.now())?,
            purpose: Purpose::Open,
        };
        let place = (&place.url, &place.method);
        let record = Record::begin(purse.opening(), place, signed, first).map_err(overdrawn)?;
        self.count(token, amount)?;
        if let (Some(keeper), Some(old)) = (&self.keeper, &self.record) {
            keeper.set_aside(old)?;
        }
        self.keep(record)
    }

    async fn top_up(&mut self, place: &Place, missing: u128) -> Result<(), SessionError> {
        // The one that is being answered may have run out, as it does in a long stream.
        let bill = self.bill_for(place).await?;
        self.trusts(bill.venue())?;
        let token = bill.token();
        let record = self.record()?.clone();
        let more = Pending {
            amount: self.affordable(token, record.signed, missing, bill.suggested_deposit())?,
            valid_before: bill.valid_until(self.now())?,
            purpose: Purpose::TopUp(random_word().map_err(BuyerError::Signer)?),
        };
        let record = record.top_up(more).map_err(overdrawn)?;
        self.count(token, more.amount)?;
        self.keep(record)?;
        self.deposit(&bill, place).await
    }

    /// How much to deposit: what the seller suggests, within the budget, and no less than needed.
    fn affordable(
        &self,
        token: &Token,
        signed: u128,
        least: u128,
        suggested: Option<u128>,
    ) -> Result<u128, SessionError> {
        let units = |budget| {
            let dollars = Dollars::of(budget).ok_or(SessionError::InexactBudget)?;
            Ok::<_, SessionError>(dollars.units_rounded_down(token.decimals))
        };
        let once = units(self.plan.deposit)?;
        let left = units(self.plan.total)?.saturating_sub(signed).min(once);
        if least > left {
            return Err(SessionError::BudgetReached {
                needed: money(least, token),
                left: money(left, token),
            });
        }
        Ok(suggested.unwrap_or(once).clamp(least, left))
    }

    /// A deposit counts against the buyer's total before it is signed.
    fn count(&mut self, token: &Token, amount: u128) -> Result<(), SessionError> {
        let amount = dollars(amount, token);
        let hold = self.buyer.inner.budget.hold(amount);
        let hold = hold.map_err(|exhausted| BuyerError::TotalReached {
            price: amount.money(),
            left: exhausted.left.money(),
        })?;
        drop(hold.count());
        self.counted = self.counted.checked_add(amount).unwrap_or(Dollars::MAX);
        self.pending = PendingCount::Counted;
        Ok(())
    }

    /// Sends the deposit that is pending, the same each time.
    async fn deposit(&mut self, bill: &SessionBill, place: &Place) -> Result<(), SessionError> {
        let record = self.record()?.clone();
        let Some(pending) = record.pending else {
            return Ok(());
        };
        if self.pending == PendingCount::Uncounted {
            self.count(bill.token(), pending.amount)?;
        }
        let purse = self.purse(&record, bill)?;
        let (action, payload) = self.deposit_payload(&purse, pending).await?;
        match self.manage(action, place, &payload).await {
            Ok(shown) => {
                self.pending = PendingCount::Uncounted;
                self.keep(record.deposited().map_err(overdrawn)?)?;
                self.hear(shown)?;
                Ok(())
            }
            Err(error) => {
                // Refused when it could not be taken any more, it will never be.
                let refused = matches!(
                    error,
                    SessionError::Refused { .. } | SessionError::Gone { .. }
                );
                let ended = payment_core::Timestamp::from_seconds(pending.valid_before);
                if refused && self.now() > ended.plus(LAPSED) {
                    self.pending = PendingCount::Uncounted;
                    self.keep(record.lapsed())?;
                }
                Err(error)
            }
        }
    }

    async fn deposit_payload(
        &self,
        purse: &Purse,
        pending: Pending,
    ) -> Result<(Action, SessionPayload), SessionError> {
        let signer = &self.buyer.inner.signer;
        let Pending {
            amount,
            valid_before,
            purpose,
        } = pending;
        Ok(match purpose {
            Purpose::Open => {
                let payload = purse.open(signer, amount, valid_before, 0).await?;
                (Action::Open, payload)
            }
            Purpose::TopUp(salt) => {
                let payload = purse.top_up(signer, amount, valid_before, salt).await?;
                (Action::TopUp, payload)
            }
        })
    }

    /// Asks what was charged, by showing the voucher that the seller has already.
    pub(super) async fn inquire(
        &mut self,
        bill: &SessionBill,
        place: &Place,
    ) -> Result<(), SessionError> {
        let record = self.record()?;
        let purse = self.purse(record, bill)?;
        let promised = record.promised;
        let payload = purse.voucher(&self.buyer.inner.signer, promised).await?;
        match self.manage(Action::Voucher, place, &payload).await {
            Ok(shown) => self.hear(shown)?,
            // It can't be asked at all: the worst is assumed.
            Err(SessionError::Refused { status, .. }) if is_unheard_of(status) => {}
            Err(error) => return Err(error),
        }
        if self.record()?.count == Count::Open {
            self.assume_all()?;
        }
        Ok(())
    }

    /// What was promised counts as charged.
    pub(super) fn assume_all(&mut self) -> Result<(), SessionError> {
        let assumed = self.record()?.assume_all();
        self.keep(assumed)
    }

    /// Takes over what a receipt says, within bounds.
    pub(super) fn hear(&mut self, shown: Shown) -> Result<(), SessionError> {
        let record = self.record()?;
        let (heard, dispute) = match shown {
            Shown::Nothing | Shown::Plain => return Ok(()),
            Shown::Count(receipt) => record.hear(&receipt),
            Shown::Unreadable => (record.assume_all(), Some(Dispute::Unreadable)),
        };
        self.take_over(heard);
        self.complain(dispute);
        Ok(())
    }

    /// Takes over a count that came with an answer. What cannot be written down is learned again
    /// after the next start; the answer was paid for.
    pub(super) fn take_over(&mut self, heard: Record) {
        if let Err(error) = self.keep(heard.clone()) {
            tracing::warn!(%error, "the count of a session is not on the disk");
            self.record = Some(heard);
        }
    }

    pub(super) fn complain(&mut self, dispute: Option<Dispute>) {
        if let Some(dispute) = dispute {
            tracing::warn!(%dispute, "a seller's word and ours differ");
            self.dispute = self.dispute.or(Some(dispute));
        }
    }

    pub(super) fn record(&self) -> Result<&Record, SessionError> {
        self.record.as_ref().ok_or(SessionError::Closing)
    }

    /// Says what we can pay, where the buyer wants that said.
    pub(super) fn announced(&self, mut request: Request) -> Request {
        if self.buyer.inner.announce == Announce::AcceptPayment {
            let session = HeaderValue::from_static("evm/session");
            request.headers_mut().insert(ACCEPT_PAYMENT, session);
        }
        request
    }
}

/// Whether a server says by this that it does not know HEAD here.
fn is_unheard_of(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

pub(super) const OVERFLOW: SessionError = SessionError::Unpaid(BuyerError::Credential);

/// A sum beyond any escrow, or a promise beyond the deposit: nothing is signed for it.
fn overdrawn(_: Uncovered) -> SessionError {
    OVERFLOW
}
