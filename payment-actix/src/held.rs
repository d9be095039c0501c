use std::future::poll_fn;
use std::pin::pin;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::http::Method;
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use payment_core::{HoldError, Served};

use crate::head::status;

/// The handler's response, which leaves when it is paid.
pub(crate) struct Held<B> {
    response: HttpResponse<EitherBody<B, Bytes>>,
    method: Method,
}

impl<B> Held<B> {
    /// The response to a request with this method.
    pub(crate) fn new(response: HttpResponse<B>, method: Method) -> Self {
        Self {
            response: response.map_into_left_body(),
            method,
        }
    }

    pub(crate) fn release(self) -> HttpResponse<EitherBody<B, Bytes>> {
        self.response
    }

    /// Whether the connection is handed over, as a success of `CONNECT` does.
    fn hands_over(&self) -> bool {
        let status = self.response.status();
        status == actix_web::http::StatusCode::SWITCHING_PROTOCOLS
            || self.response.upgrade()
            || (self.method == Method::CONNECT && status.is_success())
    }
}

impl<B: MessageBody + 'static> Served for Held<B> {
    fn status(&self) -> StatusCode {
        status(self.response.status())
    }

    async fn hold(self, limit: usize) -> Result<Self, HoldError> {
        if self.hands_over() {
            return Err(HoldError::Upgrade);
        }
        // The body only says how long it would be; actix sends none of it.
        if self.method == Method::HEAD {
            return Ok(self);
        }
        let (head, body) = self.response.into_parts();
        let body = match body {
            EitherBody::Left { body } => whole(body, limit).await?,
            whole => whole,
        };
        Ok(Self {
            response: head.set_body(body),
            method: self.method,
        })
    }
}

/// Reads a body to its end, since one that says how long it is can still break off. What was made
/// at once is kept as it is.
async fn whole<B: MessageBody>(body: B, limit: usize) -> Result<EitherBody<B, Bytes>, HoldError> {
    let size = match body.size() {
        // Nothing will be read from it, and it has no length to lose.
        BodySize::None => return Ok(EitherBody::left(body)),
        BodySize::Sized(size) => Some(size),
        BodySize::Stream => None,
    };
    if size.is_some_and(|size| usize::try_from(size).map_or(true, |size| size > limit)) {
        return Err(HoldError::TooLarge);
    }
    let data = match body.try_into_bytes() {
        Ok(data) if data.len() > limit => return Err(HoldError::TooLarge),
        Ok(data) => data,
        Err(body) => joined(body, limit).await?,
    };
    // actix ends the connection where a body ends before its time.
    if size.is_some_and(|size| data.len() as u64 != size) {
        return Err(HoldError::Broken);
    }
    Ok(EitherBody::right(data))
}

/// One piece is kept as it is; several are joined, so that what is held costs its size however
/// small its pieces are.
async fn joined<B: MessageBody>(body: B, limit: usize) -> Result<Bytes, HoldError> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(piece) = poll_fn(|context| body.as_mut().poll_next(context)).await {
        let piece = piece.map_err(|_| HoldError::Broken)?;
        let before = if joined.is_empty() {
            first.len()
        } else {
            joined.len()
        };
        if piece.len() > limit.saturating_sub(before) {
            return Err(HoldError::TooLarge);
        }
        if before == 0 {
            first = piece;
        } else if !piece.is_empty() {
            if joined.is_empty() {
                joined.put(std::mem::take(&mut first));
            }
            joined.put(piece);
        }
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}
