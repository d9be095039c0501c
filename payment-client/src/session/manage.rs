use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use mpp_core::{PAYMENT_RECEIPT, ProblemType, Receipt};
use mpp_evm::buyer::session::{Dialect, SessionBill, SessionPayload, SessionReceipt};
use mpp_evm::session::Venue;
use payment_evm::Signer;
use reqwest::{Request, Response};
use serde::Deserialize;

use super::place::Place;
use super::{Action, Difference, Session, SessionError, terms};
use crate::error::{BuyerError, Trouble};
use crate::payment::Credential;
use crate::transport;
use crate::verdict::Verdict;

/// What an answer shows of the channel.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// No receipt.
    Nothing,
    /// A receipt that counts.
    Count(SessionReceipt),
    /// A receipt of OKX's form: it says that something succeeded, and counts nothing.
    Plain,
    /// One that can't be read, or several.
    Unreadable,
}

impl Shown {
    /// Reads the receipt of an answer.
    pub(super) fn of(headers: &HeaderMap, dialect: Dialect) -> Self {
        let mut values = headers.get_all(PAYMENT_RECEIPT).iter();
        let Some(value) = values.next() else {
            return Self::Nothing;
        };
        let (Ok(text), None) = (value.to_str(), values.next()) else {
            return Self::Unreadable;
        };
        match SessionReceipt::from_header(text) {
            Ok(receipt) => Self::Count(receipt),
            Err(_) if dialect == Dialect::Okx && is_plain(text) => Self::Plain,
            Err(_) => Self::Unreadable,
        }
    }

    pub(super) fn receipt(&self) -> Option<&SessionReceipt> {
        match self {
            Self::Count(receipt) => Some(receipt),
            Self::Nothing | Self::Plain | Self::Unreadable => None,
        }
    }
}

/// Whether it is a receipt of this method that says nothing of what was charged. One that says it
/// badly is not.
fn is_plain(text: &str) -> bool {
    const COUNTS: [&str; 2] = ["acceptedCumulative", "spent"];
    Receipt::parse(text).is_ok_and(|receipt| {
        let counts = COUNTS
            .iter()
            .any(|name| receipt.members.contains_key(*name));
        receipt.method == "evm" && !counts
    })
}

/// When the same request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It does the same however often it comes.
    Always,
    /// Only after an answer that says to wait: one that was lost may have been the one.
    WhenTold,
    /// Not at all: the seller charges for each.
    Never,
}

impl Repeat {
    fn allows(self, lost: Lost) -> bool {
        match self {
            Self::Always => true,
            Self::WhenTold => lost == Lost::None,
            Self::Never => false,
        }
    }
}

/// What became of a request.
pub(super) enum Heard {
    Answer {
        response: Response,
        /// Whether an answer was lost before this one.
        lost: Lost,
    },
    Nothing {
        last: Trouble,
        retry_after: Option<Duration>,
        sent: Sent,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    None,
    Some,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Never,
    Perhaps,
}

/// Challenges that are kept, at most.
const MOST_BILLS: usize = 64;

/// A challenge is not answered in its last moment.
const MARGIN: Duration = Duration::from_secs(5);

impl<S: Signer> Session<S> {
    /// Sends what is not a call: it does the same however often it comes, and is sent until there
    /// is an answer or no patience left. A challenge that has run out is replaced once.
    pub(super) async fn manage(
        &mut self,
        action: Action,
        place: &Place,
        payload: &SessionPayload,
    ) -> Result<Shown, SessionError> {
        let method = match action {
            Action::Voucher => Method::HEAD,
            _ => place.method.clone(),
        };
        let mut bill = self.bill_for(place).await?;
        let mut fresh = false;
        let mut lost = Lost::None;
        loop {
            let mut request = place.request(method.clone());
            attach(&mut request, &bill, payload)?;
            let (mut response, now_lost) = match self.knock(&request, Repeat::Always).await? {
                Heard::Answer { response, lost } => (response, lost),
                Heard::Nothing { last, sent, .. } => {
                    return Err(match (sent, lost) {
                        (Sent::Never, Lost::None) => SessionError::NotSent(last),
                        _ => SessionError::DepositUnknown { action, last },
                    });
                }
            };
            if now_lost == Lost::Some {
                lost = Lost::Some;
            }
            let status = response.status();
            let shown = Shown::of(response.headers(), bill.dialect());
            // OKX's sellers call the handler for whatever comes; what it makes of a request without
            // its body says nothing of what was asked.
            if status.is_success() || matches!(shown, Shown::Plain) {
                return Ok(shown);
            }
            let problem = self.problem(&mut response).await;
            // An answer to HEAD can't say why.
            let stale = match problem {
                None => method == Method::HEAD,
                Some(problem) => is_stale(problem),
            };
            if asks_to_pay(status, problem) && stale && !fresh {
                bill = self.fresh_bill(place, response.headers()).await?;
                fresh = true;
                continue;
            }
            let code = problem.map(ProblemType::code);
            return Err(if is_gone(status, problem) {
                SessionError::Gone { code }
            } else if lost == Lost::Some {
                let last = Trouble::Status(status);
                SessionError::DepositUnknown { action, last }
            } else {
                SessionError::Refused {
                    action,
                    status,
                    code,
                }
            });
        }
    }

    /// Sends a request until there is an answer that is not "later", or no patience left.
    pub(super) async fn knock(
        &self,
        request: &Request,
        repeat: Repeat,
    ) -> Result<Heard, SessionError> {
        let inner = &*self.buyer.inner;
        let started = inner.clock.now();
        let (mut tried, mut lost, mut sent) = (0, Lost::None, Sent::Never);
        loop {
            let again = request.try_clone().ok_or(BuyerError::BodyNotRepeatable)?;
            let answer = self.buyer.send(again).await;
            tried += 1;
            let (last, retry_after) = match answer {
                Ok(response) => {
                    sent = Sent::Perhaps;
                    let status = response.status();
                    let verdict = Verdict::of(status, response.headers(), inner.clock.now());
                    let Verdict::Open { retry_after } = verdict else {
                        return Ok(Heard::Answer { response, lost });
                    };
                    // Who shows a receipt has decided.
                    if response.headers().contains_key(PAYMENT_RECEIPT) {
                        return Ok(Heard::Answer { response, lost });
                    }
                    // What stands between may have lost the answer.
                    if matches!(
                        status,
                        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT
                    ) {
                        lost = Lost::Some;
                    }
                    (Trouble::Status(status), retry_after)
                }
                Err(trouble) => {
                    if !trouble.never_left() {
                        (sent, lost) = (Sent::Perhaps, Lost::Some);
                    }
                    (trouble, None)
                }
            };
            tracing::debug!(tried, %last, "no answer in a session yet");
            let spent = inner.clock.now().millis().saturating_sub(started.millis());
            let pause = inner
                .patience
                .pause(tried, retry_after, Duration::from_millis(spent));
            match pause {
                Some(pause) if repeat.allows(lost) => inner.waiter.wait(pause).await,
                _ => {
                    return Ok(Heard::Nothing {
                        last,
                        retry_after,
                        sent,
                    });
                }
            }
        }
    }

    /// A challenge that can be answered at this place: one that is kept, or one that is asked for.
    pub(super) async fn bill_for(
        &mut self,
        place: &Place,
    ) -> Result<Arc<SessionBill>, SessionError> {
        if let Some(bill) = self.kept(place) {
            return Ok(bill);
        }
        let unpaid = self.announced(place.request(place.method.clone()));
        let answer = self.buyer.send(unpaid).await;
        let answer = answer.map_err(BuyerError::Transport)?;
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            let skipped = Vec::new();
            return Err(BuyerError::NothingPayable { skipped }.into());
        }
        self.replace(place, answer.headers())
    }

    /// The challenge of this place that has not run out.
    pub(super) fn kept(&mut self, place: &Place) -> Option<Arc<SessionBill>> {
        let soon = self.now().plus(MARGIN);
        let open = |bill: &SessionBill| bill.challenge().expires_at().is_some_and(|at| soon < at);
        self.bills.retain(|(_, bill)| open(bill));
        let spot = place.spot();
        let found = self.bills.iter().find(|(known, _)| *known == spot);
        found.map(|(_, bill)| Arc::clone(bill))
    }

    /// Reads the challenge of a 402 that the channel can answer, and keeps it.
    pub(super) fn replace(
        &mut self,
        place: &Place,
        headers: &HeaderMap,
    ) -> Result<Arc<SessionBill>, SessionError> {
        let (rules, now) = (&self.buyer.inner.rules, self.now());
        let asked = terms::read(headers, place.headers(), rules, now);
        let bill = Arc::new(self.pick(asked)?);
        let spot = place.spot();
        self.bills.retain(|(known, _)| *known != spot);
        if self.bills.len() >= MOST_BILLS {
            self.bills.remove(0);
        }
        self.bills.push((spot, Arc::clone(&bill)));
        Ok(bill)
    }

    /// The challenge that takes the place of one that is no longer good: the one that came with the
    /// refusal, or one that is asked for where a refusal came without.
    pub(super) async fn fresh_bill(
        &mut self,
        place: &Place,
        headers: &HeaderMap,
    ) -> Result<Arc<SessionBill>, SessionError> {
        if headers.contains_key(WWW_AUTHENTICATE) {
            return self.replace(place, headers);
        }
        let spot = place.spot();
        self.bills.retain(|(known, _)| *known != spot);
        self.bill_for(place).await
    }

    fn pick(&self, asked: terms::Asked) -> Result<SessionBill, SessionError> {
        let skipped = asked.skipped;
        let mut why = None;
        for bill in asked.bills {
            match self.fits(&bill) {
                Ok(()) => return Ok(bill),
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| BuyerError::NothingPayable { skipped }.into()))
    }

    /// Whether it is of the channel that is there, or one that may be opened.
    fn fits(&self, bill: &SessionBill) -> Result<(), SessionError> {
        let theirs = bill.venue();
        if let Some(record) = self.live() {
            return match Difference::between(record.venue(), theirs) {
                Some(difference) => Err(SessionError::OtherChannel(difference)),
                None => Ok(()),
            };
        }
        self.trusts(theirs)
    }

    /// Whether deposits may go there.
    pub(super) fn trusts(&self, theirs: Venue) -> Result<(), SessionError> {
        let named = &self.plan.escrows;
        if named.is_empty() || named.contains(&(theirs.chain_id, theirs.escrow)) {
            return Ok(());
        }
        Err(SessionError::UnknownEscrow {
            chain_id: theirs.chain_id,
            escrow: theirs.escrow,
        })
    }

    /// What the seller says to be wrong.
    pub(super) async fn problem(&self, response: &mut Response) -> Option<ProblemType> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(rename = "type")]
            kind: String,
        }
        let body = transport::small_body(response, self.buyer.inner.patience.answer()).await;
        let document: Document = serde_json::from_slice(&body).ok()?;
        ProblemType::from_uri(&document.kind)
    }
}

/// Whether another challenge would help: the one that was answered is no longer good.
pub(super) const fn is_stale(problem: ProblemType) -> bool {
    matches!(
        problem,
        ProblemType::PaymentRequired
            | ProblemType::PaymentExpired
            | ProblemType::InvalidChallenge
            | ProblemType::SessionChallengeNotFound
    )
}

/// Whether the seller wants a payment, or another one. OKX's say of a challenge that has run out that
/// nobody is logged in.
pub(super) fn asks_to_pay(status: StatusCode, problem: Option<ProblemType>) -> bool {
    let expired = problem == Some(ProblemType::PaymentExpired);
    status == StatusCode::PAYMENT_REQUIRED || (status == StatusCode::UNAUTHORIZED && expired)
}

/// Whether the seller says that the channel is gone. OKX's do not find one that they do not know.
pub(super) fn is_gone(status: StatusCode, problem: Option<ProblemType>) -> bool {
    let unknown = problem == Some(ProblemType::SessionChannelNotFound);
    status == StatusCode::GONE || (status == StatusCode::NOT_FOUND && unknown)
}

/// Puts the payload into the header that the challenge names.
pub(super) fn attach(
    request: &mut Request,
    bill: &SessionBill,
    payload: &SessionPayload,
) -> Result<HeaderName, SessionError> {
    let value = bill.credential(payload)?;
    let credential = Credential::new(bill.challenge().credential_header(), value);
    let headers = request.headers_mut();
    headers.insert(&credential.name, credential.value);
    Ok(credential.name)
}
