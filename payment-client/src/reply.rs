use http::{HeaderMap, StatusCode};
use reqwest::Response;

use crate::payment::Payment;

/// The seller's answer, and what was paid for it.
#[derive(Debug)]
#[must_use]
pub struct Reply {
    response: Response,
    payment: Option<Box<Payment>>,
}

impl Reply {
    pub(crate) const fn new(response: Response, payment: Option<Box<Payment>>) -> Self {
        Self { response, payment }
    }

    /// The status of the answer. It can be an error although a payment was made: the payment
    /// says what the seller showed for it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers of the answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// What was paid; `None` for an answer that was free.
    #[must_use]
    pub fn payment(&self) -> Option<&Payment> {
        self.payment.as_deref()
    }

    /// The answer, to read its body.
    #[must_use]
    pub fn into_response(self) -> Response {
        self.response
    }

    /// The answer and the payment.
    #[must_use]
    pub fn into_parts(self) -> (Response, Option<Payment>) {
        (self.response, self.payment.map(|payment| *payment))
    }
}
