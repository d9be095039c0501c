use bytes::{BufMut, Bytes, BytesMut};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{Challenge, Problem};

/// A whole response that the gate gives in the handler's place.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The request headers that decide what a priced route answers.
pub(crate) const VARY_ON: &str =
    "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";

impl Reply {
    /// An empty answer with this status.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A problem document, not to be stored by any cache.
    #[must_use]
    pub fn problem(problem: &Problem) -> Self {
        Self::challenged(problem, &[])
    }

    /// A problem document that carries what each challenge adds: header lines, and members of
    /// the one JSON object.
    pub(crate) fn challenged(problem: &Problem, challenges: &[Challenge]) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static(VARY_ON));
        let extra: usize = challenges.iter().map(|c| c.members.len() + 1).sum();
        let mut body = BytesMut::with_capacity(256 + extra).writer();
        // A struct of strings and a number always serializes; an empty body would still be a 402.
        let _ = serde_json::to_writer(&mut body, problem);
        let mut body = body.into_inner();
        if body.last() == Some(&b'}') {
            body.truncate(body.len() - 1);
            for challenge in challenges.iter().filter(|c| !c.members.is_empty()) {
                body.put_u8(b',');
                body.put_slice(&challenge.members);
            }
            body.put_u8(b'}');
        }
        for challenge in challenges {
            for (name, value) in &challenge.headers {
                headers.append(name.clone(), value.clone());
            }
        }
        Self {
            status: problem.status,
            headers,
            body: body.freeze(),
        }
    }

    /// The answer to a CORS preflight: it asks nothing of the handler and costs nothing.
    pub(crate) fn preflight() -> Self {
        let mut reply = Self::empty(StatusCode::NO_CONTENT);
        reply
            .headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
            .headers
            .insert(ALLOW, HeaderValue::from_static("OPTIONS"));
        reply
    }

    pub(crate) fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.headers
            .insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        self
    }
}
