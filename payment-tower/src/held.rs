use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use payment_core::{HoldError, Served};

use crate::PaymentBody;
use crate::gather::{Gap, gather};

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
            Contents::Open(body) => {
                let (data, trailers) = gather(body, limit).await?;
                Contents::Whole(data, trailers)
            }
            whole => whole,
        };
        Ok(Self {
            response: Response::from_parts(parts, contents),
            tunnel: self.tunnel,
        })
    }
}

impl From<Gap> for HoldError {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::TooLarge => Self::TooLarge,
            Gap::Broken => Self::Broken,
        }
    }
}
