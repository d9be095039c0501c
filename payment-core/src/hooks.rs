use std::sync::Arc;

use http::HeaderName;

use crate::denied::Denial;
use crate::{Ask, Denied, Paid, Receipt, Reply, Soon};

/// What a seller's own code has to say while a request is paid. Every method has a default that
/// says nothing; implement those that are of use.
///
/// A hook can't hurt a payment. Each has a deadline, and may panic:
///
/// - Before the handler runs, a hook that is late or panics closes the gate for that request: 503,
///   and nothing is charged.
/// - From then on it changes nothing: what was paid stays paid, what was not stays unpaid.
///
/// What only listens ([`challenged`](Self::challenged), [`after_settle`](Self::after_settle),
/// [`succeeded`](Self::succeeded), [`failed`](Self::failed)) is told on its own time, and delays
/// nobody.
pub trait Hooks: Send + Sync + 'static {
    /// The headers that [`Ask::headers`] is to hold for these hooks.
    fn headers(&self) -> &[HeaderName] {
        &[]
    }

    /// A request came to a priced route, with a payment or without.
    fn protected_request<'a>(&'a self, _: &'a Ask) -> Soon<'a, Access> {
        Soon::now(Access::Pay)
    }

    /// A 402 is on its way.
    fn challenged<'a>(&'a self, _: &'a Ask, _: &'a Reply) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// A payment was bound, checked here and reserved; it is about to be verified outside.
    fn before_verify<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// A payment was verified; the handler is about to run.
    fn after_verify<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// A payment was not verified. To recover is to go on to settle it all the same: only what is
    /// proven by its settlement can be, and no more than that settlement delivers it.
    fn verify_failed<'a>(&'a self, _: &'a PaymentContext, _: &'a Denied) -> Soon<'a, Recovery> {
        Soon::now(Recovery::Leave)
    }

    /// The money is about to move. Denied, it stays, and the buyer gets 403.
    fn before_settle<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// The money has moved.
    fn after_settle<'a>(&'a self, _: &'a PaymentContext, _: &'a Receipt) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// The money has not moved, or nobody knows whether. To recover is to deliver all the same, at
    /// the seller's risk; the payment is used up by it.
    fn settle_failed<'a>(&'a self, _: &'a PaymentContext, _: &'a Denied) -> Soon<'a, Recovery> {
        Soon::now(Recovery::Leave)
    }

    /// The handler has done its work, and its response was thrown away: to undo what it did. A
    /// buyer whose payment went through or may have gone through can come again, and the handler
    /// runs anew. (T23)
    fn compensate<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// The money has moved and the handler has failed. Where it is given back here, the payment is
    /// used up; else the same one runs the handler again. A process that ends in between asks
    /// again: refund by the receipt's reference, once. (T23)
    fn refund<'a>(&'a self, _: &'a PaymentContext, _: &'a Receipt) -> Soon<'a, Refund> {
        Soon::now(Refund::Keep)
    }

    /// A paid response is on its way.
    fn succeeded<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// A request that brought a payment was not served.
    fn failed<'a>(&'a self, _: &'a Ask, _: &'a Failure) -> Soon<'a, ()> {
        Soon::now(())
    }
}

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Whoever pays.
    Pay,
    /// This request, unpaid. A payment it brings is left alone.
    Grant,
    /// Not this request.
    Deny(Denial),
}

/// Whether a payment goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It does.
    GoOn,
    /// It ends here: 403, and nothing is charged.
    Deny(Denial),
}

/// What becomes of a payment that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// It has failed.
    Leave,
    /// It goes on.
    Recover,
}

/// What becomes of money that has moved for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refund {
    /// It waits for the same buyer to come again.
    Keep,
    /// It was given back.
    Done,
}

/// A payment, as hooks see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PaymentContext {
    /// The request.
    pub ask: Arc<Ask>,
    /// Who pays, by what, and how much: what the handler sees too.
    pub paid: Paid,
}

impl PaymentContext {
    /// A payment of this request. For hooks under test.
    #[must_use]
    pub const fn new(ask: Arc<Ask>, paid: Paid) -> Self {
        Self { ask, paid }
    }
}

/// Why a request that brought a payment was not served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The stable code that the client saw.
    pub code: String,
    /// The status that the client saw.
    pub status: http::StatusCode,
    /// Whether the money may have moved all the same.
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
}
