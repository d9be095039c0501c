mod advice;
mod core;
mod leaving;
mod progress;

use std::sync::Arc;

use alloy_primitives::{Keccak256, keccak256};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::detach::Spawn;
use crate::gate::Priced;
use crate::replay::{Reservation, Reserve, Resume, Stage, Standing, StoreFault};
use crate::{
    Ask, Claim, Denied, Fault, Limits, Offering, Paid, PaymentContext, Pending, Problem,
    ProtocolName, Purpose, Receipt, Refusal, ReplayGuard, Reply, Soon, Units,
};

use core::Core;
use progress::{Owed, Progress, Ran};

/// Everything up to the handler: bind, check locally, reserve, verify outside.
pub(crate) async fn authorize<G: ReplayGuard, S: Spawn>(
    priced: &Arc<Priced<G>>,
    offering: &dyn Offering,
    ask: &Arc<Ask>,
    claim: Claim,
    spawn: S,
) -> Result<Permit<G, S>, Denied> {
    let shared = &priced.shared;
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

    let mut core = Core::new(payment, None, Arc::clone(priced), place);
    let resume = if core.payment.keys().is_empty() {
        Resume::Fresh
    } else {
        let keep_until = core.payment.keep_until();
        // Hooks and pricers may have taken their time: the lease is whole from here.
        let now = shared.clock.now();
        let wish = Reservation::new(core.payment.keys(), scope(ask), keep_until, now, lease);
        match shared.guard.reserve(wish).await.map_err(store_fault)? {
            Reserve::Held(ticket, resume) => {
                core.ticket = Some(ticket);
                resume
            }
            Reserve::Spent => return Err(core.payment.spent().into()),
            Reserve::InFlight => return Err(in_progress(by).retry_after(retry_after).into()),
        }
    };
    let watched = !shared.hooks.is_empty();
    let context = watched.then(|| {
        let paid = core.payment.paid().fixed();
        Arc::new(PaymentContext::new(Arc::clone(ask), paid))
    });
    let mut permit = Permit {
        core: Some(core),
        progress: Progress::Reserved,
        ran: Ran::No,
        verified: false,
        context,
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
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    if let Some(body) = &ask.body {
        hash.update(keccak256(body));
    }
    hash.finalize().0
}

/// The right to be served, and the duty to settle for it. Dropping it gives the reservation
/// back, or keeps what was settled for the same credential.
#[must_use]
pub(crate) struct Permit<G: ReplayGuard, S: Spawn> {
    /// There until the permit is given up, delivered or dropped.
    core: Option<Core<G>>,
    progress: Progress,
    ran: Ran,
    /// Whether this request has verified the payment, and not a hook gone on without, or what was
    /// begun by another is followed up.
    verified: bool,
    /// What hooks see of it; `None` where there are none.
    context: Option<Arc<PaymentContext>>,
    spawn: S,
}

impl<G: ReplayGuard, S: Spawn> Permit<G, S> {
    pub(crate) fn paid(&self) -> Paid {
        let paid = self.core.as_ref().map(|core| core.payment.paid());
        let paid = paid.unwrap_or_else(Paid::nothing);
        match &self.progress {
            Progress::Reserved => paid,
            Progress::Settled(receipt) => paid.fixed().moved_by(receipt),
            _ => paid.fixed(),
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
        matches!(self.progress, Progress::Settled(_) | Progress::Waived(_))
    }

    /// The handler is called.
    pub(crate) const fn begins(&mut self) {
        self.ran = Ran::Begun;
    }

    /// The handler has failed: with an answer, or without one.
    pub(crate) fn has_failed(&mut self, response: Option<StatusCode>) {
        self.ran = Ran::Failed;
        self.know(|context| context.response = response);
    }

    /// The handler has done its work, and charges so much, where that is for it to say.
    pub(crate) fn is_done(&mut self, response: StatusCode, charge: Option<Units>) {
        self.ran = Ran::Done;
        self.know(|context| context.response = Some(response));
        if let (Some(core), Some(units)) = (self.core.as_mut(), charge) {
            core.payment.charge(units);
            self.know(|context| context.paid = context.paid.clone().charged(units));
        }
    }

    /// Whether the money has moved, or may have.
    pub(crate) const fn is_at_stake(&self) -> bool {
        self.progress.is_at_stake()
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
        let Some(core) = self.core.as_ref() else {
            return Err(lost());
        };
        if let Err(refusal) = core.payment.in_time() {
            return Err(self.give_up(refusal.into()).await);
        }
        if let Err(denied) = self.consult(|hooks, at| hooks.before_verify(at)).await {
            return Err(self.give_up(denied).await);
        }
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        match core.payment.verify().await {
            Ok(()) => {
                self.verified = true;
                if let Some(context) = &mut self.context {
                    Arc::make_mut(context).paid = core.payment.paid().fixed();
                }
            }
            Err(Denied::Unknown(pending)) => return Err(self.lose_sight(pending).await),
            Err(denied) if self.goes_on_unverified(&denied).await => {
                tracing::warn!("a hook goes on with a payment that was not verified");
            }
            Err(denied) => return Err(self.give_up(denied).await),
        }
        match self.consult(|hooks, at| hooks.after_verify(at)).await {
            Ok(()) => Ok(()),
            Err(denied) => Err(self.give_up(denied).await),
        }
    }

    /// Takes up a credential that was settled and not delivered.
    async fn resume(&mut self, receipt: Bytes) -> Result<(), Denied> {
        // From here on, whatever happens, it stays settled and not delivered.
        self.progress = match Owed::read(receipt) {
            Owed::Paid(receipt) => {
                self.know(|context| context.paid = context.paid.clone().moved_by(&receipt));
                Progress::Settled(receipt)
            }
            Owed::Unsettled(evidence) => return self.reconcile(evidence).await,
            Owed::Unreadable(bytes) => Progress::Unreadable(bytes),
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
        if let Err(denied) = self.consult(|hooks, at| hooks.before_settle(at)).await {
            return Err(self.give_up(denied).await);
        }
        let Some(core) = self.core.as_mut() else {
            return Err(lost());
        };
        match core.advance(Stage::Settling).await {
            Ok(()) => self.progress = Progress::Settling(Bytes::new()),
            Err(StoreFault::Lost) => return Err(self.has_lost()),
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
            Err(denied) => return self.not_settled(denied).await,
        };
        self.know(|context| context.paid = context.paid.clone().moved_by(&receipt));
        if self.context.is_some() {
            let receipt = receipt.clone();
            self.tell(move |hooks, at| {
                let receipt = receipt.clone();
                Soon::later(async move { hooks.after_settle(at, &receipt).await })
            });
        }
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

    async fn not_settled(&mut self, denied: Denied) -> Result<(), Denied> {
        // What is left behind should nobody come to record it: hooks take their time.
        self.progress = match &denied {
            Denied::Unknown(pending) => Progress::Settling(pending.evidence.clone()),
            Denied::Refused(_) | Denied::Failed(_) => Progress::Reserved,
        };
        if self.is_waived(&denied).await {
            self.waive(denied).await;
            return Ok(());
        }
        Err(match denied {
            Denied::Unknown(pending) => self.lose_sight(pending).await,
            denied => self.give_up(denied).await,
        })
    }

    /// Goes on as if it were settled.
    async fn waive(&mut self, denied: Denied) {
        tracing::warn!("a hook delivers what is not known to be paid");
        let evidence = match denied {
            Denied::Unknown(pending) => Some(pending.evidence),
            Denied::Refused(_) | Denied::Failed(_) => None,
        };
        if let (Some(core), None) = (self.core.as_mut(), &evidence) {
            core.give_back().await;
        }
        self.progress = Progress::Waived(evidence);
        self.know(|context| context.waived = true);
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
