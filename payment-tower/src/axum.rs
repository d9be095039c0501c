//! What axum handlers use: the [`Paid`] extractor, and [`Meter`] where they are paid by use.
//!
//! ```
//! use payment_core::IntoSseEvent;
//! use payment_tower::axum::Meter;
//! use axum::response::IntoResponse;
//! # use futures_core::Stream;
//! # fn tokens() -> impl Stream<Item: IntoSseEvent> + Send + 'static { Words(["a", "b"].into_iter()) }
//! # struct Words(std::array::IntoIter<&'static str, 2>);
//! # impl Stream for Words {
//! #     type Item = &'static str;
//! #     fn poll_next(
//! #         mut self: std::pin::Pin<&mut Self>,
//! #         _: &mut std::task::Context<'_>,
//! #     ) -> std::task::Poll<Option<&'static str>> { std::task::Poll::Ready(self.0.next()) }
//! # }
//!
//! async fn chat(meter: Meter) -> impl IntoResponse {
//!     meter.sse(tokens())
//! }
//!
//! async fn summary(meter: Meter) -> String {
//!     let (text, tokens) = ("in short: sunny".to_owned(), 4);
//!     meter.report(tokens);
//!     text
//! }
//! # let _: axum::Router = axum::Router::new()
//! #     .route("/chat", axum::routing::get(chat))
//! #     .route("/summary", axum::routing::get(summary));
//! ```

use std::convert::Infallible;
use std::ops::Deref;

use ::axum::body::Body;
use ::axum::extract::{FromRequestParts, OptionalFromRequestParts};
use ::axum::response::{IntoResponse, Response};
use futures_core::Stream;
use http::request::Parts;
use payment_core::{IntoSseEvent, Reply};

use crate::{Sse, reply};

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

/// Counts what the request uses, on a route that is priced by the unit.
///
/// As `Option<Meter>` it is `None` where nothing is counted.
#[derive(Clone, Debug)]
pub struct Meter(pub payment_core::Meter);

impl Meter {
    /// A response of server-sent events that is paid event by event: one unit each, unless they
    /// [say](payment_core::SseEvent::units) otherwise.
    pub fn sse<S>(&self, events: S) -> Sse<S>
    where
        S: Stream<Item: IntoSseEvent>,
    {
        Sse::new(&self.0, events)
    }
}

impl Deref for Meter {
    type Target = payment_core::Meter;

    fn deref(&self) -> &payment_core::Meter {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Meter {
    type Rejection = NotMetered;

    /// # Errors
    ///
    /// `NotMetered` when the route has no payment layer, or is not priced by the unit.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotMetered> {
        meter(parts).ok_or(NotMetered)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Meter {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(meter(parts))
    }
}

fn meter(parts: &Parts) -> Option<Meter> {
    let paid: &payment_core::Paid = parts.extensions.get()?;
    paid.meter().cloned().map(Meter)
}

impl<S> IntoResponse for Sse<S>
where
    S: Stream<Item: IntoSseEvent> + Send + 'static,
{
    fn into_response(self) -> Response {
        self.response().map(Body::new)
    }
}

/// A handler asks for its meter on a route where nothing is counted: a mistake of ours, 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMetered;

impl std::fmt::Display for NotMetered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the route is not priced by the unit")
    }
}

impl std::error::Error for NotMetered {}

impl IntoResponse for NotMetered {
    fn into_response(self) -> Response {
        reply::response::<Body>(Reply::not_metered())
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
        reply::response::<Body>(Reply::not_priced())
    }
}
