use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use mpp_core::{PAYMENT_RECEIPT, ProblemType};
use mpp_evm::buyer::session::{Dialect, SessionBill, SessionPayload};
use payment_evm::{Signer, random_word};
use reqwest::{Body, Request, RequestBuilder, Response};

use super::manage::{Heard, Lost, Repeat, Sent, Shown, asks_to_pay, attach, is_gone, is_stale};
use super::pay::{Need, OVERFLOW};
use super::place::Place;
use super::record::Phase;
use super::stream::{self, Pace, UnitStream};
use super::{Action, Dispute, Session, SessionError, SessionReply, Usage};
use crate::buyer::carries_payment;
use crate::error::{BuyerError, Trouble};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request in the making, to be paid by the channel.
#[must_use]
pub struct SessionCall<'s, S> {
    session: &'s mut Session<S>,
    request: RequestBuilder,
    units: u64,
    pace: Pace,
}

/// A call that was sent with a voucher and has no answer: [`Session::resume`] sends the same again.
pub struct Unanswered {
    request: Request,
    place: Place,
    bill: Arc<SessionBill>,
    payload: SessionPayload,
    /// What is due for it at most, where that is known before it ends.
    due: Option<u128>,
    lost: Lost,
}

impl<'s, S: Signer> SessionCall<'s, S> {
    pub(super) const fn new(session: &'s mut Session<S>, request: RequestBuilder) -> Self {
        Self {
            session,
            request,
            units: 1,
            pace: Pace::USUAL,
        }
    }

    /// Adds a header.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sets the body. It must be bytes or text: a stream can't be sent a second time.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Does to the request what `reqwest` can do.
    pub fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            ..self
        }
    }

    /// Promises so many units for this call; one by default. For sellers that count what a call
    /// has used, up to a bound.
    pub const fn units(mut self, units: u64) -> Self {
        self.units = units;
        self
    }

    /// Promises a stream so many units ahead of what it has delivered; 16 by default, and within
    /// the limit of one payment. What is promised and not delivered is at the seller's mercy.
    pub const fn ahead(mut self, units: u64) -> Self {
        self.pace.ahead = units;
        self
    }

    /// Says how many units one event of a stream may cost; one by default. A seller who demands
    /// more than that for what it has delivered gets no voucher.
    pub const fn units_per_event(mut self, units: u64) -> Self {
        self.pace.per_event = units;
        self
    }

    /// Gives up a stream from which nothing comes for so long; two minutes by default.
    pub const fn idle(mut self, most: Duration) -> Self {
        self.pace.idle = most;
        self
    }

    /// Sends it, with a voucher for it where one is asked: [`Session::execute`].
    ///
    /// # Errors
    ///
    /// Those of [`Session::execute`], and `Unpaid` for a URL or header that can't be used.
    pub async fn send(self) -> Result<SessionReply, SessionError> {
        let request = built(self.request)?;
        self.session.execute(request, self.units).await
    }

    /// Sends it, and reads the answer as a stream that is paid unit by unit.
    ///
    /// # Errors
    ///
    /// Those of [`Session::execute`], and `NotAStream` for an answer that is none.
    pub async fn stream(self) -> Result<UnitStream<'s, S>, SessionError> {
        let mut request = built(self.request)?;
        let events = HeaderValue::from_static("text/event-stream");
        request.headers_mut().entry(ACCEPT).or_insert(events);
        stream::begin(self.session, request, self.pace).await
    }
}

fn built(request: RequestBuilder) -> Result<Request, SessionError> {
    let built = request.build();
    Ok(built.map_err(|error| BuyerError::Request(error.without_url()))?)
}

/// What became of a request before a voucher was signed for it.
pub(super) enum Entered {
    Free(Box<SessionReply>),
    Priced(Box<Place>, Arc<SessionBill>),
}

impl<S: Signer> Session<S> {
    /// Sends a request with a voucher that promises `units` more than what was spent; without one
    /// where no challenge is known yet, to see whether the seller asks for it. The channel is
    /// opened and topped up as needed. At most one voucher is signed. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// [`SessionError`]. Any answer of the seller that is not about the payment is a
    /// [`SessionReply`], whatever its status.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, the session knows what it has signed: the next call sends a deposit
    /// without an answer again, and asks what was charged.
    pub async fn execute(
        &mut self,
        request: Request,
        units: u64,
    ) -> Result<SessionReply, SessionError> {
        match self.enter(&request).await? {
            Entered::Free(reply) => Ok(*reply),
            Entered::Priced(place, bill) => {
                let cost = bill.price().checked_mul(units.into()).ok_or(OVERFLOW)?;
                let need = Need { cost, wish: cost };
                let payload = self.authorize(&bill, &place, need).await?;
                let due = self.record()?.spent.checked_add(cost);
                let call = self.written(request, *place, bill, payload, due)?;
                self.deliver(Box::new(call)).await
            }
        }
    }

    /// Asks again for the answer to a call, with the same voucher and the same `Idempotency-Key`.
    /// A seller who does not know that header may charge it again, within what was promised.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`] once the voucher was signed.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::execute`].
    pub async fn resume(&mut self, call: Unanswered) -> Result<SessionReply, SessionError> {
        // It may be charged now, whatever was learned meanwhile.
        let open = self.record()?.uncertain();
        self.keep(open)?;
        self.deliver(Box::new(call)).await
    }

    /// Checks what can be checked before anything is signed, and finds or asks for a challenge.
    pub(super) async fn enter(&mut self, request: &Request) -> Result<Entered, SessionError> {
        if carries_payment(request.headers()) {
            return Err(BuyerError::AlreadyPaid.into());
        }
        if let Some(record) = self.live() {
            if record.phase == Phase::Closing {
                return Err(SessionError::Closing);
            }
            let (url, _) = record.place().ok_or(SessionError::Closing)?;
            if url.origin() != request.url().origin() {
                return Err(SessionError::OtherSeller);
            }
        }
        let unpaid = request.try_clone().ok_or(BuyerError::BodyNotRepeatable)?;
        let place = Place::of(request);
        if let Some(bill) = self.kept(&place) {
            self.place = Some(place.clone());
            return Ok(Entered::Priced(Box::new(place), bill));
        }
        let answer = self.buyer.send(self.announced(unpaid)).await;
        let answer = answer.map_err(BuyerError::Transport)?;
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            let reply = SessionReply::new(answer, None);
            return Ok(Entered::Free(Box::new(reply)));
        }
        self.buyer.check_privacy(request.url())?;
        let bill = self.replace(&place, answer.headers())?;
        self.place = Some(place.clone());
        Ok(Entered::Priced(Box::new(place), bill))
    }

    /// The request as it goes out.
    pub(super) fn written(
        &mut self,
        mut request: Request,
        place: Place,
        bill: Arc<SessionBill>,
        payload: SessionPayload,
        due: Option<u128>,
    ) -> Result<Unanswered, SessionError> {
        // The one it was asked with may have run out while the channel was opened.
        let bill = self.kept(&place).unwrap_or(bill);
        if !request.headers().contains_key(IDEMPOTENCY_KEY) {
            let key = random_word().map_err(BuyerError::Signer)?.to_string();
            let key = HeaderValue::from_str(&key).map_err(|_| BuyerError::Credential)?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        Ok(Unanswered {
            request,
            place,
            bill,
            payload,
            due,
            lost: Lost::None,
        })
    }

    /// Shows the one voucher to the seller; a challenge that has run out is replaced once, with the
    /// same voucher.
    pub(super) async fn deliver(
        &mut self,
        mut call: Box<Unanswered>,
    ) -> Result<SessionReply, SessionError> {
        let repeat = match call.bill.dialect() {
            Dialect::Okx => Repeat::Never,
            _ => Repeat::WhenTold,
        };
        let mut fresh = false;
        loop {
            let request = call.request.try_clone();
            let mut request = request.ok_or(BuyerError::BodyNotRepeatable)?;
            attach(&mut request, &call.bill, &call.payload)?;
            let mut response = match self.knock(&request, repeat).await? {
                Heard::Answer { response, lost } => {
                    call.lost = worse(call.lost, lost);
                    response
                }
                Heard::Nothing {
                    last,
                    sent: Sent::Never,
                    ..
                } if call.lost == Lost::None => {
                    let certain = self.record()?.certain();
                    self.keep(certain)?;
                    return Err(SessionError::NotSent(last));
                }
                Heard::Nothing {
                    last, retry_after, ..
                } => {
                    call.lost = Lost::Some;
                    return Err(unknown(call, last, retry_after));
                }
            };
            let status = response.status();
            // With a receipt, it is the word of the handler.
            if !is_of_payment(&response, call.bill.dialect())
                || response.headers().contains_key(PAYMENT_RECEIPT)
            {
                return self.answered(response, &call);
            }
            let problem = self.problem(&mut response).await;
            let code = problem.map(ProblemType::code);
            if is_gone(status, problem) {
                return Err(SessionError::Gone { code });
            }
            if asks_to_pay(status, problem) && problem.is_some_and(is_stale) && !fresh {
                call.bill = self.fresh_bill(&call.place, response.headers()).await?;
                fresh = true;
                continue;
            }
            if call.lost == Lost::Some {
                return Err(unknown(call, Trouble::Status(status), None));
            }
            return Err(SessionError::Refused {
                action: Action::Call,
                status,
                code,
            });
        }
    }

    /// Counts a call that has an answer by the price it was sent for. Where an answer was lost
    /// before, it may have been charged twice.
    fn count_it(&mut self, call: &Unanswered) -> Result<(), SessionError> {
        let counted = match (call.due, call.lost) {
            (Some(due), Lost::None) => self.record()?.count_up_to(due),
            (None, Lost::None) => return Ok(()),
            (_, Lost::Some) => self.record()?.assume_all(),
        };
        self.take_over(counted);
        Ok(())
    }

    fn answered(
        &mut self,
        response: Response,
        call: &Unanswered,
    ) -> Result<SessionReply, SessionError> {
        let dialect = call.bill.dialect();
        let shown = Shown::of(response.headers(), dialect);
        let receipt = shown.receipt().cloned();
        let known = self.record()?.channel_id;
        let counts = matches!(shown, Shown::Count(_) | Shown::Unreadable);
        self.hear(shown)?;
        if dialect == Dialect::Okx && !counts {
            self.count_it(call)?;
        }
        let charged = receipt.as_ref().filter(|r| r.channel == known);
        let charged = charged.map_or(0, |receipt| receipt.spent);
        if let Some(due) = call.due.filter(|due| charged > *due) {
            self.complain(Some(Dispute::Overcharged { charged, due }));
        }
        let usage = Usage {
            token: call.bill.token().clone(),
            standing: self.standing().ok_or(SessionError::Closing)?,
            receipt,
            dispute: self.dispute.take(),
        };
        Ok(SessionReply::new(response, Some(usage)))
    }
}

/// Whether an answer may be about the payment, and not of the seller's application. OKX's sellers
/// say some of it by statuses of the application, with a document that names a problem.
fn is_of_payment(response: &Response, dialect: Dialect) -> bool {
    match response.status() {
        StatusCode::PAYMENT_REQUIRED | StatusCode::GONE => true,
        StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND if dialect == Dialect::Okx => {
            let kind = response.headers().get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok());
            kind.is_some_and(|kind| kind.starts_with("application/problem+json"))
        }
        _ => false,
    }
}

fn worse(one: Lost, other: Lost) -> Lost {
    if one == Lost::Some { one } else { other }
}

fn unknown(
    unanswered: Box<Unanswered>,
    last: Trouble,
    retry_after: Option<Duration>,
) -> SessionError {
    tracing::warn!(%last, "it is not known whether a call was charged");
    SessionError::OutcomeUnknown {
        unanswered,
        last,
        retry_after,
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered")
            .field("method", self.request.method())
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for SessionCall<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCall")
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}
