use std::fmt;
use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};

use crate::detach::{Detach, Spawn};
use crate::gate::Priced;
use crate::permit::authorize;
use crate::{
    Alarm, Ask, Claim, Denied, Fault, MemoryReplayGuard, Paid, Purpose, Refusal, ReplayGuard,
    Reply, Timing,
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
            mut ask,
            claimed,
        } = self;
        ask.alarm = Alarm::new(spawn.clone());
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
                let first = match permit.purpose() {
                    Purpose::Content => settle_first,
                    // What is used is known only afterwards; until then it is set aside.
                    Purpose::Metered(_) => false,
                    Purpose::Management => true,
                };
                if first {
                    permit.settle().await?;
                }
                Ok(permit)
            }
        };
        let permit = match Detach::new(spawn.clone(), admitting).await {
            Ok(permit) => permit,
            Err(denied) => return Ok(Outcome::Reply(priced.denied(&ask, denied).await)),
        };

        let meter = match permit.purpose() {
            Purpose::Content => None,
            Purpose::Metered(meter) => Some(meter),
            // Content is never delivered for it, whatever the request asks for. (T64)
            Purpose::Management => {
                let reply = permit.answer();
                return Ok(Outcome::Reply(match permit.deliver().await {
                    Ok(()) => reply,
                    Err(denied) => priced.denied(&ask, denied).await,
                }));
            }
        };

        // A handler that fails or panics drops the permit, which gives everything back.
        let response = serve(permit.paid().metered(meter.clone())).await?;
        if response.status().as_u16() >= 400 {
            let stamps = permit.stamps(response.status());
            drop(permit);
            return Ok(Outcome::Served { response, stamps });
        }
        // A stream is paid while it runs: each unit before it leaves.
        let streams = meter.is_some_and(|meter| meter.is_streaming());
        let response = if permit.is_settled() || streams {
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

#[cfg(test)]
mod tests;
