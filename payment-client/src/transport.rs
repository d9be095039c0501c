use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Response};

use crate::error::Trouble;

const CONNECT: Duration = Duration::from_secs(10);

/// An offer in a body is a few kilobytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// TLS can't be set up.
    #[error("no TLS")]
    Tls(#[source] payment_http::TlsError),
    /// What was configured does not go together.
    #[error("no HTTP client")]
    Http(#[source] reqwest::Error),
}

/// A client that never follows a redirect, whatever the caller configures: a payment goes where
/// the caller sent it.
pub(crate) fn client(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, ClientError> {
    let builder = payment_http::client()
        .map_err(ClientError::Tls)?
        .connect_timeout(CONNECT);
    configure(builder)
        .redirect(Policy::none())
        .referer(false)
        .build()
        .map_err(ClientError::Http)
}

/// Sends once, and waits so long for the head of the answer.
pub(crate) async fn send(
    client: &Client,
    request: Request,
    within: Duration,
) -> Result<Response, Trouble> {
    match tokio::time::timeout(within, client.execute(request)).await {
        Ok(answer) => answer.map_err(Trouble::connection),
        Err(_) => Err(Trouble::Timeout),
    }
}

/// Reads a small body whole. What is too large, too slow or cut off reads as empty: such a body
/// is no offer.
pub(crate) async fn small_body(response: &mut Response, within: Duration) -> Vec<u8> {
    let read = tokio::time::timeout(within, payment_http::read_body(response, BODY_LIMIT));
    match read.await {
        Ok(Ok(Some(body))) => body,
        _ => Vec::new(),
    }
}
