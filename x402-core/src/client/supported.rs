use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::FacilitatorFault;
use crate::wire::SupportedResponse;

/// What a facilitator supports, as last heard. Asked for by one at a time; kept when asking
/// again fails.
#[derive(Debug, Default)]
pub struct SupportedCache {
    last: Mutex<Option<Heard>>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Heard {
    at: Instant,
    answer: SupportedResponse,
}

impl SupportedCache {
    /// What was heard within this time, or else what `ask` hears now; or what was heard last, when
    /// it hears nothing.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` of `ask`, when nothing was ever heard.
    pub async fn get<A, F>(
        &self,
        fresh_for: Duration,
        ask: A,
    ) -> Result<SupportedResponse, FacilitatorFault>
    where
        A: FnOnce() -> F,
        F: Future<Output = Result<SupportedResponse, FacilitatorFault>>,
    {
        if let Some(answer) = self.fresh(fresh_for) {
            return Ok(answer);
        }
        let _flight = self.flight.lock().await;
        // Whoever waited finds what the one before has heard.
        if let Some(answer) = self.fresh(fresh_for) {
            return Ok(answer);
        }
        match ask().await {
            Ok(answer) => {
                self.keep(answer.clone());
                Ok(answer)
            }
            Err(fault) => match self.last() {
                Some(stale) => {
                    tracing::warn!(error = %fault, "keeping what the facilitator supported before");
                    self.keep(stale.answer.clone());
                    Ok(stale.answer)
                }
                None => Err(fault),
            },
        }
    }

    fn fresh(&self, fresh_for: Duration) -> Option<SupportedResponse> {
        let heard = self.last()?;
        (heard.at.elapsed() < fresh_for).then_some(heard.answer)
    }

    fn last(&self) -> Option<Heard> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, answer: SupportedResponse) {
        let at = Instant::now();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Heard { at, answer });
    }
}
