use std::future::poll_fn;
use std::pin::pin;

use actix_web::body::{BodySize, EitherBody, MessageBody};
use actix_web::http::Method;
use actix_web::{Error, HttpResponse};
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use payment_core::{HoldError, Served, as_announced};

use crate::head::{Stamped, status};

/// What became of the handler: its response, which leaves when it is paid, or an error.
pub(crate) enum Held<B> {
    Response {
        response: HttpResponse<EitherBody<B, Bytes>>,
        method: Method,
    },
    Failed(Error),
}

impl<B> Held<B> {
    /// The response to a request with this method.
    pub(crate) fn new(response: HttpResponse<B>, method: Method) -> Self {
        Self::Response {
            response: response.map_into_left_body(),
            method,
        }
    }

    pub(crate) fn release(self) -> Result<HttpResponse<EitherBody<B, Bytes>>, Error> {
        match self {
            Self::Response { response, .. } => Ok(response),
            Self::Failed(error) => Err(error),
        }
    }
}

/// Whether the connection is handed over, as a success of `CONNECT` does.
fn hands_over<B>(response: &HttpResponse<B>, method: &Method) -> bool {
    let status = response.status();
    status == actix_web::http::StatusCode::SWITCHING_PROTOCOLS
        || response.upgrade()
        || (*method == Method::CONNECT && status.is_success())
}

impl<B: MessageBody + 'static> Served for Held<B> {
    fn status(&self) -> StatusCode {
        match self {
            Self::Response { response, .. } => status(response.status()),
            // An error is never paid for, whatever it makes of itself.
            Self::Failed(error) => {
                let status = status(error.as_response_error().status_code());
                match status.as_u16() {
                    400.. => status,
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }
        }
    }

    async fn hold(self, limit: usize) -> Result<Self, HoldError> {
        let Self::Response { response, method } = self else {
            return Err(HoldError::Broken);
        };
        if hands_over(&response, &method) {
            return Err(HoldError::Upgrade);
        }
        // The body only says how long it would be; actix sends none of it.
        if method == Method::HEAD {
            return Ok(Self::Response { response, method });
        }
        let (head, body) = response.into_parts();
        let body = match body {
            EitherBody::Left { body } => whole(body, limit).await?,
            whole => whole,
        };
        let length = match &body {
            EitherBody::Left { .. } => 0,
            EitherBody::Right { body } => body.len(),
        };
        let mut response = head.set_body(body);
        as_announced(&Stamped(response.head_mut()), length)?;
        Ok(Self::Response { response, method })
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
