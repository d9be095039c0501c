use std::fmt;
use std::sync::Arc;

use mpp_evm::buyer::session::{Dialect, SessionReceipt};
use payment_core::Money;
use payment_evm::{Signer, Token};

use super::place::Place;
use super::record::{Phase, Record};
use super::{Action, Dispute, Session, SessionError, Standing, money};
use crate::budget::Budget;
use crate::dollars::Dollars;

/// A channel that the seller says it has closed. The transaction it names is on the chain for who
/// wants to look.
#[must_use]
pub struct Closed {
    token: Token,
    standing: Standing,
    /// What the closing voucher was for, in base units.
    settled: u128,
    receipt: Option<SessionReceipt>,
    dispute: Option<Dispute>,
    counted: Dollars,
    budget: Arc<Budget>,
}

impl<S: Signer> Session<S> {
    /// Asks the seller to close the channel with a voucher for exactly what was spent, so that the
    /// rest of the deposit comes back; for the highest voucher, where the seller speaks OKX's
    /// dialect and takes nothing less. `None` when there is no channel. What became of earlier calls
    /// and deposits is learned first. Called again after an error, it asks again.
    ///
    /// A seller can bring the highest voucher to the chain all the same; and one that does not
    /// answer leaves the deposit in the escrow, which gives it back to who asks the contract and
    /// waits.
    ///
    /// # Errors
    ///
    /// [`SessionError`]. A channel that is gone is an error, unless closing it was begun before.
    ///
    /// # Cancel safety
    ///
    /// Dropped once it is begun, the session pays for nothing more; it can be closed again.
    pub async fn close(&mut self) -> Result<Option<Closed>, SessionError> {
        let Some(record) = self.live().cloned() else {
            return Ok(None);
        };
        let place = self.somewhere(&record)?;
        self.buyer.check_privacy(&place.url)?;
        let begun = record.phase == Phase::Closing;
        let bill = self.bill_for(&place).await?;
        let token = bill.token().clone();
        match self.get_ready(&bill, &place, 0).await {
            // What is gone can't be asked any more: the worst is assumed, and closing it again
            // ends it.
            Err(error @ SessionError::Gone { .. }) => {
                let gone = self.record()?.assume_all().phase(Phase::Closing);
                self.keep(gone)?;
                return Err(error);
            }
            ready => ready?,
        }
        if bill.dialect() == Dialect::Okx {
            // Such a seller takes nothing less than the highest voucher.
            self.assume_all()?;
        }
        let record = self.record()?.clone();
        let purse = self.purse(&record, &bill)?;
        self.keep(record.phase(Phase::Closing))?;
        let payload = purse.close(&self.buyer.inner.signer, record.spent).await?;
        match self.manage(Action::Close, &place, &payload).await {
            Ok(shown) => {
                let receipt = shown.receipt().cloned();
                self.hear(shown)?;
                if self.record()?.spent > record.spent {
                    self.complain(Some(Dispute::Overcharged {
                        charged: self.record()?.spent,
                        due: record.spent,
                    }));
                }
                self.finish(token, record.spent, receipt).map(Some)
            }
            // It is closed, and that was the answer that was lost.
            Err(SessionError::Gone { .. }) if begun => {
                self.finish(token, record.spent, None).map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the channel up: nothing more is paid by it, and the next call opens another one. For a
    /// seller who has changed its terms, or does not answer any more. `None` when there is no
    /// channel.
    ///
    /// The deposit stays in the escrow, and counts: against the budget of this session and against
    /// the buyer's total. It comes back to who asks the contract to close, waits and withdraws; the
    /// channel file keeps what is needed beside the next channel's.
    ///
    /// # Errors
    ///
    /// `SessionError` when the channel file can't be written; the channel is kept then.
    pub fn give_up(&mut self) -> Result<Option<Standing>, SessionError> {
        let Some(record) = self.live() else {
            return Ok(None);
        };
        let given_up = record.assume_all().phase(Phase::Void);
        self.keep(given_up)?;
        self.bills.clear();
        self.place = None;
        Ok(self.standing())
    }

    fn finish(
        &mut self,
        token: Token,
        settled: u128,
        receipt: Option<SessionReceipt>,
    ) -> Result<Closed, SessionError> {
        let closed = self.record()?.phase(Phase::Closed);
        self.keep(closed)?;
        self.bills.clear();
        Ok(Closed {
            token,
            standing: self.standing().ok_or(SessionError::Closing)?,
            settled,
            receipt,
            dispute: self.dispute.take(),
            counted: std::mem::take(&mut self.counted),
            budget: Arc::clone(&self.buyer.inner.budget),
        })
    }

    /// Where the seller can be reached: where the last call went, or the first one.
    fn somewhere(&self, record: &Record) -> Result<Place, SessionError> {
        if let Some(place) = &self.place {
            return Ok(place.clone());
        }
        let (url, method) = record.place().ok_or(SessionError::Closing)?;
        Ok(Place::bare(url, method))
    }
}

impl Closed {
    /// The channel at its end.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// What was charged in all, in dollars, the token taken at par.
    #[must_use]
    pub fn spent(&self) -> Money {
        money(self.standing.spent, &self.token)
    }

    /// What the seller was allowed to take by the closing voucher: what must have been assumed to
    /// be spent when it was signed.
    #[must_use]
    pub fn settled(&self) -> Money {
        money(self.settled, &self.token)
    }

    /// What comes back of the deposit, if the seller has done as it says.
    #[must_use]
    pub fn refunded(&self) -> Money {
        let back = self.standing.deposit.saturating_sub(self.settled);
        money(back, &self.token)
    }

    /// The seller's receipt, where one came that can be read.
    #[must_use]
    pub const fn receipt(&self) -> Option<&SessionReceipt> {
        self.receipt.as_ref()
    }

    /// Where the seller's word and ours differ.
    #[must_use]
    pub const fn dispute(&self) -> Option<Dispute> {
        self.dispute
    }

    /// Gives what came back to the buyer's total, of what this session took from it. Only for who
    /// has seen it come back on the chain.
    pub fn give_back(self, refunded: Money) {
        let refunded = Dollars::of(refunded).unwrap_or_default();
        self.budget.give_back(refunded.min(self.counted));
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed")
            .field("standing", &self.standing)
            .field("receipt", &self.receipt)
            .field("dispute", &self.dispute)
            .finish_non_exhaustive()
    }
}
