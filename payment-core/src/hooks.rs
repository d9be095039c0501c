mod answers;
mod context;
mod on;

use std::time::Duration;

use http::HeaderName;

use crate::{Ask, Denied, Receipt, Reply, Soon};

pub use answers::{Access, Recovery, Refund, Verdict};
pub use context::{Failure, PaymentContext};
pub use on::On;

/// What a seller's own code has to say while a request is paid. Every method has a default that
/// says nothing; implement those that are of use. [`On`] makes one of closures.
///
/// A hook can't hurt a payment. Each has a deadline, and may panic, also in the destructor of its
/// future:
///
/// - Before the handler runs, a hook that is late, fails or panics closes the gate for that
///   request: 503 with the code `hook_failed`, and nothing is charged.
/// - From then on it changes nothing: what was paid stays paid, what was not stays unpaid.
///
/// What only listens ([`challenged`](Self::challenged), [`after_settle`](Self::after_settle),
/// [`succeeded`](Self::succeeded), [`failed`](Self::failed), [`compensate`](Self::compensate)) is
/// told on its own time, in no particular order, and delays nobody.
///
/// A hook must not block: what never awaits can't be ended by a deadline. And what it takes of the
/// time before the handler, it takes from the validity of the payment: see
/// [`Route::serve_within`](crate::Route::serve_within).
///
/// Where a gate has several, they are asked in the order in which they were added, and the first
/// that decides is the last that is asked.
pub trait Hooks: Send + Sync + 'static {
    /// The headers that [`Ask::headers`] is to hold for these hooks.
    fn headers(&self) -> &[HeaderName] {
        &[]
    }

    /// How long each of these may take; `None` for what the gate says. Asked once. A refund that is
    /// a transaction needs more than the two seconds of a gate that says nothing.
    fn deadline(&self) -> Option<Duration> {
        None
    }

    /// A request came to a priced route, with a payment or without. Anybody can cause that, and
    /// nothing bounds how many answers are waited for at once.
    fn protected_request<'a>(&'a self, _: &'a Ask) -> Soon<'a, Access> {
        Soon::now(Access::Pay)
    }

    /// A 402 is on its way. Anybody can cause one: where more than a thousand are being told, it is
    /// left out, and the request comes without its body.
    fn challenged<'a>(&'a self, _: &'a Ask, _: &'a Reply) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// A payment was bound, checked here and reserved; it is about to be verified outside. Not
    /// asked of one whose settlement has begun in an earlier request: it is only followed up.
    fn before_verify<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// A payment was verified, or goes on by [`verify_failed`](Self::verify_failed); the handler is
    /// about to run.
    fn after_verify<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// A payment was not verified. To recover is to go on to settle it all the same: only what is
    /// proven by its settlement can be, and no less than that settlement delivers it.
    fn verify_failed<'a>(&'a self, _: &'a PaymentContext, _: &'a Denied) -> Soon<'a, Recovery> {
        Soon::now(Recovery::Leave)
    }

    /// The money is about to move. Denied, it stays, and the buyer gets 403.
    fn before_settle<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, Verdict> {
        Soon::now(Verdict::GoOn)
    }

    /// The money has moved. Told again where that could not be recorded: by the receipt's
    /// reference it is the same.
    fn after_settle<'a>(&'a self, _: &'a PaymentContext, _: &'a Receipt) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// The money has not moved, or nobody knows whether. To recover is to deliver all the same, at
    /// the seller's risk, once; the payment is used up by it. Only what is sold by the call can be,
    /// and asked is only the request that has verified it, not those that follow it up. What its
    /// verification took is given back, unless the money may have moved.
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
    /// used up; else the same one runs the handler again, and this is asked again if that fails. A
    /// process that ends in between asks again, and so does one that was not answered: refund by
    /// the receipt's reference, once. Not asked where a client hangs up. (T23)
    fn refund<'a>(&'a self, _: &'a PaymentContext, _: &'a Receipt) -> Soon<'a, Refund> {
        Soon::now(Refund::Keep)
    }

    /// A paid response is on its way, a stream with its first byte.
    fn succeeded<'a>(&'a self, _: &'a PaymentContext) -> Soon<'a, ()> {
        Soon::now(())
    }

    /// A request that brought a payment was not served: by the gate, or because the handler has
    /// failed. Nothing is said of clients that hang up.
    /// Anybody can cause it: where more than a thousand are being told, it is left out, and the
    /// request comes without its body.
    fn failed<'a>(&'a self, _: &'a Ask, _: &'a Failure) -> Soon<'a, ()> {
        Soon::now(())
    }
}
