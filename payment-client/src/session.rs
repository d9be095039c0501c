mod builder;
mod close;
mod deliver;
mod dispute;
mod error;
mod file;
mod manage;
mod pay;
mod place;
mod record;
mod reply;
mod sse;
mod stream;
mod terms;

use std::fmt;
use std::sync::Arc;

use http::Method;
use mpp_evm::buyer::session::{Purse, SessionBill};
use mpp_evm::session::ChannelId;
use payment_core::{Money, Timestamp, Units};
use payment_evm::{Signer, Token};
use reqwest::IntoUrl;

use self::file::Keeper;
use self::place::{Place, Spot};
use self::record::{Phase, Record};
use crate::buyer::Buyer;
use crate::dollars::Dollars;

pub use self::builder::{SessionBudget, SessionBuilder};
pub use self::close::Closed;
pub use self::deliver::{SessionCall, Unanswered};
pub use self::dispute::Dispute;
pub use self::error::{Action, SessionError, StreamFault};
pub use self::file::{ChannelFile, ChannelFileError};
pub use self::reply::{SessionReply, Usage};
pub use self::stream::{Unit, UnitStream};
pub use self::terms::Difference;

/// Pays one seller by a payment channel: one deposit, then a voucher for each call.
///
/// It is begun by [`Buyer::session`]. One call at a time is paid by it: a voucher is for all that
/// came before it too.
///
/// The rules that hold here, beside those of the crate:
///
/// - Deposits are never more than the budget, and vouchers never more than the deposits. A voucher
///   adds no more to what was spent than the limit of one payment.
/// - Nothing is signed for another seller, chain, escrow, payee or token than those of the channel.
/// - A deposit or voucher is in the channel file before it is sent, and what was promised is never
///   lowered. A deposit whose fate is not known is sent again as it is, never a second one.
/// - A deposit counts against the total of the buyer when it is signed. The contract that gets it is
///   the seller's choice, unless [`SessionBuilder::escrow`] names one.
/// - What the seller says to have charged is believed between what it said before and what it was
///   promised. Otherwise the whole promise counts as charged, and the caller is told.
/// - A seller that speaks OKX's dialect says nothing of it: each call that has an answer counts at
///   its price, and one without an answer as all that was promised. It is sent once.
pub struct Session<S> {
    buyer: Buyer<S>,
    plan: Plan,
    keeper: Option<Keeper>,
    record: Option<Record>,
    /// Challenges that can be answered again, the latest last.
    bills: Vec<(Spot, Arc<SessionBill>)>,
    /// Where the last call went, for what is sent beside calls.
    place: Option<Place>,
    /// Deposits of this session that count against the buyer's total.
    counted: Dollars,
    /// Whether the pending deposit is among them.
    pending: PendingCount,
    /// What was found wrong outside a call, for the next reply to tell.
    dispute: Option<Dispute>,
}

/// What a session may do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) deposit: Money,
    pub(crate) total: Money,
    pub(crate) escrows: Vec<(u64, alloy_primitives::Address)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingCount {
    Uncounted,
    Counted,
}

/// What a session knows of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The channel.
    pub channel: ChannelId,
    /// Base units in the escrow, as far as the seller has confirmed them.
    pub deposit: u128,
    /// The highest voucher: base units that the seller can take, whatever it has delivered.
    pub promised: u128,
    /// Base units charged, as far as must be assumed.
    pub spent: u128,
}

impl<S: Signer> Session<S> {
    /// Starts a GET.
    pub fn get(&mut self, url: impl IntoUrl) -> SessionCall<'_, S> {
        self.request(Method::GET, url)
    }

    /// Starts a POST. One without a query and without a body is no call to most sellers (mpp, 13.2):
    /// they look at the voucher, charge nothing and answer 204.
    pub fn post(&mut self, url: impl IntoUrl) -> SessionCall<'_, S> {
        self.request(Method::POST, url)
    }

    /// Starts a request.
    pub fn request(&mut self, method: Method, url: impl IntoUrl) -> SessionCall<'_, S> {
        let request = self.buyer.inner.client.request(method, url);
        SessionCall::new(self, request)
    }

    /// What is known of the channel; `None` before there is one.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        let record = self.record.as_ref()?;
        Some(Standing {
            channel: record.channel_id,
            deposit: record.deposit,
            promised: record.promised,
            spent: record.spent,
        })
    }

    fn now(&self) -> Timestamp {
        self.buyer.inner.clock.now()
    }

    /// The channel that is there or in the making.
    fn live(&self) -> Option<&Record> {
        let dead = |record: &&Record| !matches!(record.phase, Phase::Void | Phase::Closed);
        self.record.as_ref().filter(dead)
    }

    /// The end of the channel that speaks as the seller does: what it writes answers this bill.
    fn purse(&self, record: &Record, bill: &SessionBill) -> Result<Purse, SessionError> {
        let other = SessionError::OtherChannel(Difference::Token);
        let purse = Purse::new(record.opening(), bill.token().clone()).ok_or(other)?;
        Ok(purse.speaking(bill.dialect()))
    }

    /// Takes over a change; it is on the disk, where there is one, before anything is sent.
    fn keep(&mut self, record: Record) -> Result<(), SessionError> {
        if self.record.as_ref() == Some(&record) {
            return Ok(());
        }
        if let Some(keeper) = &self.keeper {
            keeper.write(&record)?;
        }
        self.record = Some(record);
        Ok(())
    }
}

/// Base units in dollars, the token taken at par.
fn money(amount: u128, token: &Token) -> Money {
    let units = Units::new(alloy_primitives::U256::from(amount));
    Dollars::of_units(units, token.decimals)
        .unwrap_or(Dollars::MAX)
        .money()
}

/// The same for what is counted; what is beyond any token counts as all there is.
fn dollars(amount: u128, token: &Token) -> Dollars {
    let units = Units::new(alloy_primitives::U256::from(amount));
    Dollars::of_units(units, token.decimals).unwrap_or(Dollars::MAX)
}

impl<S: Signer> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("buyer", &self.buyer)
            .field("plan", &self.plan)
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}
