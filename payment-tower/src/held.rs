use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body;
use payment_core::{HoldError, Receipts, Served, as_announced};

use crate::PaymentBody;
use crate::gather::{Gap, gather};

/// The handler's response, which leaves when it is paid.
pub(crate) struct Held<B> {
    response: Response<Contents<B>>,
    method: Method,
}

enum Contents<B> {
    Open(B),
    Whole(Bytes, Option<HeaderMap>),
}

impl<B> Held<B> {
    /// The response to a request with this method.
    pub(crate) fn new(response: Response<B>, method: Method) -> Self {
        Self {
            response: response.map(Contents::Open),
            method,
        }
    }

    /// The response, without receipts in its trailers.
    pub(crate) fn release(self, receipts: Receipts) -> Response<PaymentBody<B>> {
        self.response.map(|contents| match contents {
            Contents::Open(body) => PaymentBody::inner(body, receipts),
            Contents::Whole(data, trailers) => PaymentBody::whole(data, trailers, receipts),
        })
    }

    /// Whether the connection is handed over, as a success of `CONNECT` does.
    fn hands_over(&self) -> bool {
        let status = self.response.status();
        status == StatusCode::SWITCHING_PROTOCOLS
            || (self.method == Method::CONNECT && status.is_success())
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
        let Self { response, method } = self;
        let (parts, contents) = response.into_parts();
        let body = match contents {
            Contents::Open(body) => body,
            whole @ Contents::Whole(..) => {
                let response = Response::from_parts(parts, whole);
                return Ok(Self { response, method });
            }
        };
        let said = body.size_hint();
        let (data, trailers) = gather(body, limit).await?;
        let length = data.len();
        let contents = Contents::Whole(data, trailers);
        let response = Response::from_parts(parts, contents);
        // What answers a `HEAD` announces what it does not send.
        if method != Method::HEAD {
            as_announced(&response, length)?;
            let length = length as u64;
            if length < said.lower() || said.upper().is_some_and(|most| length > most) {
                return Err(HoldError::Broken);
            }
        }
        Ok(Self { response, method })
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
