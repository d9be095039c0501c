use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use payment_core::ConfigError;
use reqwest::{Client, Method, RequestBuilder};

use crate::wire::SupportedResponse;
use crate::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer};

mod options;
mod supported;

pub use options::{Call, CallKind, HttpOptions};
pub use supported::SupportedCache;

/// A facilitator behind HTTPS. Cheap to clone; clones share connections and what is known of
/// `/supported`.
///
/// Redirects are not followed, answers are read up to a limit, every call has a deadline, and
/// nothing of what the other side says is repeated to a buyer. It never sends a settlement twice
/// on its own account.
///
/// It settles by transactions alone and never answers [`SettleAnswer::Deferred`]: a success
/// without a transaction is an unknown outcome. Schemes that settle in batches need the client of
/// a facilitator that does.
#[derive(Clone)]
pub struct HttpFacilitator(Arc<Inner>);

struct Inner {
    client: Client,
    base: String,
    options: HttpOptions,
    supported: SupportedCache,
}

impl HttpFacilitator {
    /// A facilitator at this base URL, such as `https://facilitator.example/x402`.
    ///
    /// # Errors
    ///
    /// `ConfigError` unless the URL is `https` (or `http` to this machine) without user, query
    /// and fragment, and TLS can be set up.
    pub fn new(url: &str, options: HttpOptions) -> Result<Self, ConfigError> {
        let base = payment_http::base_url(url);
        let base = base.map_err(|reason| ConfigError::setting("facilitator", reason))?;
        let no_tls = || ConfigError::setting("facilitator", "TLS can't be set up");
        let mut client = payment_http::client()
            .map_err(|_| no_tls())?
            .connect_timeout(options.connect_timeout)
            .https_only(base.scheme() == "https");
        if payment_http::is_loopback(&base) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|_| no_tls())?;
        Ok(Self(Arc::new(Inner {
            client,
            base: base.as_str().trim_end_matches('/').to_owned(),
            options,
            supported: SupportedCache::default(),
        })))
    }

    async fn post(
        &self,
        kind: CallKind,
        request: &PaymentRequest,
    ) -> Result<Answer, FacilitatorFault> {
        let (path, deadline) = match kind {
            CallKind::Settle => ("/settle", self.0.options.settle_timeout),
            _ => ("/verify", self.0.options.verify_timeout),
        };
        self.call(kind, Method::POST, path, request.body(), deadline)
            .await
    }

    async fn call(
        &self,
        kind: CallKind,
        method: Method,
        path: &str,
        body: String,
        deadline: Duration,
    ) -> Result<Answer, FacilitatorFault> {
        let Inner {
            client,
            base,
            options,
            ..
        } = &*self.0;
        let url = format!("{base}{path}");
        let headers = options.headers_of(&Call {
            kind,
            method: method.as_str(),
            url: &url,
            body: body.as_bytes(),
        });
        let request = client.request(method, url).headers(json_headers());
        let request = request.headers(headers).body(body);
        tokio::time::timeout(deadline, exchange(request, options.max_body))
            .await
            .map_err(|_| FacilitatorFault::TimedOut)?
    }

    async fn fetch_supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        let deadline = self.0.options.verify_timeout;
        let answer = self
            .call(
                CallKind::Supported,
                Method::GET,
                "/supported",
                String::new(),
                deadline,
            )
            .await?;
        if !answer.status.is_success() {
            return Err(FacilitatorFault::Garbage("an error status"));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| FacilitatorFault::Garbage("not what is supported"))
    }
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Facilitator for HttpFacilitator {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let answer = self.post(CallKind::Verify, request).await?;
        VerifyAnswer::read(answer.status, &answer.body)
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let answer = self.post(CallKind::Settle, request).await?;
        match SettleAnswer::read(answer.status, &answer.body) {
            Err(FacilitatorFault::Garbage(_)) if is_turned_away(answer.status) => {
                Err(FacilitatorFault::NotSent(answer.status.as_str().into()))
            }
            read => read,
        }
    }

    /// Settles again: the nonce of the payment lets the money move once. Success is success.
    ///
    /// A refusal proves nothing about the attempt before it: the nonce may be used, the balance
    /// gone or the simulation failing *because* that attempt went through, and once the payment
    /// has expired a facilitator looks no further than the time. So the outcome stays open, and
    /// no buyer is told to sign again for what may have been paid. The one exception: the very
    /// transaction that was pending is said to have failed. (RULES.md, T13, T15, I4)
    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        let answer = self.post(CallKind::Settle, request).await?;
        match SettleAnswer::read(answer.status, &answer.body)? {
            SettleAnswer::Refused { code } if has_failed(&answer.body, transaction) => {
                Ok(SettleAnswer::Refused { code })
            }
            SettleAnswer::Refused { .. } => Ok(SettleAnswer::Pending { transaction: None }),
            known => Ok(known),
        }
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        let fresh_for = self.0.options.supported_for;
        self.0
            .supported
            .get(fresh_for, || self.fetch_supported())
            .await
    }
}

impl fmt::Debug for HttpFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFacilitator")
            .field("base", &self.0.base)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

/// Sends a request and reads the answer up to a limit.
async fn exchange(request: RequestBuilder, limit: usize) -> Result<Answer, FacilitatorFault> {
    let mut response = request.send().await.map_err(send_fault)?;
    let status = response.status();
    let body = payment_http::read_body(&mut response, limit).await;
    let body = body
        .map_err(lost)?
        .ok_or(FacilitatorFault::Garbage("larger than an answer may be"))?;
    Ok(Answer { status, body })
}

/// Whether anything left: not while connecting, and not before.
fn send_fault(error: reqwest::Error) -> FacilitatorFault {
    if error.is_connect() || error.is_builder() {
        return FacilitatorFault::NotSent(Box::new(error.without_url()));
    }
    lost(error)
}

fn lost(error: reqwest::Error) -> FacilitatorFault {
    if error.is_timeout() {
        return FacilitatorFault::TimedOut;
    }
    FacilitatorFault::Unknown(Box::new(error.without_url()))
}

/// Statuses by which a request is turned away at the door, before anyone looks at the payment.
const fn is_turned_away(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Whether a refusal is about this transaction, and says that it was mined and failed.
fn has_failed(body: &[u8], transaction: Option<&str>) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        transaction: String,
        error_reason: String,
    }
    let Ok(failed) = serde_json::from_slice::<Failed>(body) else {
        return false;
    };
    failed.error_reason.ends_with("transaction_failed")
        && transaction.is_some_and(|known| failed.transaction.eq_ignore_ascii_case(known))
}

fn json_headers() -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    HeaderMap::from_iter([(ACCEPT, json.clone()), (CONTENT_TYPE, json)])
}

#[cfg(test)]
mod tests;
