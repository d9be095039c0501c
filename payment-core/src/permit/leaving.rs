use std::mem;
use std::sync::Arc;

use super::core::Core;
use super::progress::{Progress, Ran};
use super::{Permit, lost, not_recorded};
use crate::detach::Spawn;
use crate::replay::Stage;
use crate::{Denied, PaymentContext, Pending, Receipt, ReplayGuard};

/// The ways a permit ends: given up, out of sight, delivered, dropped.
impl<G: ReplayGuard, S: Spawn> Permit<G, S> {
    /// A definite no: nothing has moved and nothing will.
    pub(super) async fn give_up(&mut self, denied: Denied) -> Denied {
        self.throw_away();
        if let Some(core) = self.core.take() {
            core.release().await;
        }
        denied
    }

    /// The money may have moved: the credential stays reserved until that is known.
    pub(super) async fn lose_sight(&mut self, pending: Pending) -> Denied {
        self.throw_away();
        if let Some(core) = self.core.take() {
            core.record(Stage::Unknown(pending.evidence.clone())).await;
        }
        Denied::Unknown(pending)
    }

    /// Another request holds the credential now. It settles; this one must not.
    pub(super) fn has_lost(&mut self) -> Denied {
        self.throw_away();
        self.core = None;
        lost()
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

    /// What the handler did is not delivered: whoever can is told to undo it. Once, as a permit that
    /// has ended tells nobody anything.
    fn throw_away(&self) {
        if self.ran == Ran::Done {
            self.tell(|hooks, at| hooks.compensate(at));
        }
    }

    /// What hooks are to be asked, where the money has moved and the handler has failed.
    fn refundable(&self) -> Option<(Arc<PaymentContext>, Receipt)> {
        let context = self.context.as_ref()?;
        match &self.progress {
            Progress::Settled(receipt) if self.ran == Ran::Failed => {
                Some((Arc::clone(context), receipt.clone()))
            }
            _ => None,
        }
    }
}

impl<G: ReplayGuard, S: Spawn> Drop for Permit<G, S> {
    fn drop(&mut self) {
        self.throw_away();
        let refundable = self.refundable();
        let Some(core) = self.core.take() else { return };
        let progress = mem::replace(&mut self.progress, Progress::Reserved);
        let left = progress.left_behind(core.payment.is_delivered_later());
        self.spawn.spawn(Box::pin(async move {
            match (left, refundable) {
                (None, _) => core.release().await,
                (Some(stage), None) => core.record(stage).await,
                (Some(stage), Some((context, receipt))) => {
                    refund(core, stage, &context, &receipt).await;
                }
            }
        }));
    }
}

/// Asks hooks to give money back. Meanwhile the credential is held, so that it is either refunded
/// or served.
async fn refund<G: ReplayGuard>(
    mut core: Core<G>,
    left: Stage,
    context: &PaymentContext,
    receipt: &Receipt,
) {
    // First as if nobody gave anything back: that stands whatever comes. And the handler may have
    // taken all of the lease, so it is held anew.
    core.record(left.clone()).await;
    let waits = left != Stage::Spent;
    if waits && !core.hold_again(&context.ask).await {
        return;
    }
    let alarm = &context.ask.alarm;
    let shared = &core.priced.shared;
    let asked = shared
        .hooks
        .refunds(alarm, |hooks| hooks.refund(context, receipt));
    // Long before anybody else can hold it.
    let refunded = alarm.within(shared.limits.lease / 2, asked).await;
    if !waits {
        return;
    }
    match refunded {
        Ok(true) => {
            if core.advance(Stage::Spent).await.is_err() {
                // Once more: who gets both his money and the goods has no reason to say so.
                core.record(Stage::Spent).await;
            }
        }
        Ok(false) => core.record(left).await,
        Err(late) => {
            tracing::error!(%late, "nobody knows whether a refund was made");
            core.record(left).await;
        }
    }
}
