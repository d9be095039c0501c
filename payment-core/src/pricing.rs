use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::denied::Denial;
use crate::{Ask, BoxError, BoxFuture, PaymentOption};

/// Says what a request costs, from the request. Asked for every request of its route: for the one
/// that gets the 402, and again for the one that pays. (T03)
///
/// So anybody can have it asked, as often as they like, and nothing bounds how many answers are
/// waited for at once. Where an answer costs something, such as a query, the pricer keeps it for a
/// while itself. (T120)
pub trait Pricer: Send + Sync + 'static {
    /// The price of this request.
    ///
    /// # Errors
    ///
    /// Any: the gate stays closed then, and answers 503.
    fn quote<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Quote, BoxError>>;
}

/// What a request costs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Quote {
    /// What the route says.
    Standard,
    /// One of these, in the seller's order. None at all is a mistake, and closes the gate.
    Options(Vec<PaymentOption>),
    /// Nothing: it is served unpaid, and a payment it brings is left alone.
    Free,
    /// It is not for sale.
    Deny(Denial),
}

impl From<crate::Money> for Quote {
    fn from(price: crate::Money) -> Self {
        Self::Options(vec![PaymentOption::new(price)])
    }
}

impl From<PaymentOption> for Quote {
    fn from(option: PaymentOption) -> Self {
        Self::Options(vec![option])
    }
}

/// How the price of a route is found for each request.
///
/// ```
/// use payment_core::{Pricing, Quote, Route, usd};
///
/// let by_size = Pricing::by(async |ask| {
///     Ok(match ask.query.as_deref() {
///         Some("size=large") => Quote::from(usd!("0.02")),
///         _ => Quote::Standard,
///     })
/// });
/// let route = Route::priced(usd!("0.01")).pricing(by_size);
/// # drop(route);
/// ```
#[derive(Clone)]
pub struct Pricing {
    pub(crate) pricer: Arc<dyn Pricer>,
    pub(crate) headers: Arc<[HeaderName]>,
    pub(crate) body_limit: Option<usize>,
    pub(crate) grace: Duration,
    pub(crate) deadline: Duration,
}

impl Pricing {
    /// Prices by this pricer. It has two seconds to answer, and what it has quoted is good for one
    /// minute, should the price change meanwhile.
    #[must_use]
    pub fn new(pricer: impl Pricer) -> Self {
        Self {
            pricer: Arc::new(pricer),
            headers: Arc::new([]),
            body_limit: None,
            grace: Duration::from_secs(60),
            deadline: Duration::from_secs(2),
        }
    }

    /// Prices by this function.
    #[must_use]
    pub fn by<F, Q>(function: F) -> Self
    where
        F: Fn(Ask) -> Q + Send + Sync + 'static,
        Q: Future<Output = Result<Quote, BoxError>> + Send + 'static,
    {
        Self::new(Function(function))
    }

    /// Lets the pricer read these headers of the request, from [`Ask::headers`].
    #[must_use]
    pub fn reading(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.headers = headers.into_iter().collect();
        self
    }

    /// Lets the pricer read the body, from [`Ask::body`]: it is gathered first, and a body of more
    /// bytes than these is answered with 413. What was paid for is the body that was priced: its
    /// digest is bound into the offers, so that each body is paid by an offer of its own, in a
    /// session too. Buyers of x402 version 1 echo no offer; they pay what their body costs.
    #[must_use]
    pub const fn reading_body(mut self, limit: usize) -> Self {
        self.body_limit = Some(limit);
        self
    }

    /// How long a quote stays good when the price moves. Zero: the price of the moment counts. What
    /// was begun at a quoted price is followed up at it, however late.
    ///
    /// A buyer who pays in time pays what was quoted, whether the price rose or fell, and as often
    /// as it asks for the very same meanwhile: one method and URL, one body where that is read, and
    /// the values of the headers that the pricer [reads](Self::reading). Buyers of x402 version 1
    /// bring no quote: for them the price of the moment counts. Whoever has moved the money before
    /// it asks, by the hash of a transfer, has for it as long as the offer says.
    #[must_use]
    pub const fn grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// How long the pricer has to answer. A late answer closes the gate for that request.
    #[must_use]
    pub const fn deadline(mut self, time: Duration) -> Self {
        self.deadline = time;
        self
    }
}

impl fmt::Debug for Pricing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pricing")
            .field("headers", &self.headers)
            .field("body_limit", &self.body_limit)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

struct Function<F>(F);

impl<F, Q> Pricer for Function<F>
where
    F: Fn(Ask) -> Q + Send + Sync + 'static,
    Q: Future<Output = Result<Quote, BoxError>> + Send + 'static,
{
    fn quote<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Quote, BoxError>> {
        Box::pin((self.0)(ask.clone()))
    }
}
