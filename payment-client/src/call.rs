use std::fmt;

use http::{HeaderName, HeaderValue};
use payment_evm::Signer;
use reqwest::{Body, RequestBuilder};

use crate::buyer::Buyer;
use crate::error::BuyerError;
use crate::reply::Reply;

/// A request in the making.
#[must_use]
pub struct Call<'b, S> {
    buyer: &'b Buyer<S>,
    request: RequestBuilder,
}

impl<'b, S: Signer> Call<'b, S> {
    pub(crate) const fn new(buyer: &'b Buyer<S>, request: RequestBuilder) -> Self {
        Self { buyer, request }
    }

    /// Adds a header.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sets the body. It must be bytes or text: a stream can't be sent a second time.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Does to the request what `reqwest` can do.
    pub fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self {
            request: change(self.request),
            ..self
        }
    }

    /// Sends it, and pays if that is asked: [`Buyer::execute`].
    ///
    /// # Errors
    ///
    /// Those of [`Buyer::execute`], and `Request` for a URL or header that can't be used.
    pub async fn send(self) -> Result<Reply, BuyerError> {
        let request = self
            .request
            .build()
            .map_err(|error| BuyerError::Request(error.without_url()))?;
        self.buyer.execute(request).await
    }
}

impl<S> fmt::Debug for Call<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
