use std::sync::Arc;

use crate::gate::Priced;
use crate::inflight::Place;
use crate::permit::scope;
use crate::replay::{Reservation, Reserve, Resume, Stage, StoreFault, Ticket};
use crate::{Ask, Payment, ReplayGuard};

/// What a permit holds: the payment, the reservation, a place among those in work.
pub(super) struct Core<G> {
    pub(super) payment: Box<dyn Payment>,
    pub(super) ticket: Option<Ticket>,
    pub(super) priced: Arc<Priced<G>>,
    /// Whether what verification took was given back.
    given_back: bool,
    _place: Place,
}

impl<G: ReplayGuard> Core<G> {
    pub(super) const fn new(
        payment: Box<dyn Payment>,
        ticket: Option<Ticket>,
        priced: Arc<Priced<G>>,
        place: Place,
    ) -> Self {
        Self {
            payment,
            ticket,
            priced,
            given_back: false,
            _place: place,
        }
    }

    pub(super) async fn advance(&self, stage: Stage) -> Result<(), StoreFault> {
        match &self.ticket {
            Some(ticket) => self.priced.shared.guard.advance(ticket, stage).await,
            None => Ok(()),
        }
    }

    /// Records where things stand, as well as can be.
    pub(super) async fn record(&self, stage: Stage) {
        if let Err(error) = self.advance(stage).await {
            tracing::error!(error = %error, "the state of a payment is not recorded");
        }
    }

    /// Gives back what verification took, once.
    pub(super) async fn give_back(&mut self) {
        if !self.given_back {
            self.payment.release().await;
            self.given_back = true;
        }
    }

    pub(super) async fn release(mut self) {
        self.give_back().await;
        if let Some(ticket) = &self.ticket
            && let Err(error) = self.priced.shared.guard.release(ticket).await
        {
            tracing::warn!(error = %error, "a reservation was not released, its lease will");
        }
    }

    /// Takes the hold on what was recorded as paid and not delivered, with a whole lease before it.
    /// `false` where it is somebody else's by now.
    pub(super) async fn hold_again(&mut self, ask: &Ask) -> bool {
        if self.ticket.is_none() {
            return true;
        }
        let shared = &self.priced.shared;
        let (now, lease) = (shared.clock.now(), shared.limits.lease);
        let (keys, keep_until) = (self.payment.keys(), self.payment.keep_until());
        let wish = Reservation::new(keys, scope(ask), keep_until, now, lease);
        let Ok(Reserve::Held(ticket, resume)) = shared.guard.reserve(wish).await else {
            return false;
        };
        self.ticket = Some(ticket);
        match resume {
            Resume::Paid(_) => return true,
            // Nobody could record that it was paid: whoever follows it up finds out.
            Resume::Unsettled(evidence) => self.record(Stage::Unknown(evidence)).await,
            Resume::Fresh => {
                tracing::error!("the record of a settled payment is gone");
            }
        }
        false
    }
}
