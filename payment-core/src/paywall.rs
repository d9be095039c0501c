use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::{Ask, Reply};

/// Shows a 402 to people: the page that a browser gets in the place of the JSON.
///
/// Called for clients that prefer HTML, and for nobody else. The status, the challenges and the
/// caching of the answer stay as they are, so that the page can't make a payment out of anything.
///
/// HTML is preferred where `Accept` names it and gives it more than JSON; `*/*` is no wish for it. A
/// request that brings a payment is answered by JSON whatever it accepts, and so is everything but
/// `GET` and `HEAD`. No `Link` header goes with a 402: no registered relation says how to pay it.
pub trait Paywall: Send + Sync + 'static {
    /// The page for this request, from the answer that other clients get: its `PAYMENT-REQUIRED`
    /// and `WWW-Authenticate` headers say how it can be paid. `None` leaves the answer as it is. A
    /// panic does the same.
    fn page(&self, ask: &Ask, reply: &Reply) -> Option<Page>;

    /// The headers that [`Ask::headers`] is to hold for the page, such as `Accept-Language`. `Accept`
    /// is there anyway.
    fn headers(&self) -> &[HeaderName] {
        &[]
    }
}

/// A page of HTML.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The document, in UTF-8.
    pub html: Bytes,
    /// Headers of the answer that go with it, such as its `Content-Security-Policy`. What the answer
    /// has anyway is not changed by them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    /// A page without headers of its own.
    #[must_use]
    pub fn new(html: impl Into<Bytes>) -> Self {
        Self {
            html: html.into(),
            headers: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<F> Paywall for F
where
    F: Fn(&Ask, &Reply) -> Option<Page> + Send + Sync + 'static,
{
    fn page(&self, ask: &Ask, reply: &Reply) -> Option<Page> {
        self(ask, reply)
    }
}
