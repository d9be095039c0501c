use std::borrow::Cow;

use crate::Timestamp;

/// One request, as protocols see it: read from the head once, owned, nothing to re-read.
#[derive(Clone, Debug)]
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
}

impl Ask {
    /// The path part of the canonical URL.
    #[must_use]
    pub fn resource_path(&self) -> &str {
        let after_scheme = self.resource.find("://").map_or(0, |at| at + 3);
        match self.resource[after_scheme..].find('/') {
            Some(at) => &self.resource[after_scheme + at..],
            None => "/",
        }
    }
}
