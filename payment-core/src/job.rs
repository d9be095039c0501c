use std::fmt;
use std::future::Future;
use std::sync::Arc;

use alloy_primitives::keccak256;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::detach::{Detach, Spawn};
use crate::gate::Priced;
use crate::inflight::Place;
use crate::replay::{Reservation, Reserve, Resume, Stage, Standing, StoreFault, Ticket};
use crate::{
    Ask, Challenge, Claim, Denied, Fault, Limits, MemoryReplayGuard, Paid, Payment, Pending,
    Problem, ProtocolName, Receipt, Refusal, ReplayGuard, Reply, Soon, Timing, Units,
};

/// One request at a priced route, ready to run. Owns all it needs.
#[must_use]
pub struct Job<G = MemoryReplayGuard> {
    pub(crate) priced: Arc<Priced<G>>,
    pub(crate) ask: Ask,
    pub(crate) claimed: Claimed,
}

pub(crate) enum Claimed {
    Nothing,
    Unreadable(Refusal),
    Something(Claim),
}

/// How a job ended.
#[derive(Debug)]
#[must_use]
pub enum Outcome<R> {
    /// The handler's response may leave, with these headers added.
    Served {
        /// The response.
        response: R,
        /// The receipt; empty when the handler failed and nothing was settled.
        stamps: Vec<(HeaderName, HeaderValue)>,
    },
    /// The gate answers in the handler's place.
    Reply(Reply),
}

/// A response that a job can hold back. Implemented by framework crates.
pub trait Served: Sized {
    /// The status: below 400 the service was rendered.
    fn status(&self) -> StatusCode;

    /// Makes sure that the whole response is there, within `limit` bytes, before money moves for
    /// it.
    ///
    /// # Errors
    ///
    /// `HoldError` when the body is larger, ends in an error or is no body at all (an upgrade).
    fn hold(self, limit: usize) -> impl Future<Output = Result<Self, HoldError>>;
}

/// A response that can't be held until it is paid. Such routes settle before serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The body passes the limit.
    #[error("the response is larger than may be held")]
    TooLarge,
    /// The body ended in an error.
    #[error("the response broke off")]
    Broken,
    /// The response hands the connection over.
    #[error("an upgrade can't be held")]
    Upgrade,
}

impl<G: ReplayGuard> Job<G> {
    /// The answer to a request that has brought no payment to look at, where the protocols have
    /// their challenges at once: no future need be made for it then, and the handler not be
    /// touched. `None` when the job is to be run.
    #[must_use]
    pub fn answer_at_once(&self) -> Option<Reply> {
        let why = match &self.claimed {
            Claimed::Nothing => None,
            Claimed::Unreadable(refusal) => Some(refusal),
            Claimed::Something(_) => return None,
        };
        self.priced.unpaid_at_once(&self.ask, why)
    }

    /// Runs the request through the gate, and calls `serve` at most once.
    ///
    /// The order is the security property: bind to this route's price, check locally, reserve,
    /// verify outside, serve, settle, stamp. Everything that touches money is owned by tasks that
    /// outlive the request.
    ///
    /// # Errors
    ///
    /// Whatever error `serve` ends in; nothing is settled then, unless the route settles first.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await. Before the settlement begins, the reservation is released;
    /// once it has begun, it finishes on `spawn` and its result is kept for the same credential.
    pub async fn run<S, F, R, E>(self, spawn: impl Spawn, serve: S) -> Result<Outcome<R>, E>
    where
        S: FnOnce(Paid) -> F,
        F: Future<Output = Result<R, E>>,
        R: Served,
    {
        let Self {
            priced,
            ask,
            claimed,
        } = self;
        let claim = match claimed {
            Claimed::Something(claim) => claim,
            Claimed::Nothing => return Ok(Outcome::Reply(priced.unpaid(&ask, None).await)),
            Claimed::Unreadable(refusal) => {
                return Ok(Outcome::Reply(priced.unpaid(&ask, Some(&refusal)).await));
            }
        };
        let settle_first = priced.route.timing == Timing::BeforeServing;
        let ask = Arc::new(ask);

        let admitting = {
            let (priced, ask, spawn) = (Arc::clone(&priced), Arc::clone(&ask), spawn.clone());
            async move {
                let mut permit = authorize(&priced, &ask, claim, spawn).await?;
                if settle_first {
                    permit.settle().await?;
                }
                Ok(permit)
            }
        };
        let permit = match Detach::new(spawn.clone(), admitting).await {
            Ok(permit) => permit,
            Err(denied) => return Ok(Outcome::Reply(priced.denied(&ask, denied).await)),
        };

        // A handler that fails or panics drops the permit, which gives everything back.
        let response = serve(permit.paid()).await?;
        if response.status().as_u16() >= 400 {
            let stamps = permit.stamps(response.status());
            drop(permit);
            return Ok(Outcome::Served { response, stamps });
        }
        let response = if permit.is_settled() {
            response
        } else {
            match response.hold(priced.shared.limits.held_body).await {
                Ok(response) => response,
                Err(error) => {
                    drop(permit);
                    let fault = Fault::internal("response_not_holdable", error);
                    return Ok(Outcome::Reply(
                        priced.denied(&ask, Denied::Failed(fault)).await,
                    ));
                }
            }
        };

        let closing = async move {
            let mut permit = permit;
            if !permit.is_settled() {
                permit.settle().await?;
            }
            Ok::<_, Denied>(permit)
        };
        let permit = match Detach::new(spawn, closing).await {
            Ok(permit) => permit,
            Err(denied) => return Ok(Outcome::Reply(priced.denied(&ask, denied).await)),
        };
        let stamps = permit.stamps(response.status());
        match permit.deliver().await {
            Ok(()) => Ok(Outcome::Served { response, stamps }),
            Err(denied) => Ok(Outcome::Reply(priced.denied(&ask, denied).await)),
        }
    }
}

impl<G> fmt::Debug for Job<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("ask", &self.ask)
            .finish_non_exhaustive()
    }
}

/// Everything up to the handler: bind, check locally, reserve, verify outside.
async fn authorize<G: ReplayGuard, S: Spawn>(
    priced: &Arc<Priced<G>>,
    ask: &Ask,
    claim: Claim,
    spawn: S,
) -> Result<Permit<G, S>, Denied> {
    let Priced {
        shared, offering, ..
    } = &**priced;
    let Limits {
        in_flight,
        in_flight_per_payer,
        lease,
        retry_after,
        ..
    } = shared.limits;
    let by = claim.protocol;
    let mut place = shared
        .in_flight
        .enter(in_flight)
        .ok_or_else(|| Fault::unavailable("too_many_payments", "in-flight limit reached"))?;

    let mut payment = offering.bind(ask, claim)?;
    match shared
        .guard
        .look(payment.keys(), ask.now)
        .await
        .map_err(store_fault)?
    {
        Standing::Spent => return Err(payment.spent().into()),
        Standing::Open => payment.in_time()?,
        Standing::Started => {}
    }
    payment.check()?;
    if let Some(payer) = payment.payer()
        && !place.by(payer, in_flight_per_payer)
    {
        return Err(Fault::unavailable("too_many_payments", "per-payer limit reached").into());
    }

    let mut core = Core {
        payment,
        ticket: None,
        priced: Arc::clone(priced),
        _place: place,
    };
    let resume = if core.payment.keys().is_empty() {
        Resume::Fresh
    } else {
        let keep_until = core.payment.keep_until();
        let wish = Reservation::new(core.payment.keys(), scope(ask), keep_until, ask.now, lease);
        match shared.guard.reserve(wish).await.map_err(store_fault)? {
            Reserve::Held(ticket, resume) => {
                core.ticket = Some(ticket);
                resume
            }
            Reserve::Spent => return Err(core.payment.spent().into()),
            Reserve::InFlight => return Err(in_progress(by).retry_after(retry_after).into()),
        }
    };
    let mut permit = Permit {
        core: Some(core),
        progress: Progress::Reserved,
        spawn,
    };
    match resume {
        // Time is asked again, because what looked started may have been released since.
        Resume::Fresh => permit.verify().await?,
        Resume::Unsettled(evidence) => permit.reconcile(evidence).await?,
        Resume::Paid(receipt) => permit.resume(receipt)?,
    }
    Ok(permit)
}

/// What a credential is good for: this request and no other.
fn scope(ask: &Ask) -> [u8; 32] {
    // The path as dispatched may be what a mount left of it, so the resource counts as well.
    let parts = [
        &*ask.method,
        ask.resource_path(),
        &*ask.path,
        ask.query.as_deref().unwrap_or("\0"),
    ];
    let mut text = Vec::with_capacity(32 + parts.iter().map(|part| part.len()).sum::<usize>());
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    keccak256(text).0
}

/// The right to be served, and the duty to settle for it. Dropping it gives the reservation
/// back, or keeps what was settled for the same credential.
#[must_use]
struct Permit<G: ReplayGuard, S: Spawn> {
    /// There until the permit is given up, delivered or dropped.
    core: Option<Core<G>>,
    progress: Progress,
    spawn: S,
}

/// How far the money has come; decides what a permit leaves behind.
enum Progress {
    /// Nothing has moved.
    Reserved,
    /// A settlement may have been sent; this is known of it.
    Settling(Bytes),
    /// The money has moved.
    Settled(Receipt),
    /// The money has moved, and the receipt can't be read.
    Unreadable(Bytes),
}

impl Progress {
    /// What to record when nothing was delivered; `None` releases.
    fn left_behind(self) -> Option<Stage> {
        match self {
            Self::Reserved => None,
            Self::Settling(evidence) => Some(Stage::Unknown(evidence)),
            Self::Settled(receipt) => Some(Stage::Undelivered(receipt.to_bytes())),
            Self::Unreadable(bytes) => Some(Stage::Undelivered(bytes)),
        }
    }
}

struct Core<G> {
    payment: Box<dyn Payment>,
    ticket: Option<Ticket>,
    priced: Arc<Priced<G>>,
    _place: Place,
}

impl<G: ReplayGuard> Core<G> {
    async fn advance(&self, stage: Stage) -> Result<(), StoreFault> {
        match &self.ticket {
            Some(ticket) => self.priced.shared.guard.advance(ticket, stage).await,
            None => Ok(()),
        }
    }

    /// Records where things stand and gives up the hold.
    async fn leave(self, stage: Stage) {
        if let Err(error) = self.advance(stage).await {
            tracing::error!(error = %error, "the state of a payment is not recorded");
        }
    }

    async fn release(mut self) {
        self.payment.release().await;
        if let Some(ticket) = &self.ticket
            && let Err(error) = self.priced.shared.guard.release(ticket).await
        {
            tracing::warn!(error = %error, "a reservation was not released, its lease will");
        }
    }
}

impl<G: ReplayGuard, S: Spawn> Permit<G, S> {
    fn paid(&self) -> Paid {
        let paid = self.core.as_ref().map(|core| core.payment.paid());
        let paid = paid.unwrap_or_else(|| Paid::new(ProtocolName::new("none"), Units::ZERO));
        match &self.progress {
            Progress::Settled(receipt) if !receipt.reference.is_empty() => {
                paid.settled_by(receipt.reference.as_str())
            }
            _ => paid,
        }
    }

    const fn is_settled(&self) -> bool {
        matches!(self.progress, Progress::Settled(_))
    }

    fn stamps(&self, status: StatusCode) -> Vec<(HeaderName, HeaderValue)> {
        match &self.progress {
            Progress::Settled(receipt) if receipt.on_errors || status.as_u16() < 400 => {
                receipt.stamps().collect()
            }
            _ => Vec::new(),
        }
    }

    async fn verify(&mut self) -> Result<(), Denied> {
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        let answer = match core.payment.in_time() {
            Ok(()) => core.payment.verify().await,
            Err(refusal) => Err(refusal.into()),
        };
        match answer {
            Ok(()) => Ok(()),
            Err(Denied::Unknown(pending)) => Err(self.lose_sight(pending).await),
            Err(denied) => Err(self.give_up(denied).await),
        }
    }

    /// Takes up a credential that was settled and not delivered.
    fn resume(&mut self, receipt: Bytes) -> Result<(), Denied> {
        match Receipt::from_bytes(&receipt) {
            Some(receipt) => {
                self.progress = Progress::Settled(receipt);
                Ok(())
            }
            None => {
                self.progress = Progress::Unreadable(receipt);
                let cause = StoreFault::Unavailable("a stored receipt is unreadable".into());
                Err(not_recorded(cause))
            }
        }
    }

    /// Moves the money. Runs detached from the request.
    async fn settle(&mut self) -> Result<(), Denied> {
        if self.is_settled() {
            return Ok(());
        }
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        match core.advance(Stage::Settling).await {
            Ok(()) => self.progress = Progress::Settling(Bytes::new()),
            // Another request holds the credential now. It settles; this one must not.
            Err(StoreFault::Lost) => {
                self.core = None;
                return Err(lost());
            }
            Err(error) => return Err(self.give_up(store_fault(error).into()).await),
        }
        let answer = core.payment.settle().await;
        self.settled(answer).await
    }

    /// Finds out what became of a settlement whose answer was lost.
    async fn reconcile(&mut self, evidence: Bytes) -> Result<(), Denied> {
        self.progress = Progress::Settling(evidence.clone());
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        let answer = match core.payment.reconcile(&evidence).await {
            // A fault tells nothing about the settlement that may have been sent before.
            Err(Denied::Failed(fault)) => Err(Denied::Unknown(Pending {
                evidence,
                headers: Vec::new(),
                code: "settlement_pending",
                cause: Box::new(fault),
            })),
            // Nor does an answer without evidence take away what was known.
            Err(Denied::Unknown(pending)) if pending.evidence.is_empty() => {
                Err(Denied::Unknown(Pending {
                    evidence,
                    ..pending
                }))
            }
            answer => answer,
        };
        self.settled(answer).await
    }

    async fn settled(&mut self, answer: Result<Receipt, Denied>) -> Result<(), Denied> {
        let receipt = match answer {
            Ok(receipt) => receipt,
            Err(Denied::Unknown(pending)) => return Err(self.lose_sight(pending).await),
            Err(denied) => return Err(self.give_up(denied).await),
        };
        let Some(core) = self.core.as_ref() else {
            return Err(lost());
        };
        let stage = Stage::Paid(receipt.to_bytes());
        let reference = receipt.reference.clone();
        self.progress = Progress::Settled(receipt);
        let Err(error) = core.advance(stage).await else {
            return Ok(());
        };
        // The record says "settling": the same credential finds the settlement again. The permit
        // is dropped with the receipt, which tries once more to record it and to end the hold.
        tracing::error!(error = %error, reference = %reference, "a settlement is not recorded");
        Err(not_recorded(error))
    }

    /// A definite no: nothing has moved and nothing will.
    async fn give_up(&mut self, denied: Denied) -> Denied {
        if let Some(core) = self.core.take() {
            core.release().await;
        }
        denied
    }

    /// The money may have moved: the credential stays reserved until that is known.
    async fn lose_sight(&mut self, pending: Pending) -> Denied {
        if let Some(core) = self.core.take() {
            core.leave(Stage::Unknown(pending.evidence.clone())).await;
        }
        Denied::Unknown(pending)
    }

    /// The response is about to leave: the credential is used up. A request that goes away before
    /// this is known to be stored was not served: its permit is dropped, which takes the step back
    /// if it was stored, and the credential stays good.
    async fn deliver(mut self) -> Result<(), Denied> {
        let Some(core) = self.core.as_ref() else {
            return Err(lost());
        };
        core.advance(Stage::Spent).await.map_err(not_recorded)?;
        self.core = None;
        Ok(())
    }
}

impl<G: ReplayGuard, S: Spawn> Drop for Permit<G, S> {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        let progress = std::mem::replace(&mut self.progress, Progress::Reserved);
        self.spawn.spawn(Box::pin(async move {
            match progress.left_behind() {
                Some(stage) => core.leave(stage).await,
                None => core.release().await,
            }
        }));
    }
}

impl<G: ReplayGuard> Priced<G> {
    /// The answer to a request that has not paid: each protocol adds its challenge.
    async fn unpaid(&self, ask: &Ask, why: Option<&Refusal>) -> Reply {
        match why {
            Some(refusal) if !refusal.invites_payment() => uninviting(refusal),
            _ => self.inviting(why, self.offering.challenge(ask, why).await),
        }
    }

    /// The same, unless a challenge has to be awaited.
    fn unpaid_at_once(&self, ask: &Ask, why: Option<&Refusal>) -> Option<Reply> {
        match why {
            Some(refusal) if !refusal.invites_payment() => Some(uninviting(refusal)),
            _ => match self.offering.challenge(ask, why) {
                Soon::Now(challenge) => Some(self.inviting(why, challenge?)),
                Soon::Later(_) => None,
            },
        }
    }

    fn inviting(&self, why: Option<&Refusal>, challenge: Result<Challenge, Fault>) -> Reply {
        match (challenge, why) {
            (Ok(challenge), None) => Reply::payment_required(&challenge),
            (Ok(challenge), Some(refusal)) => {
                refused(refusal, Reply::challenged(refusal.problem(), &[challenge]))
            }
            (Err(fault), _) => self.fault(&fault),
        }
    }

    async fn denied(&self, ask: &Ask, denied: Denied) -> Reply {
        match denied {
            Denied::Refused(refusal) => self.unpaid(ask, Some(&refusal)).await,
            Denied::Failed(fault) => self.fault(&fault),
            Denied::Unknown(pending) => {
                tracing::warn!(code = pending.code, cause = %pending.cause, "settlement outcome unknown");
                let problem = Problem {
                    code: pending.code.into(),
                    ..SETTLEMENT_PENDING
                };
                let mut reply = Reply::problem(&problem);
                reply.headers.extend(pending.headers);
                reply.retry_after(self.shared.limits.retry_after)
            }
        }
    }

    fn fault(&self, fault: &Fault) -> Reply {
        let cause = std::error::Error::source(fault)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::warn!(code = fault.code(), cause, "payment could not be processed");
        let problem = Problem {
            status: fault.status(),
            code: fault.code().into(),
            ..FAULT
        };
        let reply = Reply::problem(&problem);
        match fault.status() {
            StatusCode::INTERNAL_SERVER_ERROR => reply,
            _ => reply.retry_after(self.shared.limits.retry_after),
        }
    }
}

/// A refusal that paying again does not mend.
fn uninviting(refusal: &Refusal) -> Reply {
    refused(refusal, Reply::problem(refusal.problem()))
}

/// Adds what the refusal says beside its problem.
fn refused(refusal: &Refusal, mut reply: Reply) -> Reply {
    tracing::debug!(protocol = %refusal.by(), code = %refusal.problem().code, "payment refused");
    for (name, value) in refusal.headers() {
        reply.headers.append(name.clone(), value.clone());
    }
    match refusal.wait() {
        Some(wait) => reply.retry_after(wait),
        None => reply,
    }
}

fn store_fault(error: StoreFault) -> Fault {
    match error {
        StoreFault::Full => Fault::unavailable("replay_store_full", error),
        _ => Fault::unavailable("replay_store_unavailable", error),
    }
}

/// The hold on the credential was lost to another request, which settles and serves.
fn lost() -> Denied {
    not_recorded(StoreFault::Lost)
}

/// The payment stands and this request can't say so: the same credential, sent again, can.
fn not_recorded(error: StoreFault) -> Denied {
    Denied::Unknown(Pending {
        evidence: Bytes::new(),
        headers: Vec::new(),
        code: "settlement_pending",
        cause: Box::new(error),
    })
}

fn in_progress(by: ProtocolName) -> Refusal {
    Refusal::new(
        by,
        Problem::new(
            "urn:tollgate:problem:payment-in-progress",
            "Payment In Progress",
            StatusCode::CONFLICT,
            "payment_in_progress",
            "this payment is being processed by another request",
        ),
    )
}

const SETTLEMENT_PENDING: Problem = Problem::new(
    "urn:tollgate:problem:settlement-pending",
    "Settlement Pending",
    StatusCode::SERVICE_UNAVAILABLE,
    "settlement_pending",
    "the payment may have been made; send the same request again, do not pay again",
);

const FAULT: Problem = Problem::new(
    "https://paymentauth.org/problems/internal-payment-error",
    "Internal Payment Error",
    StatusCode::INTERNAL_SERVER_ERROR,
    "internal",
    "the payment could not be processed; nothing was charged",
);

#[cfg(test)]
mod tests;
