use http::StatusCode;

use crate::gate::Priced;
use crate::reply::About;
use crate::{Ask, Challenge, Denied, Fault, Offering, Problem, Refusal, ReplayGuard, Reply, Soon};

impl<G: ReplayGuard> Priced<G> {
    /// The answer to a request that has not paid: each protocol adds its challenge.
    pub(crate) async fn unpaid(
        &self,
        offering: &dyn Offering,
        ask: &Ask,
        why: Option<&Refusal>,
    ) -> Reply {
        match why {
            Some(refusal) if !refusal.invites_payment() => uninviting(refusal),
            _ => self.inviting(why, offering.challenge(ask, why).await),
        }
    }

    /// The same, unless a challenge has to be awaited.
    pub(crate) fn unpaid_at_once(&self, ask: &Ask, why: Option<&Refusal>) -> Option<Reply> {
        if !self.shared.hooks.is_empty() || self.route.pricing.is_some() {
            return None;
        }
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

    pub(crate) async fn denied(&self, offering: &dyn Offering, ask: &Ask, denied: Denied) -> Reply {
        match denied {
            Denied::Refused(refusal) => self.unpaid(offering, ask, Some(&refusal)).await,
            Denied::Failed(fault) => self.fault(&fault),
            Denied::Unknown(pending) => {
                tracing::warn!(code = pending.code, cause = %pending.cause, "settlement outcome unknown");
                let problem = Problem {
                    code: pending.code.into(),
                    ..SETTLEMENT_PENDING
                };
                let mut reply = Reply::problem(&problem);
                reply.about = About::Unsettled;
                reply.headers.extend(pending.headers);
                reply.retry_after(self.shared.limits.retry_after)
            }
        }
    }

    /// The same, where it was the settlement that failed.
    pub(crate) async fn unsettled(
        &self,
        offering: &dyn Offering,
        ask: &Ask,
        denied: Denied,
    ) -> Reply {
        let mut reply = self.denied(offering, ask, denied).await;
        reply.about = About::Unsettled;
        reply
    }

    fn fault(&self, fault: &Fault) -> Reply {
        let cause = std::error::Error::source(fault)
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::warn!(code = fault.code(), cause, "payment could not be processed");
        let problem = match fault.status() {
            StatusCode::URI_TOO_LONG => URI_TOO_LONG,
            status => Problem {
                status,
                code: fault.code().into(),
                ..FAULT
            },
        };
        let reply = Reply::problem(&problem);
        match fault.status() {
            // Coming again would not help.
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::URI_TOO_LONG => reply,
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

const SETTLEMENT_PENDING: Problem = Problem::new(
    "urn:tollgate:problem:settlement-pending",
    "Settlement Pending",
    StatusCode::SERVICE_UNAVAILABLE,
    "settlement_pending",
    "the payment may have been made; send the same request again, do not pay again",
);

const URI_TOO_LONG: Problem = Problem::new(
    "urn:tollgate:problem:uri-too-long",
    "URI Too Long",
    StatusCode::URI_TOO_LONG,
    "uri_too_long",
    "the URL is longer than an offer can name it",
);

const FAULT: Problem = Problem::new(
    "https://paymentauth.org/problems/internal-payment-error",
    "Internal Payment Error",
    StatusCode::INTERNAL_SERVER_ERROR,
    "internal",
    "the payment could not be processed; nothing was charged",
);
