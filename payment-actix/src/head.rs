//! The heads of actix, which speaks `http` 0.2, as the core reads and writes them.

use std::cell::OnceCell;

use actix_web::dev::{ResponseHead as ActixHead, ServiceRequest};
use actix_web::http::header::{
    CONTENT_LENGTH, HOST, HeaderName as ActixName, HeaderValue as ActixValue, TRANSFER_ENCODING,
};
use actix_web::http::{StatusCode as ActixStatus, Version};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{RequestHead, ResponseHead};

/// The head of a request, by the path that actix looks for its route with.
///
/// That is the whole path inside of scopes too. Percent-encoding that actix undoes is undone, so
/// that a path is priced as what it leads to, however it was spelled.
pub(crate) struct Head<'a> {
    request: &'a ServiceRequest,
    /// The body, where it was read.
    body: Option<&'a Bytes>,
    /// Made when it is asked for, and never for a route that knows its price.
    pattern: OnceCell<Option<String>>,
}

impl<'a> Head<'a> {
    pub(crate) const fn new(request: &'a ServiceRequest) -> Self {
        Self {
            request,
            body: None,
            pattern: OnceCell::new(),
        }
    }

    /// The head of a request whose body was read.
    pub(crate) const fn gathered(request: &'a ServiceRequest, body: &'a Bytes) -> Self {
        Self {
            request,
            body: Some(body),
            pattern: OnceCell::new(),
        }
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.request.match_info().as_str()
    }

    /// The spelling that was sent: a handler that passes requests on may read it in another way
    /// than actix has. A table refuses what leads elsewhere by it. (T90)
    fn dispatched_path(&self) -> Option<&str> {
        Some(self.request.uri().path())
    }

    fn pattern(&self) -> Option<&str> {
        let pattern = self.pattern.get_or_init(|| self.request.match_pattern());
        pattern.as_deref()
    }

    fn query(&self) -> Option<&str> {
        self.request.uri().query()
    }

    fn authority(&self) -> Option<&str> {
        // Not `connection_info`, which believes forwarded headers.
        match self.request.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.request.headers().get(HOST)?.to_str().ok(),
        }
    }

    fn has_body(&self) -> bool {
        if let Some(body) = self.body {
            return !body.is_empty();
        }
        match self.request.headers().get(CONTENT_LENGTH) {
            Some(length) => length.as_bytes() != b"0",
            // HTTP/1.1 frames a body by one of two headers; later versions need neither.
            None => {
                self.request.headers().contains_key(TRANSFER_ENCODING)
                    || self.request.version() > Version::HTTP_11
            }
        }
    }

    fn body(&self) -> Option<&Bytes> {
        self.body
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.request.headers().get_all(name) {
            visit(value.as_bytes());
        }
    }
}

/// The head of a response that is to be stamped.
pub(crate) struct Stamped<'a>(pub(crate) &'a mut ActixHead);

impl ResponseHead for Stamped<'_> {
    fn status(&self) -> StatusCode {
        status(self.0.status)
    }

    fn each_value<'a>(&'a self, name: &HeaderName, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.0.headers().get_all(name.as_str()) {
            visit(value.as_bytes());
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.headers_mut().remove(name.as_str());
    }

    fn append(&mut self, name: &HeaderName, value: HeaderValue) {
        append(self.0, name, &value);
    }
}

/// Both versions know the same statuses, 100 to 999.
pub(crate) fn status(status: ActixStatus) -> StatusCode {
    StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The way back.
pub(crate) fn actix_status(status: StatusCode) -> ActixStatus {
    ActixStatus::from_u16(status.as_u16()).unwrap_or(ActixStatus::INTERNAL_SERVER_ERROR)
}

/// Both versions take the same names and values.
pub(crate) fn append(head: &mut ActixHead, name: &HeaderName, value: &HeaderValue) {
    let value = ActixValue::from_bytes(value.as_bytes());
    if let (Some(name), Ok(value)) = (actix_name(name), value) {
        head.headers_mut().append(name, value);
    }
}

/// The same name. Those that our answers mostly have are not made anew each time.
fn actix_name(name: &HeaderName) -> Option<ActixName> {
    const REQUIRED: ActixName = ActixName::from_static("payment-required");
    const RESPONSE: ActixName = ActixName::from_static("payment-response");
    const RESPONSE_V1: ActixName = ActixName::from_static("x-payment-response");
    const RECEIPT: ActixName = ActixName::from_static("payment-receipt");
    let usual = [REQUIRED, RESPONSE, RESPONSE_V1, RECEIPT];
    match usual
        .into_iter()
        .find(|usual| usual.as_str() == name.as_str())
    {
        Some(usual) => Some(usual),
        None => ActixName::from_bytes(name.as_str().as_bytes()).ok(),
    }
}
