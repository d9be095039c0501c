use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use payment_core::{BoxError, IntoSseEvent, Meter, Reply, SseTerms, Tab};

use crate::{TokioSpawn, reply};

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
    S: Stream<Item: IntoSseEvent> + Send + 'static,
{
    /// The response.
    pub fn response(self) -> Response<SseBody> {
        let Some(tab) = self.tab else {
            return reply::response(Reply::streamed_twice());
        };
        let events = self.terms.stream(tab, self.events, TokioSpawn::current());
        let mut response = Response::new(SseBody(Kind::Events(Box::pin(events))));
        for (name, value) in SseTerms::HEADERS {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
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
    Events(Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>),
    Whole(Bytes),
}

impl From<Bytes> for SseBody {
    fn from(data: Bytes) -> Self {
        Self(Kind::Whole(data))
    }
}

impl Body for SseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Events(events) => events
                .as_mut()
                .poll_next(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Kind::Whole(data) if data.is_empty() => Poll::Ready(None),
            Kind::Whole(data) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(data))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Kind::Whole(data) if data.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Events(_) => SizeHint::default(),
            // No address space holds more than u64 counts.
            Kind::Whole(data) => SizeHint::with_exact(data.len() as u64),
        }
    }
}

impl fmt::Debug for SseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseBody").finish_non_exhaustive()
    }
}
