use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest, Sha256};

use crate::PaywallError;

/// What the page may do: run the one script and the one style that it carries, and talk to the
/// server that it came from. It can't be framed, so that nobody's click is borrowed.
pub(crate) fn page_policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(script),
        source(style),
    )
}

/// What goes with a page of the seller's own when it has said nothing else.
pub(crate) const CUSTOM_POLICY: &str = "base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

/// The headers of a page with this policy.
pub(crate) fn headers(policy: &str) -> Result<Vec<(HeaderName, HeaderValue)>, PaywallError> {
    let policy = HeaderValue::try_from(policy).map_err(|_| PaywallError::Policy)?;
    Ok(vec![
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ])
}

/// An inline text by its hash.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
