use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method};
use reqwest::Request;
use url::Url;

use super::deliver::IDEMPOTENCY_KEY;

/// Where calls go, for what is sent beside them: the same, without a body.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) method: Method,
    headers: HeaderMap,
}

/// What one challenge is good for: the terms of a seller are those of a method and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    url: Url,
    method: Method,
}

impl Place {
    pub(super) fn of(request: &Request) -> Self {
        let mut headers = request.headers().clone();
        let of_the_body = [
            CONTENT_TYPE,
            CONTENT_LENGTH,
            CONTENT_ENCODING,
            TRANSFER_ENCODING,
            IDEMPOTENCY_KEY,
        ];
        for name in of_the_body {
            headers.remove(name);
        }
        Self {
            url: request.url().clone(),
            method: request.method().clone(),
            headers,
        }
    }

    pub(super) fn bare(url: Url, method: Method) -> Self {
        Self {
            url,
            method,
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn spot(&self) -> Spot {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        Spot {
            url,
            method: self.method.clone(),
        }
    }

    pub(super) fn request(&self, method: Method) -> Request {
        let mut request = Request::new(method, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        request
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}
