use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use payment_core::Receipts;

pin_project! {
    /// The body of a response behind the gate: the handler's own, or one that is there as a whole.
    pub struct PaymentBody<B> {
        #[pin]
        kind: Kind<B>,
        receipts: Receipts,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Whole { data: Bytes, trailers: Option<HeaderMap> },
    }
}

impl<B> PaymentBody<B> {
    /// The handler's body as it comes, without receipts in its trailers.
    pub(crate) const fn inner(body: B, receipts: Receipts) -> Self {
        Self {
            kind: Kind::Inner { body },
            receipts,
        }
    }

    /// A body that is all there.
    pub(crate) const fn whole(
        data: Bytes,
        trailers: Option<HeaderMap>,
        receipts: Receipts,
    ) -> Self {
        Self {
            kind: Kind::Whole { data, trailers },
            receipts,
        }
    }
}

impl<B> From<Bytes> for PaymentBody<B> {
    fn from(data: Bytes) -> Self {
        Self::whole(data, None, Receipts::default())
    }
}

impl<B: Body> Body for PaymentBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let receipts = &*this.receipts;
        match this.kind.project() {
            KindProj::Inner { body } => match ready!(body.poll_frame(context)) {
                Some(Ok(frame)) => {
                    // What is `Bytes` already is not copied.
                    let mut frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                    if let Some(trailers) = frame.trailers_mut() {
                        receipts.remove_from(trailers);
                    }
                    Poll::Ready(Some(Ok(frame)))
                }
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None => Poll::Ready(None),
            },
            KindProj::Whole { data, trailers } => {
                if !data.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(std::mem::take(data)))));
                }
                Poll::Ready(trailers.take().map(|mut trailers| {
                    receipts.remove_from(&mut trailers);
                    Ok(Frame::trailers(trailers))
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Whole { data, trailers } => data.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            // No address space holds more than u64 counts.
            Kind::Whole { data, .. } => SizeHint::with_exact(data.len() as u64),
        }
    }
}

impl<B> fmt::Debug for PaymentBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "PaymentBody::Inner",
            Kind::Whole { .. } => "PaymentBody::Whole",
        })
    }
}
