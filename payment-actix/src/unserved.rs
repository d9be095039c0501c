use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse, ResponseError};
use payment_core::{Stamps, stamp};

use crate::head::Stamped;

/// An error that the service behind the gate has ended in, as it leaves the gate. It reads and
/// answers like that error, and its response has the headers that all answers behind the gate have:
/// caches keep it apart from those to others, and pages that may pay may read it.
///
/// It stays an error, as actix has no request any more that a response could belong to. Middleware
/// outside that looks for its own kind of error finds it by [`Unserved::error`].
pub struct Unserved {
    error: Error,
    stamps: Stamps,
}

impl Unserved {
    pub(crate) const fn new(error: Error, stamps: Stamps) -> Self {
        Self { error, stamps }
    }

    /// The error as the service gave it.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl ResponseError for Unserved {
    fn status_code(&self) -> StatusCode {
        self.error.as_response_error().status_code()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = self.error.error_response();
        stamp(&mut Stamped(response.head_mut()), self.stamps.clone());
        response
    }
}

impl fmt::Debug for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}
