use std::sync::Arc;

use super::Permit;
use super::progress::Ran;
use crate::detach::Spawn;
use crate::hooked::Silence;
use crate::{Denied, Hooks, PaymentContext, Purpose, ReplayGuard, Soon, Verdict};

/// What hooks are asked and told of a payment.
impl<G: ReplayGuard, S: Spawn> Permit<G, S> {
    /// Notes what is known of the payment by now.
    pub(super) fn know(&mut self, change: impl FnOnce(&mut PaymentContext)) {
        if let Some(context) = &mut self.context {
            change(Arc::make_mut(context));
        }
    }

    /// Asks whether the payment goes on, while nothing has moved.
    pub(super) async fn consult(
        &self,
        ask: impl for<'a> Fn(&'a dyn Hooks, &'a PaymentContext) -> Soon<'a, Verdict>,
    ) -> Result<(), Denied> {
        let (Some(core), Some(context)) = (&self.core, &self.context) else {
            return Ok(());
        };
        // What the handler has done is paid for: that a hook is silent changes nothing.
        let silence = match self.ran {
            Ran::Done => Silence::ChangesNothing,
            _ => Silence::Ends,
        };
        let hooks = &core.priced.shared.hooks;
        let asked = hooks.let_on(&context.ask.alarm, silence, |hooks| ask(hooks, context));
        asked.await
    }

    /// Whether hooks go on to settle what was not verified.
    pub(super) async fn goes_on_unverified(&self, denied: &Denied) -> bool {
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

    /// Whether hooks deliver what was not settled: once for its credential, so not what keeps its
    /// own account; not what nothing has ever proven; and nothing that is no content or not to be
    /// had without its meter.
    pub(super) async fn is_waived(&self, denied: &Denied) -> bool {
        let (Some(core), Some(context)) = (&self.core, &self.context) else {
            return false;
        };
        let theirs = core.ticket.is_some() && self.verified;
        let hooks = &core.priced.shared.hooks;
        let alarm = &context.ask.alarm;
        theirs
            && matches!(core.payment.purpose(), Purpose::Content)
            && hooks
                .recovers(alarm, |hooks| hooks.settle_failed(context, denied))
                .await
    }

    /// Tells hooks, where there are any.
    pub(super) fn tell(
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
}
