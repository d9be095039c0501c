use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

/// How a facilitator is called. The defaults are meant to be kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpOptions {
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// For a whole call of `/verify` and `/supported`.
    pub verify_timeout: Duration,
    /// For a whole call of `/settle`.
    pub settle_timeout: Duration,
    /// Bytes of an answer that are read.
    pub max_body: usize,
    /// How long an answer of `/supported` is taken for fresh.
    pub supported_for: Duration,
    headers: Option<Arc<HeaderHook>>,
}

type HeaderHook = dyn Fn(&Call<'_>) -> HeaderMap + Send + Sync;

/// One call that is about to be made, for a hook that authenticates it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// Which one.
    pub kind: CallKind,
    /// The HTTP method.
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// The body as it will be sent.
    pub body: &'a [u8],
}

/// The calls of a facilitator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallKind {
    /// `POST /verify`.
    Verify,
    /// `POST /settle`.
    Settle,
    /// `GET /supported`.
    Supported,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            verify_timeout: Duration::from_secs(5),
            settle_timeout: Duration::from_secs(30),
            max_body: 64 * 1024,
            supported_for: Duration::from_secs(600),
            headers: None,
        }
    }
}

impl HttpOptions {
    /// Adds headers to each call, such as a key or a signature over the body. They are never
    /// printed.
    #[must_use]
    pub fn headers(
        mut self,
        hook: impl Fn(&Call<'_>) -> HeaderMap + Send + Sync + 'static,
    ) -> Self {
        self.headers = Some(Arc::new(hook));
        self
    }

    pub(super) fn headers_of(&self, call: &Call<'_>) -> HeaderMap {
        let Some(hook) = &self.headers else {
            return HeaderMap::new();
        };
        let mut headers = hook(call);
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        headers
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("verify_timeout", &self.verify_timeout)
            .field("settle_timeout", &self.settle_timeout)
            .field("max_body", &self.max_body)
            .field("supported_for", &self.supported_for)
            .field("headers", &self.headers.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}
