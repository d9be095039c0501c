//! The rules for calls to others, in one place: facilitators, chain nodes, sellers.
//!
//! - TLS is rustls with ring, set up for each client: nothing global is installed, and what the
//!   process has chosen for itself is left alone.
//! - No redirect is followed and nothing is sent twice: the caller decides, who knows what a
//!   second call would cost.
//! - What is sent can't be read on the way: `https`, or `http` within this machine.
//! - An answer is read up to a limit.

use std::sync::Arc;

use reqwest::{ClientBuilder, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, Url};

/// Why there is no TLS.
pub type TlsError = rustls::Error;

/// Starts a client that keeps to the rules. Set its deadlines before it is built.
///
/// On a machine without root certificates every `https` call fails, and calls within the machine
/// still work.
///
/// # Errors
///
/// `TlsError` when the provider supports no version of TLS.
pub fn client() -> Result<ClientBuilder, TlsError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false))
}

fn tls() -> Result<ClientConfig, TlsError> {
    let versions = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    };
    let verified = match versions()?.with_platform_verifier() {
        Ok(verified) => verified,
        // No root is trusted then.
        Err(_) => versions()?.with_root_certificates(RootCertStore::empty()),
    };
    let mut config = verified.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Whether what is sent there can't be read on the way: TLS, or within this machine.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether a URL leads to this machine. What listens there is not reached through a proxy.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Reads the base URL of a service: private ([`is_private`]), without user, query and fragment.
///
/// # Errors
///
/// What is wrong with it, in words that repeat nothing of it.
pub fn base_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "not a URL")?;
    if !is_private(&url) {
        return Err("must be https, or http to this machine");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("secrets belong in headers, not in the URL");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment");
    }
    Ok(url)
}

/// Reads a body of at most `limit` bytes; `None` when there is more.
///
/// # Errors
///
/// `reqwest::Error` when the body breaks off.
pub async fn read_body(
    response: &mut Response,
    limit: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
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
            ("ws://127.0.0.1/x", false),
            ("file:///x", false),
        ] {
            assert_eq!(is_private(&url.parse().unwrap()), private, "{url}");
        }
    }
}
