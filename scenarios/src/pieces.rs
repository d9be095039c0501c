use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use futures_core::Stream;
use http_body::Frame;

/// A piece of a body, or how it breaks off.
pub type Piece = Result<&'static str, &'static str>;

/// A body that says nothing of its size and is never there at once.
#[derive(Debug)]
pub struct Pieces {
    left: VecDeque<Piece>,
    waited: bool,
}

impl Pieces {
    /// A body of these.
    #[must_use]
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self {
            left: pieces.into(),
            waited: false,
        }
    }

    fn next(&mut self, context: &Context<'_>) -> Poll<Option<Result<Bytes, &'static str>>> {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.left.pop_front();
        Poll::Ready(piece.map(|piece| piece.map(|text| Bytes::from_static(text.as_bytes()))))
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.next(context)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

impl MessageBody for Pieces {
    type Error = &'static str;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, &'static str>>> {
        self.next(context)
    }
}

/// Events that a handler sells one by one.
#[derive(Debug)]
pub struct Events {
    left: std::slice::Iter<'static, &'static str>,
    ends: bool,
}

impl Events {
    /// A stream of these.
    #[must_use]
    pub fn new(texts: &'static [&'static str]) -> Self {
        let left = texts.iter();
        Self { left, ends: true }
    }

    /// The same, and then no end.
    #[must_use]
    pub const fn and_silence(mut self) -> Self {
        self.ends = false;
        self
    }
}

impl Stream for Events {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<&'static str>> {
        match self.left.next().copied() {
            None if !self.ends => Poll::Pending,
            event => Poll::Ready(event),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.ends {
            true => self.left.size_hint(),
            false => (self.left.len(), None),
        }
    }
}
