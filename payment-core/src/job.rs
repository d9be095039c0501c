use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;

use http::StatusCode;

use crate::detach::{Detach, Spawn};
use crate::entry::Entry;
use crate::gate::Priced;
use crate::permit::{Permit, authorize};
use crate::stamp::Stamps;
use crate::{
    Alarm, Ask, Claim, Denied, Failure, Fault, MemoryReplayGuard, Offering, Paid, Purpose, Refusal,
    ReplayGuard, Reply, Timing,
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
        /// What is added to its head: see [`stamp`](crate::stamp).
        stamps: Stamps,
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
        let mut reply = self.priced.unpaid_at_once(&self.ask, why)?;
        self.priced.word(&mut reply, &self.ask, false);
        self.priced.complete(&mut reply, self.ask.reader);
        Some(reply)
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
        let (priced, reader) = (Arc::clone(&self.priced), self.ask.reader);
        Ok(match self.decide(spawn, serve).await? {
            Outcome::Reply(mut reply) => {
                priced.complete(&mut reply, reader);
                Outcome::Reply(reply)
            }
            Outcome::Served {
                response,
                mut stamps,
            } => {
                priced.stamped(&mut stamps, reader);
                Outcome::Served { response, stamps }
            }
        })
    }

    async fn decide<S, F, R, E>(self, spawn: impl Spawn, serve: S) -> Result<Outcome<R>, E>
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
        let (claim, unreadable) = match claimed {
            Claimed::Something(claim) => (Some(claim), None),
            Claimed::Nothing => (None, None),
            Claimed::Unreadable(refusal) => (None, Some(refusal)),
        };
        let visit = Visit {
            offering: Arc::clone(&priced.offering),
            priced,
            ask: Arc::new(ask),
            spawn: spawn.clone(),
            brings_payment: claim.is_some() || unreadable.is_some(),
        };
        let visit = match visit.priced.entry(&visit.ask, claim.as_ref()).await {
            Ok(Entry::Pays(offering)) => Visit { offering, ..visit },
            Ok(Entry::Free) => {
                let response = serve(Paid::nothing()).await?;
                let stamps = Stamps::default();
                return Ok(Outcome::Served { response, stamps });
            }
            Err(denied) => return Ok(visit.denied(denied).await),
        };
        let Some(claim) = claim else {
            return Ok(visit.unpaid(unreadable).await);
        };

        let settle_first = visit.priced.route.timing == Timing::BeforeServing;
        let admitting = {
            let (visit, spawn) = (visit.clone(), spawn.clone());
            async move {
                let Visit {
                    priced,
                    offering,
                    ask,
                    ..
                } = visit;
                let mut permit = authorize(&priced, &*offering, &ask, claim, spawn).await?;
                let first = match permit.purpose() {
                    Purpose::Content => settle_first,
                    // What is used is known only afterwards; until then it is set aside.
                    Purpose::Metered(_) => false,
                    Purpose::Management => true,
                };
                let settled = match first {
                    true => permit.settle().await,
                    false => Ok(()),
                };
                Ok(settled.map(|()| permit))
            }
        };
        let mut permit = match Detach::new(spawn.clone(), admitting).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(denied)) => return Ok(visit.unsettled(denied).await),
            Err(denied) => return Ok(visit.denied(denied).await),
        };

        let meter = match permit.purpose() {
            Purpose::Content => None,
            Purpose::Metered(meter) => Some(meter),
            // Content is never delivered for it, whatever the request asks for. (T64)
            Purpose::Management => {
                let reply = permit.answer();
                return Ok(match permit.deliver().await {
                    Ok(()) => Outcome::Reply(reply),
                    Err(denied) => visit.denied(denied).await,
                });
            }
        };

        // A handler that fails or panics drops the permit, which gives everything back.
        let paid = permit.paid().metered(meter.clone());
        let response = match visit.served(&mut permit, serve, paid.clone()).await {
            Ok(response) => response,
            Err(error) => {
                visit.unserved(&mut permit, None);
                return Err(error);
            }
        };
        let status = response.status();
        if status.as_u16() >= 400 {
            visit.unserved(&mut permit, Some(status));
            let stamps = Stamps::of_receipt(permit.stamps(status));
            drop(permit);
            return Ok(Outcome::Served { response, stamps });
        }
        permit.is_done(status, paid.close());
        // A stream is paid while it runs: each unit before it leaves.
        let streams = meter.is_some_and(|meter| meter.is_streaming());
        let response = if permit.is_settled() || streams {
            response
        } else {
            match response.hold(visit.priced.shared.limits.held_body).await {
                Ok(response) => response,
                Err(error) => {
                    drop(permit);
                    let fault = Fault::internal("response_not_holdable", error);
                    return Ok(visit.denied(fault.into()).await);
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
            Err(denied) => return Ok(visit.unsettled(denied).await),
        };
        let stamps = Stamps::of_receipt(permit.stamps(response.status()));
        match permit.deliver().await {
            Ok(()) => Ok(Outcome::Served { response, stamps }),
            Err(denied) => Ok(visit.denied(denied).await),
        }
    }
}

/// One request, and what is offered to it.
struct Visit<G, S> {
    priced: Arc<Priced<G>>,
    offering: Arc<dyn Offering>,
    ask: Arc<Ask>,
    spawn: S,
    brings_payment: bool,
}

impl<G: ReplayGuard, S: Spawn> Visit<G, S> {
    /// Calls the handler. One that panics has failed; one whose request goes away has not.
    async fn served<H, F, T>(&self, permit: &mut Permit<G, S>, serve: H, paid: Paid) -> T
    where
        H: FnOnce(Paid) -> F,
        F: Future<Output = T>,
    {
        permit.begins();
        let mut serving = pin!(async move { serve(paid).await });
        poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(context)));
            polled.unwrap_or_else(|panic| {
                self.unserved(permit, None);
                resume_unwind(panic)
            })
        })
        .await
    }

    /// The answer to a request without a payment that can be read.
    async fn unpaid<R>(&self, why: Option<Refusal>) -> Outcome<R> {
        let asked = self.priced.unpaid(&*self.offering, &self.ask, why.as_ref());
        self.told(asked.await, false)
    }

    /// The answer to a request that is not served.
    async fn denied<R>(&self, denied: Denied) -> Outcome<R> {
        let unknown = matches!(denied, Denied::Unknown(_));
        let answered = self.priced.denied(&*self.offering, &self.ask, denied);
        self.told(answered.await, unknown)
    }

    /// The answer to a request whose payment was not settled.
    async fn unsettled<R>(&self, denied: Denied) -> Outcome<R> {
        let unknown = matches!(denied, Denied::Unknown(_));
        let offering = &*self.offering;
        let answered = self.priced.unsettled(offering, &self.ask, denied);
        self.told(answered.await, unknown)
    }

    /// The handler has failed: with an answer, or without one.
    fn unserved(&self, permit: &mut Permit<G, S>, status: Option<StatusCode>) {
        permit.has_failed(status);
        let hooks = &self.priced.shared.hooks;
        if hooks.is_empty() {
            return;
        }
        self.mention_failure(Failure::of_handler(status, permit.is_at_stake()));
    }

    /// The request without its body: nobody is to make us keep bodies while hooks are told. (T120)
    fn mentioned(&self) -> Arc<Ask> {
        match self.ask.body {
            None => Arc::clone(&self.ask),
            Some(_) => {
                let mut ask = Ask::clone(&self.ask);
                ask.body = None;
                Arc::new(ask)
            }
        }
    }

    fn mention_failure(&self, failure: Failure) {
        let (ask, hooks) = (self.mentioned(), &self.priced.shared.hooks);
        let alarm = &self.ask.alarm;
        hooks.mention(
            &self.spawn,
            alarm,
            (ask, failure),
            |hooks, (ask, failure)| hooks.failed(ask, failure),
        );
    }

    /// Tells the hooks what the client will see, before the seller has put it in words.
    fn told<R>(&self, mut reply: Reply, unknown: bool) -> Outcome<R> {
        let hooks = &self.priced.shared.hooks;
        if hooks.is_empty() {
            self.priced.word(&mut reply, &self.ask, unknown);
            return Outcome::Reply(reply);
        }
        if self.brings_payment {
            self.mention_failure(Failure::of(&reply, unknown));
        }
        if reply.status == StatusCode::PAYMENT_REQUIRED {
            let about = (self.mentioned(), reply.clone());
            let alarm = &self.ask.alarm;
            hooks.mention(&self.spawn, alarm, about, |hooks, (ask, reply)| {
                hooks.challenged(ask, reply)
            });
        }
        self.priced.word(&mut reply, &self.ask, unknown);
        Outcome::Reply(reply)
    }
}

impl<G, S: Clone> Clone for Visit<G, S> {
    fn clone(&self) -> Self {
        Self {
            priced: Arc::clone(&self.priced),
            offering: Arc::clone(&self.offering),
            ask: Arc::clone(&self.ask),
            spawn: self.spawn.clone(),
            brings_payment: self.brings_payment,
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
