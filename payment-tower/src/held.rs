use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use payment_core::{HoldError, Served};

use crate::PaymentBody;

/// The handler's response, which leaves when it is paid.
pub(crate) struct Held<B> {
    response: Response<Contents<B>>,
    /// Whether a success hands the connection over, as it does for `CONNECT`.
    tunnel: bool,
}

enum Contents<B> {
    Open(B),
    Whole(Bytes, Option<HeaderMap>),
}

impl<B> Held<B> {
    pub(crate) fn new(response: Response<B>, tunnel: bool) -> Self {
        Self {
            response: response.map(Contents::Open),
            tunnel,
        }
    }

    pub(crate) fn release(self) -> Response<PaymentBody<B>> {
        self.response.map(|contents| match contents {
            Contents::Open(body) => PaymentBody::inner(body),
            Contents::Whole(data, trailers) => PaymentBody::whole(data, trailers),
        })
    }

    fn hands_over(&self) -> bool {
        let status = self.response.status();
        status == StatusCode::SWITCHING_PROTOCOLS || (self.tunnel && status.is_success())
    }
}

impl<B: Body> Served for Held<B> {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    async fn hold(self, limit: usize) -> Result<Self, HoldError> {
        if self.hands_over() {
            return Err(HoldError::Upgrade);
        }
        let (parts, contents) = self.response.into_parts();
        let contents = match contents {
            Contents::Open(body) => whole(body, limit).await?,
            whole => whole,
        };
        Ok(Self {
            response: Response::from_parts(parts, contents),
            tunnel: self.tunnel,
        })
    }
}

/// Reads a body to its end, since one that says how long it is can still break off. The one frame
/// of a body that was made at once is kept as it is.
async fn whole<B: Body>(body: B, limit: usize) -> Result<Contents<B>, HoldError> {
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > limit) {
        return Err(HoldError::TooLarge);
    }
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut trailers: Option<HeaderMap> = None;
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| HoldError::Broken)?;
        match frame.into_data() {
            Ok(mut data) => {
                let size = data.remaining();
                let before = if joined.is_empty() {
                    first.len()
                } else {
                    joined.len()
                };
                if size > limit.saturating_sub(before) {
                    return Err(HoldError::TooLarge);
                }
                if before == 0 {
                    first = data.copy_to_bytes(size);
                } else if size > 0 {
                    // Joined, so that what is held costs its size however small its frames are.
                    if joined.is_empty() {
                        joined.put(std::mem::take(&mut first));
                    }
                    joined.put(data);
                }
            }
            Err(frame) => {
                if let Ok(more) = frame.into_trailers() {
                    trailers.get_or_insert_default().extend(more);
                }
            }
        }
    }
    let data = if joined.is_empty() {
        first
    } else {
        joined.freeze()
    };
    Ok(Contents::Whole(data, trailers))
}
