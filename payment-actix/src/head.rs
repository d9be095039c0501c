//! The heads of actix, which speaks `http` 0.2, as the core reads and writes them.

use actix_web::dev::{ResponseHead as ActixHead, ServiceRequest};
use actix_web::http::header::{
    CONTENT_LENGTH, HOST, HeaderName as ActixName, HeaderValue as ActixValue, TRANSFER_ENCODING,
};
use actix_web::http::{StatusCode as ActixStatus, Version};
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{RequestHead, ResponseHead};

/// The head of a request, by the path that actix looks for its route with.
///
/// That is the whole path inside of scopes too. Percent-encoding that actix undoes is undone, so
/// that a path is priced as what it leads to, however it was spelled.
pub(crate) struct Head<'a>(&'a ServiceRequest);

impl<'a> Head<'a> {
    pub(crate) const fn new(request: &'a ServiceRequest) -> Self {
        Self(request)
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.0.method().as_str()
    }

    fn path(&self) -> &str {
        self.0.match_info().as_str()
    }

    fn query(&self) -> Option<&str> {
        self.0.uri().query()
    }

    fn authority(&self) -> Option<&str> {
        // Not `connection_info`, which believes forwarded headers.
        match self.0.uri().authority() {
            Some(authority) => Some(authority.as_str()),
            None => self.0.headers().get(HOST)?.to_str().ok(),
        }
    }

    fn has_body(&self) -> bool {
        match self.0.headers().get(CONTENT_LENGTH) {
            Some(length) => length.as_bytes() != b"0",
            // HTTP/1.1 frames a body by one of two headers; later versions need neither.
            None => {
                self.0.headers().contains_key(TRANSFER_ENCODING)
                    || self.0.version() > Version::HTTP_11
            }
        }
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.0.headers().get_all(name) {
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
    let text = ActixName::from_bytes(name.as_str().as_bytes());
    if let (Ok(name), Ok(value)) = (text, ActixValue::from_bytes(value.as_bytes())) {
        head.headers_mut().append(name, value);
    }
}
