use std::sync::Arc;

use alloy_primitives::keccak256;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::detach::Spawn;
use crate::gate::Priced;
use crate::inflight::Place;
use crate::replay::{Reservation, Reserve, Resume, Stage, Standing, StoreFault, Ticket};
use crate::{
    Ask, Claim, Denied, Fault, Hooks, Limits, Offering, Paid, Payment, PaymentContext, Pending,
    Problem, ProtocolName, Purpose, Receipt, Refusal, ReplayGuard, Reply, Soon, Units, Verdict,
};

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
    let watched = !shared.hooks.is_empty();
    let context = watched.then(|| {
        let paid = core.payment.paid();
        Arc::new(PaymentContext::new(Arc::clone(ask), paid))
    });
    let mut permit = Permit {
        core: Some(core),
        progress: Progress::Reserved,
        ran: Ran::No,
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
    let mut text = Vec::with_capacity(32 + parts.iter().map(|part| part.len()).sum::<usize>());
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    if let Some(body) = &ask.body {
        text.extend_from_slice(keccak256(body).as_slice());
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
    ran: Ran,
    /// What hooks see of it; `None` where there are none.
    context: Option<Arc<PaymentContext>>,
    spawn: S,
}

/// How far the handler has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// It was not called.
    No,
    /// It was called, and has not ended.
    Begun,
    /// It has ended in an error.
    Failed,
    /// It has done its work.
    Done,
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
    /// The money has not moved, or nobody knows (then this is known of it), and a hook delivers all
    /// the same.
    Waived(Option<Bytes>),
}

impl Progress {
    /// What to record when nothing was delivered; `None` releases.
    fn left_behind(self) -> Option<Stage> {
        match self {
            Self::Reserved | Self::Waived(None) => None,
            Self::Settling(evidence) | Self::Waived(Some(evidence)) => {
                Some(Stage::Unknown(evidence))
            }
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
        let paid = paid.unwrap_or_else(Paid::nothing);
        match &self.progress {
            Progress::Reserved => paid,
            Progress::Settled(receipt) if !receipt.reference.is_empty() => {
                paid.fixed().settled_by(receipt.reference.as_str())
            }
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

    /// The handler has failed.
    pub(crate) const fn has_failed(&mut self) {
        self.ran = Ran::Failed;
    }

    /// The handler has done its work, and charges so much, where that is for it to say.
    pub(crate) fn is_done(&mut self, charge: Option<Units>) {
        self.ran = Ran::Done;
        if let (Some(core), Some(units)) = (self.core.as_mut(), charge) {
            core.payment.charge(units);
        }
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
            Ok(()) => {}
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

    /// Whether hooks go on to settle what was not verified.
    async fn goes_on_unverified(&self, denied: &Denied) -> bool {
        let (Some(core), Some(context)) = (&self.core, &self.context) else {
            return false;
        };
        let provable = core.ticket.is_some() && core.payment.is_proven_by_settling();
        let hooks = &core.priced.shared.hooks;
        let alarm = &context.ask.alarm;
        provable
            && hooks
                .recovers(alarm, |hooks| hooks.verify_failed(context, denied))
                .await
    }

    /// Asks hooks whether the payment goes on, while nothing has moved.
    async fn consult(
        &self,
        ask: impl for<'a> Fn(&'a dyn Hooks, &'a PaymentContext) -> Soon<'a, Verdict>,
    ) -> Result<(), Denied> {
        let (Some(core), Some(context)) = (&self.core, &self.context) else {
            return Ok(());
        };
        let hooks = &core.priced.shared.hooks;
        let alarm = &context.ask.alarm;
        match hooks.verdict(alarm, |hooks| ask(hooks, context)).await {
            Ok(Verdict::GoOn) => Ok(()),
            Ok(Verdict::Deny(denial)) => Err(denial.into()),
            // What the handler has done is paid for: that a hook is silent changes nothing.
            Err(mute) if self.ran == Ran::Done => {
                tracing::warn!(%mute, "a payment goes on without it");
                Ok(())
            }
            Err(mute) => Err(Fault::from(mute).into()),
        }
    }

    /// Tells hooks, where there are any.
    fn tell(
        &self,
        tell: impl for<'a> Fn(&'a dyn Hooks, &'a Arc<PaymentContext>) -> Soon<'a, ()>
        + Send
        + Sync
        + 'static,
    ) {
        if let (Some(core), Some(context)) = (&self.core, &self.context) {
            let hooks = &core.priced.shared.hooks;
            hooks.tell(&self.spawn, &context.ask.alarm, Arc::clone(context), tell);
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
        if let Err(denied) = self.consult(|hooks, at| hooks.before_settle(at)).await {
            return Err(self.give_up(denied).await);
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
            Err(denied) if self.is_waived(&denied).await => {
                tracing::warn!("a hook delivers what is not known to be paid");
                let evidence = match denied {
                    Denied::Unknown(pending) => Some(pending.evidence),
                    _ => None,
                };
                self.progress = Progress::Waived(evidence);
                return Ok(());
            }
            Err(Denied::Unknown(pending)) => return Err(self.lose_sight(pending).await),
            Err(denied) => return Err(self.give_up(denied).await),
        };
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

    /// Whether hooks deliver what was not settled. What keeps its own account is not theirs to
    /// give.
    async fn is_waived(&self, denied: &Denied) -> bool {
        let (Some(core), Some(context)) = (&self.core, &self.context) else {
            return false;
        };
        let hooks = &core.priced.shared.hooks;
        let alarm = &context.ask.alarm;
        core.ticket.is_some()
            && hooks
                .recovers(alarm, |hooks| hooks.settle_failed(context, denied))
                .await
    }

    /// A definite no: nothing has moved and nothing will.
    async fn give_up(&mut self, denied: Denied) -> Denied {
        self.throw_away();
        if let Some(core) = self.core.take() {
            core.release().await;
        }
        denied
    }

    /// The money may have moved: the credential stays reserved until that is known.
    async fn lose_sight(&mut self, pending: Pending) -> Denied {
        self.throw_away();
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
        self.tell(|hooks, at| hooks.succeeded(at));
        self.core = None;
        Ok(())
    }

    /// What the handler did is not delivered: whoever can is told to undo it, once.
    fn throw_away(&mut self) {
        if self.ran == Ran::Done {
            self.ran = Ran::No;
            self.tell(|hooks, at| hooks.compensate(at));
        }
    }

    /// What is to be asked of hooks, where the money has moved and the handler has failed.
    fn refundable(&self, left: Option<&Stage>) -> Option<(Arc<PaymentContext>, Receipt)> {
        let failed =
            self.ran == Ran::Failed || (self.ran == Ran::Begun && std::thread::panicking());
        let context = self.context.as_ref().filter(|_| failed)?;
        match left? {
            Stage::Undelivered(receipt) => {
                Some((Arc::clone(context), Receipt::from_bytes(receipt)?))
            }
            _ => None,
        }
    }
}

impl<G: ReplayGuard, S: Spawn> Drop for Permit<G, S> {
    fn drop(&mut self) {
        if self.core.is_none() {
            return;
        }
        self.throw_away();
        let Some(core) = self.core.take() else { return };
        let progress = std::mem::replace(&mut self.progress, Progress::Reserved);
        let left = match progress.left_behind() {
            // Nobody would be served by it any more: it need not wait for anybody.
            Some(Stage::Undelivered(_)) if !core.payment.is_delivered_later() => Some(Stage::Spent),
            left => left,
        };
        let refundable = self.refundable(left.as_ref());
        self.spawn.spawn(Box::pin(async move {
            // The credential is held meanwhile, so that it is either refunded or served.
            if let Some((context, receipt)) = refundable
                && core
                    .priced
                    .shared
                    .hooks
                    .refunds(&context.ask.alarm, |hooks| hooks.refund(&context, &receipt))
                    .await
            {
                return core.leave(Stage::Spent).await;
            }
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
