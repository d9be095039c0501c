use std::fmt;
use std::future::Future;
use std::time::Duration;

use http::HeaderName;

use super::{Access, Failure, Hooks, PaymentContext, Recovery, Refund, Verdict};
use crate::{Ask, BoxFuture, Denied, Receipt, Reply, Soon};

/// Hooks of closures. Each gets what it is asked about as its own, and says what the method of
/// [`Hooks`] says; those that decide may also answer by a `Result`, whose error is as good as a
/// panic. Said twice, the last counts: to ask several, add several to the gate.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use http::HeaderName;
/// use payment_core::{Access, BoxError, Denial, On, Verdict};
///
/// const KEY: HeaderName = HeaderName::from_static("x-api-key");
///
/// let sold = Arc::new(AtomicU64::new(0));
/// let counter = Arc::clone(&sold);
///
/// let hooks = On::new()
///     .reading([KEY])
///     // Subscribers have paid already.
///     .protected_request(async |ask| match ask.header(&KEY) {
///         Some("a subscriber") => Access::Grant,
///         _ => Access::Pay,
///     })
///     .after_verify(async |at| {
///         let payer = at.paid.payer().ok_or("nobody is known to pay")?;
///         Ok::<_, BoxError>(match payer.to_string().starts_with("0x00") {
///             true => Verdict::Deny(Denial::new("payer_not_welcome")),
///             false => Verdict::GoOn,
///         })
///     })
///     // What a closure brings along is cloned for each call.
///     .succeeded(move |_| {
///         let counter = Arc::clone(&counter);
///         async move {
///             counter.fetch_add(1, Ordering::Relaxed);
///         }
///     });
/// # let _: &dyn payment_core::Hooks = &hooks;
/// ```
#[derive(Default)]
#[must_use]
pub struct On {
    headers: Vec<HeaderName>,
    deadline: Option<Duration>,
    protected_request: Asked<Ask, Access>,
    challenged: Asked<(Ask, Reply), ()>,
    before_verify: Asked<PaymentContext, Verdict>,
    after_verify: Asked<PaymentContext, Verdict>,
    verify_failed: Asked<(PaymentContext, Failure), Recovery>,
    before_settle: Asked<PaymentContext, Verdict>,
    after_settle: Asked<(PaymentContext, Receipt), ()>,
    settle_failed: Asked<(PaymentContext, Failure), Recovery>,
    compensate: Asked<PaymentContext, ()>,
    refund: Asked<(PaymentContext, Receipt), Refund>,
    succeeded: Asked<PaymentContext, ()>,
    failed: Asked<(Ask, Failure), ()>,
}

/// A closure, where one was given.
type Asked<A, T> = Option<Box<dyn Fn(A) -> BoxFuture<'static, T> + Send + Sync>>;

impl On {
    /// Hooks that say nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the hooks read these headers of the request, from [`Ask::headers`].
    pub fn reading(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets how long each of these hooks may take.
    pub const fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// See [`Hooks::protected_request`].
    pub fn protected_request<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(Ask) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Access>> + Send + 'static,
    {
        self.protected_request = asked(hook);
        self
    }

    /// See [`Hooks::challenged`].
    pub fn challenged<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(Ask, Reply) -> Q + Send + Sync + 'static,
        Q: Future<Output = ()> + Send + 'static,
    {
        self.challenged = asked(move |(ask, reply)| hook(ask, reply));
        self
    }

    /// See [`Hooks::before_verify`].
    pub fn before_verify<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Verdict>> + Send + 'static,
    {
        self.before_verify = asked(hook);
        self
    }

    /// See [`Hooks::after_verify`].
    pub fn after_verify<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Verdict>> + Send + 'static,
    {
        self.after_verify = asked(hook);
        self
    }

    /// See [`Hooks::verify_failed`].
    pub fn verify_failed<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext, Failure) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Recovery>> + Send + 'static,
    {
        self.verify_failed = asked(move |(at, failure)| hook(at, failure));
        self
    }

    /// See [`Hooks::before_settle`].
    pub fn before_settle<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Verdict>> + Send + 'static,
    {
        self.before_settle = asked(hook);
        self
    }

    /// See [`Hooks::after_settle`].
    pub fn after_settle<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext, Receipt) -> Q + Send + Sync + 'static,
        Q: Future<Output = ()> + Send + 'static,
    {
        self.after_settle = asked(move |(at, receipt)| hook(at, receipt));
        self
    }

    /// See [`Hooks::settle_failed`].
    pub fn settle_failed<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext, Failure) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Recovery>> + Send + 'static,
    {
        self.settle_failed = asked(move |(at, failure)| hook(at, failure));
        self
    }

    /// See [`Hooks::compensate`].
    pub fn compensate<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext) -> Q + Send + Sync + 'static,
        Q: Future<Output = ()> + Send + 'static,
    {
        self.compensate = asked(hook);
        self
    }

    /// See [`Hooks::refund`].
    pub fn refund<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext, Receipt) -> Q + Send + Sync + 'static,
        Q: Future<Output: Into<Refund>> + Send + 'static,
    {
        self.refund = asked(move |(at, receipt)| hook(at, receipt));
        self
    }

    /// See [`Hooks::succeeded`].
    pub fn succeeded<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(PaymentContext) -> Q + Send + Sync + 'static,
        Q: Future<Output = ()> + Send + 'static,
    {
        self.succeeded = asked(hook);
        self
    }

    /// See [`Hooks::failed`].
    pub fn failed<F, Q>(mut self, hook: F) -> Self
    where
        F: Fn(Ask, Failure) -> Q + Send + Sync + 'static,
        Q: Future<Output = ()> + Send + 'static,
    {
        self.failed = asked(move |(ask, failure)| hook(ask, failure));
        self
    }
}

impl fmt::Debug for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("headers", &self.headers)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

fn asked<A, T, Q>(hook: impl Fn(A) -> Q + Send + Sync + 'static) -> Asked<A, T>
where
    T: 'static,
    Q: Future<Output: Into<T>> + Send + 'static,
{
    Some(Box::new(move |about| {
        let answer = hook(about);
        Box::pin(async move { answer.await.into() })
    }))
}

/// What the closure says; where there is none, what is said without one.
fn says<'a, A, T>(asked: &Asked<A, T>, about: impl FnOnce() -> A, without: T) -> Soon<'a, T> {
    match asked {
        Some(hook) => Soon::Later(hook(about())),
        None => Soon::now(without),
    }
}

impl Hooks for On {
    fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn protected_request<'a>(&'a self, ask: &'a Ask) -> Soon<'a, Access> {
        says(&self.protected_request, || ask.clone(), Access::Pay)
    }

    fn challenged<'a>(&'a self, ask: &'a Ask, reply: &'a Reply) -> Soon<'a, ()> {
        says(&self.challenged, || (ask.clone(), reply.clone()), ())
    }

    fn before_verify<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        says(&self.before_verify, || at.clone(), Verdict::GoOn)
    }

    fn after_verify<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        says(&self.after_verify, || at.clone(), Verdict::GoOn)
    }

    fn verify_failed<'a>(&'a self, at: &'a PaymentContext, why: &'a Denied) -> Soon<'a, Recovery> {
        let about = || (at.clone(), Failure::from(why));
        says(&self.verify_failed, about, Recovery::Leave)
    }

    fn before_settle<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        says(&self.before_settle, || at.clone(), Verdict::GoOn)
    }

    fn after_settle<'a>(&'a self, at: &'a PaymentContext, receipt: &'a Receipt) -> Soon<'a, ()> {
        says(&self.after_settle, || (at.clone(), receipt.clone()), ())
    }

    fn settle_failed<'a>(&'a self, at: &'a PaymentContext, why: &'a Denied) -> Soon<'a, Recovery> {
        let about = || (at.clone(), Failure::from(why));
        says(&self.settle_failed, about, Recovery::Leave)
    }

    fn compensate<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, ()> {
        says(&self.compensate, || at.clone(), ())
    }

    fn refund<'a>(&'a self, at: &'a PaymentContext, receipt: &'a Receipt) -> Soon<'a, Refund> {
        says(&self.refund, || (at.clone(), receipt.clone()), Refund::Keep)
    }

    fn succeeded<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, ()> {
        says(&self.succeeded, || at.clone(), ())
    }

    fn failed<'a>(&'a self, ask: &'a Ask, failure: &'a Failure) -> Soon<'a, ()> {
        says(&self.failed, || (ask.clone(), failure.clone()), ())
    }
}

#[cfg(test)]
mod tests;
