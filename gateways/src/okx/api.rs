use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use payment_core::{Clock, ConfigError, SystemClock};
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::{OkxFault, OkxKeys, OkxOptions, envelope, sign};

/// Makes calls: signed, bounded, repeated where that is safe. Cheap to clone.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    client: Client,
    base: Url,
    keys: OkxKeys,
    options: OkxOptions,
    clock: Arc<dyn Clock>,
}

/// One call. The path is what stands on the request line, query and all.
#[derive(Clone)]
pub(super) struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Bytes,
    repeat: Repeat,
}

/// When a call that failed may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// It moves nothing: whenever another attempt may fare better.
    Freely,
    /// It may move money: when this attempt did nothing for certain.
    Undone,
}

impl<'a> Call<'a> {
    /// Reads something.
    pub(super) const fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            body: Bytes::new(),
            repeat: Repeat::Freely,
        }
    }

    /// Asks about something that is sent along.
    pub(super) const fn ask(path: &'a str, body: Bytes) -> Self {
        Self {
            method: Method::POST,
            path,
            body,
            repeat: Repeat::Freely,
        }
    }

    /// Has something done that can't be undone.
    pub(super) fn settle(path: &'a str, body: Bytes) -> Self {
        Self {
            repeat: Repeat::Undone,
            ..Self::ask(path, body)
        }
    }
}

impl Repeat {
    fn allows(self, failed: &Failed) -> bool {
        let Failed { fault, status } = failed;
        match self {
            Self::Freely => fault.is_passing() || status.is_some_and(is_busy),
            Self::Undone => fault.is_undone() && fault.is_passing(),
        }
    }
}

/// An attempt that failed, and the status that it was answered with.
struct Failed {
    fault: OkxFault,
    status: Option<StatusCode>,
}

impl From<OkxFault> for Failed {
    fn from(fault: OkxFault) -> Self {
        Self {
            fault,
            status: None,
        }
    }
}

/// No call takes longer, whatever the options say.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Api {
    pub(super) fn new(url: &str, keys: OkxKeys, options: OkxOptions) -> Result<Self, ConfigError> {
        Self::with_clock(url, keys, options, SystemClock)
    }

    fn with_clock(
        url: &str,
        keys: OkxKeys,
        options: OkxOptions,
        clock: impl Clock,
    ) -> Result<Self, ConfigError> {
        let wrong = |reason| ConfigError::setting("okx", reason);
        let base = payment_http::base_url(url).map_err(wrong)?;
        let no_tls = || wrong("TLS can't be set up");
        let mut client = payment_http::client()
            .map_err(|_| no_tls())?
            .connect_timeout(options.connect_timeout)
            .https_only(base.scheme() == "https");
        if payment_http::is_loopback(&base) {
            client = client.no_proxy();
        }
        Ok(Self(Arc::new(Inner {
            client: client.build().map_err(|_| no_tls())?,
            base,
            keys,
            options,
            clock: Arc::new(clock),
        })))
    }

    pub(super) fn options(&self) -> &OkxOptions {
        &self.0.options
    }

    /// Makes a call and reads the data of the answer.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, OkxFault> {
        let options = self.options();
        let within = match call.repeat {
            Repeat::Freely => options.ask_timeout,
            Repeat::Undone => options.settle_timeout,
        };
        let deadline = Instant::now() + within.min(LONGEST);
        let mut wait = options.backoff;
        for left in (0..options.attempts.max(1)).rev() {
            let attempt = timeout_at(deadline, self.attempt(&call)).await;
            let failed = match attempt.unwrap_or_else(|_| Err(OkxFault::TimedOut.into())) {
                Ok(data) => return Ok(data),
                Err(failed) => failed,
            };
            let pause = jittered(wait);
            let in_time = pause < deadline.saturating_duration_since(Instant::now());
            if left == 0 || !in_time || !call.repeat.allows(&failed) {
                return Err(failed.fault);
            }
            tracing::debug!(path = call.path, error = %failed.fault, "calling OKX again");
            sleep(pause).await;
            wait = wait.saturating_mul(2);
        }
        Err(OkxFault::TimedOut)
    }

    async fn attempt<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Failed> {
        let request = self.request(call)?;
        let mut response = request.send().await.map_err(send_fault)?;
        let status = response.status();
        let body = payment_http::read_body(&mut response, self.options().max_body).await;
        let body = body.map_err(lost)?;
        read(status, body.as_deref()).map_err(|fault| Failed {
            fault,
            status: Some(status),
        })
    }

    /// What is signed is taken from the URL that is sent.
    fn request(&self, call: &Call<'_>) -> Result<RequestBuilder, OkxFault> {
        let Inner {
            client,
            base,
            keys,
            clock,
            ..
        } = &*self.0;
        let url = format!("{}{}", base.as_str().trim_end_matches('/'), call.path);
        let url = Url::parse(&url).map_err(|error| OkxFault::NotSent(error.into()))?;
        let mut line = url.path().to_owned();
        if let Some(query) = url.query() {
            line.push('?');
            line.push_str(query);
        }
        let method = call.method.as_str();
        let headers = sign::headers(keys, clock.now(), method, &line, &call.body)?;
        let json = HeaderValue::from_static("application/json");
        let mut request = client
            .request(call.method.clone(), url)
            .headers(headers)
            .header(ACCEPT, json.clone());
        if call.method == Method::POST {
            request = request.header(CONTENT_TYPE, json).body(call.body.clone());
        }
        Ok(request)
    }
}

/// Reads an answer, of which there is no body when it is too large.
fn read<T: DeserializeOwned>(status: StatusCode, body: Option<&[u8]>) -> Result<T, OkxFault> {
    let garbage = |what| OkxFault::Garbage {
        what,
        status: status.as_u16(),
    };
    let body = body.ok_or_else(|| garbage("larger than an answer may be"))?;
    let data = envelope::data(status, body)?;
    serde_json::from_str(data.get()).map_err(|_| garbage("data of another form"))
}

/// Statuses that another attempt may not meet.
fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// Between half of it and all of it: those who were turned away together don't come back together.
fn jittered(wait: Duration) -> Duration {
    // The keys of these hashers are random, and differ each time.
    let dice = RandomState::new().hash_one(()) % 1000;
    let half = wait / 2;
    half + half.saturating_mul(u32::try_from(dice).unwrap_or_default()) / 1000
}

/// Whether anything left: not while connecting, and not before.
fn send_fault(error: reqwest::Error) -> OkxFault {
    if error.is_connect() || error.is_builder() {
        return OkxFault::NotSent(Box::new(error.without_url()));
    }
    lost(error)
}

fn lost(error: reqwest::Error) -> OkxFault {
    if error.is_timeout() {
        return OkxFault::TimedOut;
    }
    OkxFault::Lost(Box::new(error.without_url()))
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.0.base.as_str())
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
