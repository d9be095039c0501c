use std::sync::Arc;

use http::StatusCode;

use crate::{Ask, Denied, Paid, Reply};

/// A payment, as hooks see it: what was known when they are asked. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PaymentContext {
    /// The request.
    pub ask: Arc<Ask>,
    /// Who pays, by what, and how much: the most it can be before the handler has said how much it
    /// charges, and then that. With the transaction, once the money has moved.
    pub paid: Paid,
    /// What the handler has answered. `None` before it has, and where it ended in an error or a
    /// panic.
    pub response: Option<StatusCode>,
    /// Whether a hook delivers what was not paid, or is not known to be.
    pub waived: bool,
}

impl PaymentContext {
    /// A payment of this request. For hooks under test.
    #[must_use]
    pub const fn new(ask: Arc<Ask>, paid: Paid) -> Self {
        Self {
            ask,
            paid,
            response: None,
            waived: false,
        }
    }
}

/// Why a request that brought a payment was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The stable code that the client saw; `handler_failed` where the handler has answered.
    pub code: String,
    /// The status that the client saw. 500 where the handler ended in an error, whatever the
    /// framework makes of that.
    pub status: StatusCode,
    /// Whether the money has moved or may have moved all the same.
    pub unknown: bool,
}

impl Failure {
    /// What a client is about to see.
    pub(crate) fn of(reply: &Reply, unknown: bool) -> Self {
        #[derive(serde::Deserialize)]
        struct Body {
            code: String,
        }
        let body = serde_json::from_slice::<Body>(&reply.body);
        Self {
            code: body.map(|body| body.code).unwrap_or_default(),
            status: reply.status,
            unknown,
        }
    }

    /// The handler's answer, or none.
    pub(crate) fn of_handler(status: Option<StatusCode>, unknown: bool) -> Self {
        Self {
            code: "handler_failed".into(),
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            unknown,
        }
    }
}

/// What a denial comes down to. The code and status of what is not known yet are those that the
/// client will see, unless a hook recovers.
impl From<&Denied> for Failure {
    fn from(denied: &Denied) -> Self {
        let (code, status) = match denied {
            Denied::Refused(refusal) => {
                let problem = refusal.problem();
                (problem.code.clone().into_owned(), problem.status)
            }
            Denied::Failed(fault) => (fault.code().to_owned(), fault.status()),
            Denied::Unknown(pending) => (pending.code.to_owned(), StatusCode::SERVICE_UNAVAILABLE),
        };
        let unknown = matches!(denied, Denied::Unknown(_));
        Self {
            code,
            status,
            unknown,
        }
    }
}
