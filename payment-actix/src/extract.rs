use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode as ActixStatus;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use futures_core::Stream;
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

impl FromRequest for Paid {
    type Error = NotPriced;
    type Future = Ready<Result<Self, NotPriced>>;

    /// # Errors
    ///
    /// `NotPriced` when nothing that the route stands in has a price.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(paid(request).map(Self).ok_or(NotPriced))
    }
}

/// Counts what the request uses, on a route that is priced by the unit.
///
/// As `Option<Meter>` it is `None` where nothing is counted.
///
/// ```
/// use actix_web::Responder;
/// use payment_actix::Meter;
/// use payment_core::IntoSseEvent;
/// # use futures_core::Stream;
/// # fn tokens() -> impl Stream<Item: IntoSseEvent> + 'static { Words(["a", "b"].into_iter()) }
/// # struct Words(std::array::IntoIter<&'static str, 2>);
/// # impl Stream for Words {
/// #     type Item = &'static str;
/// #     fn poll_next(
/// #         mut self: std::pin::Pin<&mut Self>,
/// #         _: &mut std::task::Context<'_>,
/// #     ) -> std::task::Poll<Option<&'static str>> { std::task::Poll::Ready(self.0.next()) }
/// # }
///
/// async fn chat(meter: Meter) -> impl Responder {
///     meter.sse(tokens())
/// }
///
/// async fn summary(meter: Meter) -> String {
///     let (text, tokens) = ("in short: sunny".to_owned(), 4);
///     meter.report(tokens);
///     text
/// }
/// # let _ = actix_web::App::new()
/// #     .route("/chat", actix_web::web::get().to(chat))
/// #     .route("/summary", actix_web::web::get().to(summary));
/// ```
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

impl FromRequest for Meter {
    type Error = NotMetered;
    type Future = Ready<Result<Self, NotMetered>>;

    /// # Errors
    ///
    /// `NotMetered` when the route has no price, or is not priced by the unit.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let meter = paid(request).and_then(|paid| paid.meter().cloned());
        ready(meter.map(Self).ok_or(NotMetered))
    }
}

fn paid(request: &HttpRequest) -> Option<payment_core::Paid> {
    request.extensions().get().cloned()
}

/// A handler asks for its payment on a route that has no price: a mistake of ours, 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPriced;

impl fmt::Display for NotPriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the route has no price")
    }
}

impl std::error::Error for NotPriced {}

impl ResponseError for NotPriced {
    fn status_code(&self) -> ActixStatus {
        ActixStatus::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        reply::response(Reply::not_priced()).map_into_boxed_body()
    }
}

/// A handler asks for its meter on a route where nothing is counted: a mistake of ours, 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMetered;

impl fmt::Display for NotMetered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the route is not priced by the unit")
    }
}

impl std::error::Error for NotMetered {}

impl ResponseError for NotMetered {
    fn status_code(&self) -> ActixStatus {
        ActixStatus::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        reply::response(Reply::not_metered()).map_into_boxed_body()
    }
}
