use std::sync::Arc;

use alloy_primitives::keccak256;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::detach::Spawn;
use crate::gate::Priced;
use crate::inflight::Place;
use crate::replay::{Reservation, Reserve, Resume, Stage, Standing, StoreFault, Ticket};
use crate::{
    Ask, Claim, Denied, Fault, Limits, Paid, Payment, Pending, Problem, ProtocolName, Purpose,
    Receipt, Refusal, ReplayGuard, Reply, Units,
};

/// Everything up to the handler: bind, check locally, reserve, verify outside.
pub(crate) async fn authorize<G: ReplayGuard, S: Spawn>(
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
        Resume::Paid(receipt) => permit.resume(receipt).await?,
    }
    Ok(permit)
}

/// What a credential is good for: this request and no other.
pub(crate) fn scope(ask: &Ask) -> [u8; 32] {
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
pub(crate) struct Permit<G: ReplayGuard, S: Spawn> {
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
    pub(crate) fn paid(&self) -> Paid {
        let paid = self.core.as_ref().map(|core| core.payment.paid());
        let paid = paid.unwrap_or_else(|| Paid::new(ProtocolName::new("none"), Units::ZERO));
        match &self.progress {
            Progress::Settled(receipt) if !receipt.reference.is_empty() => {
                paid.settled_by(receipt.reference.as_str())
            }
            _ => paid,
        }
    }

    /// What the payment is for; `Content` once it was given up.
    pub(crate) fn purpose(&self) -> Purpose {
        let purpose = self.core.as_ref().map(|core| core.payment.purpose());
        purpose.unwrap_or(Purpose::Content)
    }

    /// The answer to a management request, after it is settled.
    pub(crate) fn answer(&self) -> Reply {
        let answer = match &self.progress {
            Progress::Settled(receipt) => receipt.answer.clone(),
            _ => None,
        };
        let mut reply = answer.unwrap_or_else(|| Reply::empty(StatusCode::NO_CONTENT));
        for (name, value) in self.stamps(reply.status) {
            reply.headers.append(name, value);
        }
        reply.not_stored()
    }

    pub(crate) const fn is_settled(&self) -> bool {
        matches!(self.progress, Progress::Settled(_))
    }

    pub(crate) fn stamps(&self, status: StatusCode) -> Vec<(HeaderName, HeaderValue)> {
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
    async fn resume(&mut self, receipt: Bytes) -> Result<(), Denied> {
        // From here on, whatever happens, it stays settled and not delivered.
        let read = Receipt::from_bytes(&receipt);
        self.progress = match read {
            Some(receipt) => Progress::Settled(receipt),
            None => Progress::Unreadable(receipt),
        };
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        core.payment.resume().await?;
        if matches!(self.progress, Progress::Unreadable(_)) {
            let cause = StoreFault::Unavailable("a stored receipt is unreadable".into());
            return Err(not_recorded(cause));
        }
        Ok(())
    }

    /// Moves the money. Runs detached from the request.
    pub(crate) async fn settle(&mut self) -> Result<(), Denied> {
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
        if core.ticket.is_none() {
            // What keeps its own account has no record here.
            self.progress = Progress::Settled(receipt);
            return Ok(());
        }
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
    pub(crate) async fn deliver(mut self) -> Result<(), Denied> {
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
        let left = match progress.left_behind() {
            // Nobody would be served by it any more: it need not wait for anybody.
            Some(Stage::Undelivered(_)) if !core.payment.is_delivered_later() => Some(Stage::Spent),
            left => left,
        };
        self.spawn.spawn(Box::pin(async move {
            match left {
                Some(stage) => core.leave(stage).await,
                None => core.release().await,
            }
        }));
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
