use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use crate::alarm::Alarm;
use crate::cors::Reader;
use crate::{RequestHead, Timestamp};

/// One request, as protocols, pricers and hooks see it: read from the head once, owned, nothing to
/// re-read.
#[derive(Clone)]
#[non_exhaustive]
pub struct Ask {
    /// When the request came in.
    pub now: Timestamp,
    /// The method in upper case.
    pub method: Cow<'static, str>,
    /// The path as dispatched.
    pub path: Box<str>,
    /// The query without its `?`.
    pub query: Option<Box<str>>,
    /// The canonical URL of what is sold: configured origin and path. Without a configured
    /// origin the authority is the client's word, good for display and nothing else.
    pub resource: Box<str>,
    /// Whether the origin of `resource` is configured, so that it can be compared in full.
    pub canonical: bool,
    /// Whether a body comes with the request, as far as the head tells.
    pub has_body: bool,
    /// The `Idempotency-Key`, when the client sent exactly one readable value.
    pub idempotency_key: Option<Box<str>>,
    /// The `Accept-Payment` preferences, when the client sent exactly one readable value.
    pub accept_payment: Option<Box<str>>,
    /// The headers that the route's pricer, hooks and page asked for, and no others.
    pub headers: HeaderMap,
    /// The body, where the route's price is read from it: the bytes that the handler will read.
    pub body: Option<Bytes>,
    /// Ends what takes too long.
    pub alarm: Alarm,
    /// Who may read what is answered.
    pub(crate) reader: Reader,
}

/// A query parameter that stands there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a query parameter is repeated")]
pub struct RepeatedParam;

impl Ask {
    /// A request for this path, at this moment, with nothing else to it. For protocols under test.
    #[must_use]
    pub fn new(now: Timestamp, method: &'static str, path: impl Into<Box<str>>) -> Self {
        let path = path.into();
        Self {
            now,
            method: Cow::Borrowed(method),
            resource: format!("http://localhost{path}").into(),
            path,
            query: None,
            canonical: false,
            has_body: false,
            idempotency_key: None,
            accept_payment: None,
            headers: HeaderMap::new(),
            body: None,
            alarm: Alarm::default(),
            reader: Reader::default(),
        }
    }

    /// The path part of the canonical URL.
    #[must_use]
    pub fn resource_path(&self) -> &str {
        let after_scheme = self.resource.find("://").map_or(0, |at| at + 3);
        match self.resource[after_scheme..].find('/') {
            Some(at) => &self.resource[after_scheme + at..],
            None => "/",
        }
    }

    /// The text of a header that was asked for, when the client sent exactly one readable value.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let sole = values.next()?;
        values.next().is_none().then(|| sole.to_str().ok())?
    }

    /// The value of a query parameter, decoded as forms are (WHATWG URL, 5.1); `None` where it is
    /// not there.
    ///
    /// ```
    /// use payment_core::{Denial, Pricing, Quote, usd};
    ///
    /// let by_size = Pricing::by(async |ask| {
    ///     Ok(match ask.param("size").as_ref().map(Option::as_deref) {
    ///         Ok(None | Some("small")) => Quote::Standard,
    ///         Ok(Some("large")) => usd!("0.02").into(),
    ///         _ => Quote::Deny(Denial::new("no_such_size")),
    ///     })
    /// });
    /// # drop(by_size);
    /// ```
    ///
    /// # Errors
    ///
    /// `RepeatedParam` where it stands there more than once: a handler might go by another of its
    /// values than the price did. Refuse such a request: `Quote::Deny`.
    pub fn param(&self, name: &str) -> Result<Option<Cow<'_, str>>, RepeatedParam> {
        let query = self.query.as_deref().unwrap_or_default();
        let mut values = form_urlencoded::parse(query.as_bytes())
            .filter_map(|(known, value)| (known == name).then_some(value));
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(RepeatedParam),
            (value, None) => Ok(value),
        }
    }

    /// Keeps these headers of the head.
    pub(crate) fn keep_headers(&mut self, names: &[HeaderName], head: &dyn RequestHead) {
        for name in names {
            head.each_value(name.as_str(), &mut |value| {
                if let Ok(value) = http::HeaderValue::from_bytes(value) {
                    self.headers.append(name, value);
                }
            });
        }
    }
}

/// Without what a header or a body says: hooks may read keys and whole credentials there. (T124)
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Ask")
            .field("now", &self.now)
            .field("method", &self.method)
            .field("resource", &self.resource)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &headers)
            .field("body", &self.body.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn asked(query: Option<&str>) -> Ask {
        Ask {
            query: query.map(Into::into),
            ..Ask::new(Timestamp::from_seconds(0), "GET", "/")
        }
    }

    #[test]
    fn a_parameter_is_decoded() {
        for (query, value) in [
            (None, None),
            (Some(""), None),
            (Some("sizes=large"), None),
            (Some("size"), Some("")),
            (Some("a=1&size=large"), Some("large")),
            (Some("s%69ze=l%61rge+one&b"), Some("large one")),
            (Some("size=%ff"), Some("\u{fffd}")),
        ] {
            assert_eq!(
                asked(query).param("size").unwrap().as_deref(),
                value,
                "{query:?}"
            );
        }
    }

    #[test]
    fn a_parameter_with_two_values_has_none() {
        for query in ["size=s&size=s", "size=s&b&s%69ze=l", "size&size"] {
            assert_eq!(
                asked(Some(query)).param("size"),
                Err(RepeatedParam),
                "{query}"
            );
        }
    }
}
