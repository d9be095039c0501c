use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use mpp_evm::buyer::session::{Dialect, NeedVoucher, SessionBill, SessionReceipt};
use payment_evm::Signer;
use reqwest::{Request, Response};

use super::deliver::Entered;
use super::manage::Shown;
use super::pay::{Need, OVERFLOW};
use super::place::Place;
use super::sse::{Event, Parser};
use super::{Action, Dispute, Session, SessionError, SessionReply, Standing, StreamFault, Usage};

/// A stream of events that is paid unit by unit.
///
/// Each event of the seller's application is one unit. When the seller runs out of balance, a
/// voucher is signed for what was delivered and some units ahead, and sent beside the stream; the
/// deposit grows within the budget if it must. Dropping the stream ends it; what was charged is
/// asked before the next call.
pub struct UnitStream<'s, S> {
    session: &'s mut Session<S>,
    response: Response,
    place: Place,
    bill: Arc<SessionBill>,
    pace: Pace,
    parser: Parser,
    events: VecDeque<Event>,
    /// The channel when the stream began.
    begun: Standing,
    /// What was spent before.
    base: u128,
    units: u64,
    /// Demands since the last unit.
    demands: u32,
    receipt: Option<SessionReceipt>,
    state: State,
}

/// One event of the seller's application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unit {
    /// The name of the event; empty when it has none.
    pub event: String,
    /// Its data, the lines joined by LF.
    pub data: String,
}

/// How a stream is paid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Units that are promised beyond what was delivered.
    pub(super) ahead: u64,
    /// The most units that one event costs.
    pub(super) per_event: u64,
    pub(super) idle: Duration,
}

impl Pace {
    pub(super) const USUAL: Self = Self {
        ahead: 16,
        per_event: 1,
        idle: Duration::from_secs(120),
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

const NEED_VOUCHER: &str = "payment-need-voucher";
const RECEIPT: &str = "payment-receipt";
/// Event names that are the gate's.
const RESERVED: &str = "payment-";

/// Demands in a row that are met without a unit between them: the first may have crossed a voucher
/// on its way.
const MOST_DEMANDS: u32 = 2;

pub(super) async fn begin<S: Signer>(
    session: &mut Session<S>,
    request: Request,
    pace: Pace,
) -> Result<UnitStream<'_, S>, SessionError> {
    let (place, bill) = match session.enter(&request).await? {
        Entered::Free(reply) => return Err(SessionError::NotAStream(reply)),
        Entered::Priced(place, bill) => (*place, bill),
    };
    let price = bill.price();
    let times = |units: u64| price.checked_mul(units.into()).ok_or(OVERFLOW);
    let cost = times(pace.per_event)?;
    let wish = match bill.dialect() {
        // Such a seller charges for the request, not for events.
        Dialect::Okx => cost,
        _ => times(pace.ahead)?,
    };
    let need = Need { cost, wish };
    let payload = session.authorize(&bill, &place, need).await?;
    let base = session.record()?.spent;
    let call = session.written(request, place.clone(), Arc::clone(&bill), payload, None)?;
    let reply = session.deliver(Box::new(call)).await?;
    if reply.status() != StatusCode::OK || !is_event_stream(&reply) {
        return Err(SessionError::NotAStream(Box::new(reply)));
    }
    let (response, usage) = reply.into_parts();
    if let Some(usage) = usage {
        session.complain(usage.dispute);
    }
    // It costs until its last receipt.
    let open = session.record()?.uncertain();
    session.keep(open)?;
    let begun = session.standing().ok_or(SessionError::Closing)?;
    Ok(UnitStream {
        session,
        response,
        place,
        bill,
        pace,
        parser: Parser::default(),
        events: VecDeque::new(),
        begun,
        base,
        units: 0,
        demands: 0,
        receipt: None,
        state: State::Open,
    })
}

fn is_event_stream(reply: &SessionReply) -> bool {
    let kind = reply.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, _) = kind.split_once(';').unwrap_or((kind, ""));
    kind.trim().eq_ignore_ascii_case("text/event-stream")
}

impl<S: Signer> UnitStream<'_, S> {
    /// The next unit; `None` when the seller has ended the stream.
    ///
    /// # Errors
    ///
    /// `Stream` when it ends in a way that it should not, and what can go wrong with a voucher or
    /// deposit on the way. No voucher was signed for a demand that is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, no unit is lost, and a voucher that was on its way is sent by the
    /// next call of it.
    pub async fn next(&mut self) -> Result<Option<Unit>, SessionError> {
        loop {
            while let Some(event) = self.events.front() {
                match &*event.name {
                    NEED_VOUCHER => {
                        let demand = NeedVoucher::from_event(&event.data);
                        let demand = demand.map_err(|_| StreamFault::OddDemand)?;
                        self.fund(demand).await?;
                        self.events.pop_front();
                    }
                    RECEIPT => {
                        let receipt = SessionReceipt::from_event(&event.data);
                        self.events.clear();
                        self.state = State::Ended;
                        self.settle(receipt.ok())?;
                    }
                    name if name.starts_with(RESERVED) => {
                        self.events.pop_front();
                    }
                    _ => return Ok(self.deliver()),
                }
            }
            if self.state == State::Ended {
                return Ok(None);
            }
            let piece = tokio::time::timeout(self.pace.idle, self.response.chunk()).await;
            let piece = piece.map_err(|_| StreamFault::Idle)?;
            match piece.map_err(|error| StreamFault::Broken(error.without_url()))? {
                Some(piece) => self
                    .parser
                    .read(&piece, &mut self.events)
                    .map_err(|_| StreamFault::TooLarge)?,
                None => self.state = State::Ended,
            }
        }
    }

    /// How many units were delivered.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// What the stream has done to the channel so far; complete when it has ended with a receipt.
    /// A seller that has charged for more than one unit beyond those it delivered is told of as a
    /// [`Dispute`], once.
    pub fn usage(&mut self) -> Usage {
        Usage {
            token: self.bill.token().clone(),
            standing: self.session.standing().unwrap_or(self.begun),
            receipt: self.receipt.clone(),
            dispute: self.session.dispute.take(),
        }
    }

    fn deliver(&mut self) -> Option<Unit> {
        let event = self.events.pop_front()?;
        self.units = self.units.saturating_add(1);
        self.demands = 0;
        Some(Unit {
            event: event.name,
            data: event.data,
        })
    }

    /// What so many events may have cost by now.
    fn cost_of(&self, events: u64) -> u128 {
        let event = self.bill.price().saturating_mul(self.pace.per_event.into());
        self.base
            .saturating_add(event.saturating_mul(events.into()))
    }

    /// What is due at most for what was delivered; one unit may be charged and on its way.
    fn due(&self) -> u128 {
        self.cost_of(self.units.saturating_add(1))
    }

    /// Meets a demand, or refuses it before anything is signed.
    async fn fund(&mut self, demand: NeedVoucher) -> Result<(), SessionError> {
        let record = self.session.record()?.clone();
        if demand.channel != record.channel_id || demand.accepted > record.promised {
            return Err(StreamFault::OddDemand.into());
        }
        if self.demands >= MOST_DEMANDS {
            return Err(StreamFault::Stalled.into());
        }
        let target = if demand.required <= record.promised {
            record.promised
        } else {
            self.check(demand.required, record.promised)?;
            let ahead = self.bill.price().saturating_mul(self.pace.ahead.into());
            // The record's own count stands still while the stream runs.
            let spent = self.cost_of(self.units).min(record.promised);
            let (bill, place) = (Arc::clone(&self.bill), self.place.clone());
            self.session
                .reach(&bill, &place, spent, demand.required, ahead)
                .await?
        };
        let session = &mut *self.session;
        let promised = session.record()?.promise(target).map_err(|_| OVERFLOW)?;
        session.keep(promised)?;
        let purse = session.purse(session.record()?, &self.bill)?;
        let payload = purse.voucher(&session.buyer.inner.signer, target).await?;
        let shown = session
            .manage(Action::Voucher, &self.place, &payload)
            .await?;
        self.demands += 1;
        session.hear(shown)?;
        let open = session.record()?.uncertain();
        session.keep(open)
    }

    /// Whether a demand beyond what was promised is one that an honest seller makes: what was
    /// promised does not cover the next unit, and it asks for no more than that unit or the least
    /// step of a voucher.
    fn check(&self, required: u128, promised: u128) -> Result<(), StreamFault> {
        let due = self.cost_of(self.units.saturating_add(2));
        let step = promised.saturating_add(self.bill.min_voucher_delta());
        if promised >= due || required > due.max(step) {
            return Err(StreamFault::Overcharged { required, due });
        }
        Ok(())
    }

    /// Hears the last receipt.
    fn settle(&mut self, receipt: Option<SessionReceipt>) -> Result<(), SessionError> {
        self.receipt.clone_from(&receipt);
        let known = self.session.record()?.channel_id;
        let shown = receipt.map_or(Shown::Unreadable, Shown::Count);
        self.session.hear(shown)?;
        let charged = self.receipt.as_ref().filter(|r| r.channel == known);
        let (charged, due) = (charged.map_or(0, |receipt| receipt.spent), self.due());
        if charged > due {
            let overcharged = Dispute::Overcharged { charged, due };
            self.session.complain(Some(overcharged));
        }
        Ok(())
    }
}

impl<S> fmt::Debug for UnitStream<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitStream")
            .field("units", &self.units)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
