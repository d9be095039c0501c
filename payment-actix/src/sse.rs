use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::{HttpRequest, HttpResponse, Responder};
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use payment_core::{BoxError, IntoSseEvent, Meter, Reply, SseTerms, Tab};

use crate::head::append;
use crate::reply;
use crate::spawn::TokioSpawn;

/// A response of server-sent events that is paid event by event, while it runs.
///
/// Nothing is charged before an event is asked for, so a response that is never sent costs
/// nothing. When the client goes away, the body is dropped and the stream of the handler with it.
#[must_use]
pub struct Sse<S> {
    /// `None` when the stream of this request was made before.
    tab: Option<Box<dyn Tab>>,
    events: S,
    terms: SseTerms,
}

impl<S> Sse<S> {
    /// A response of these events. A request has one such response: the second is a mistake of
    /// ours, 500, and then nothing is charged.
    pub fn new(meter: &Meter, events: S) -> Self {
        Self {
            tab: meter.stream(),
            events,
            terms: SseTerms::new(),
        }
    }

    /// Sets how long the stream waits for the buyer, and how it does so.
    pub const fn terms(mut self, terms: SseTerms) -> Self {
        self.terms = terms;
        self
    }
}

impl<S> Sse<S>
where
    S: Stream<Item: IntoSseEvent> + 'static,
{
    /// The response.
    pub fn response(self) -> HttpResponse<SseBody> {
        let Some(tab) = self.tab else {
            let reply = reply::response(Reply::streamed_twice());
            return reply.map_body(|_, body| SseBody(Kind::Whole(body)));
        };
        let events = self.terms.stream(tab, self.events, TokioSpawn::current());
        let body = SseBody(Kind::Events(Box::pin(events)));
        let mut response = HttpResponse::with_body(actix_web::http::StatusCode::OK, body);
        for (name, value) in SseTerms::HEADERS {
            let value = HeaderValue::from_static(value);
            append(response.head_mut(), &name, &value);
        }
        response
    }
}

impl<S> Responder for Sse<S>
where
    S: Stream<Item: IntoSseEvent> + 'static,
{
    type Body = SseBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<SseBody> {
        self.response()
    }
}

impl<S> fmt::Debug for Sse<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse")
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

/// The body of a response that is paid event by event.
pub struct SseBody(Kind);

enum Kind {
    Events(Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>>>>),
    Whole(Bytes),
}

impl MessageBody for SseBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        match &self.0 {
            Kind::Events(_) => BodySize::Stream,
            Kind::Whole(data) => data.size(),
        }
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match &mut self.0 {
            Kind::Events(events) => events
                .as_mut()
                .poll_next(context)
                .map(|piece| piece.map(|piece| piece.map_err(|error| error as Self::Error))),
            Kind::Whole(data) if data.is_empty() => Poll::Ready(None),
            Kind::Whole(data) => Poll::Ready(Some(Ok(std::mem::take(data)))),
        }
    }
}

impl fmt::Debug for SseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").finish_non_exhaustive()
    }
}
