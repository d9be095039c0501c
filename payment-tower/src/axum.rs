//! What axum handlers use: the [`Paid`] extractor.

use std::convert::Infallible;
use std::ops::Deref;

use ::axum::body::Body;
use ::axum::extract::{FromRequestParts, OptionalFromRequestParts};
use ::axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use payment_core::{Problem, Reply};

use crate::stamp;

/// The payment that opened the route: who paid, how much, by which protocol.
///
/// As `Option<Paid>` it is `None` on routes without a price.
#[derive(Clone, Debug)]
pub struct Paid(pub payment_core::Paid);

impl Deref for Paid {
    type Target = payment_core::Paid;

    fn deref(&self) -> &payment_core::Paid {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Paid {
    type Rejection = NotPriced;

    /// # Errors
    ///
    /// `NotPriced` when the route has no payment layer.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotPriced> {
        parts.extensions.get().cloned().map(Self).ok_or(NotPriced)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Paid {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}

/// A handler asks for its payment on a route that has no price: a mistake of ours, 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPriced;

impl std::fmt::Display for NotPriced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the route has no payment layer")
    }
}

impl std::error::Error for NotPriced {}

impl IntoResponse for NotPriced {
    fn into_response(self) -> Response {
        stamp::reply::<Body>(Reply::problem(&NOT_PRICED)).map(Body::new)
    }
}

const NOT_PRICED: Problem = Problem::new(
    "https://paymentauth.org/problems/internal-payment-error",
    "Internal Payment Error",
    StatusCode::INTERNAL_SERVER_ERROR,
    "route_not_priced",
    "the payment could not be processed; nothing was charged",
);
