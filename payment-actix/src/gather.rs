use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use payment_core::Unread;

/// Reads a body to its end. Memory is taken as bytes come, not as they are announced.
pub(crate) async fn gather(
    mut payload: Payload,
    headers: &HeaderMap,
    limit: usize,
) -> Result<Bytes, Unread> {
    if says_more_than(limit, headers) {
        return Err(Unread::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(piece) = poll_fn(|context| Pin::new(&mut payload).poll_next(context)).await {
        let piece = piece.map_err(|_| Unread::Broken)?;
        if piece.len() > limit.saturating_sub(body.len()) {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// Whether the body says that it is larger.
fn says_more_than(limit: usize, headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_LENGTH);
    let said = said.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    said.is_some_and(|said| usize::try_from(said).map_or(true, |said| said > limit))
}

/// The payload of a body that was gathered.
pub(crate) fn payload(body: Bytes) -> Payload {
    let stream: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Gathered(body));
    Payload::from(stream)
}

struct Gathered(Bytes);

impl Stream for Gathered {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = std::mem::take(&mut self.0);
        Poll::Ready((!body.is_empty()).then_some(Ok(body)))
    }
}
