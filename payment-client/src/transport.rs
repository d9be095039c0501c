use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Response};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, Url};

use crate::error::Trouble;

const CONNECT: Duration = Duration::from_secs(10);

/// An offer in a body is a few kilobytes.
const BODY_LIMIT: usize = 64 * 1024;

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// TLS can't be set up on this machine, for want of root certificates as a rule.
    #[error("no TLS")]
    Tls(#[source] rustls::Error),
    /// What was configured does not go together.
    #[error("no HTTP client")]
    Http(#[source] reqwest::Error),
}

/// A client that verifies TLS with its own provider, so that nothing global needs to be
/// installed, and that never follows a redirect: a payment goes where the caller sent it.
pub(crate) fn client(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Client, ClientError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(ClientError::Tls)?
        .with_no_client_auth();
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
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
pub(crate) async fn small_body(response: &mut Response, within: Duration) -> BytesMut {
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        Some(body)
    };
    let read = tokio::time::timeout(within, read).await;
    read.ok().flatten().unwrap_or_default()
}

/// Whether what is sent there can't be read on the way.
pub(crate) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (url, private) in [
            ("https://shop.example/x", true),
            ("http://shop.example/x", false),
            ("http://localhost:3000/x", true),
            ("http://127.0.0.1:3000/x", true),
            ("http://127.9.9.9/x", true),
            ("http://[::1]/x", true),
            ("http://localhost.example/x", false),
            ("http://10.0.0.1/x", false),
            ("http://0.0.0.0/x", false),
        ] {
            assert_eq!(is_private(&Url::parse(url).unwrap()), private, "{url}");
        }
    }
}
