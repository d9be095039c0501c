//! The digest of a request body, as a challenge can bind one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::encode;

/// Largest body that is digested, in bytes.
pub const MAX_DIGESTED: usize = 2 * 1024 * 1024;

/// A body above [`MAX_DIGESTED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is larger than is digested")]
pub struct BodyTooLarge;

/// Writes the digest of a body in the form that is sent: `sha-256=` and padded base64.
///
/// # Errors
///
/// `BodyTooLarge` above 2 MiB.
pub fn body_digest(body: &[u8]) -> Result<String, BodyTooLarge> {
    if body.len() > MAX_DIGESTED {
        return Err(BodyTooLarge);
    }
    Ok(format!("{PREFIX}{}", STANDARD.encode(Sha256::digest(body))))
}

/// Whether a digest, bare or between colons as RFC 9530 has it, is that of this body. The
/// comparison takes the same time wherever they differ.
///
/// # Errors
///
/// `BodyTooLarge` above 2 MiB.
pub fn body_matches(digest: &str, body: &[u8]) -> Result<bool, BodyTooLarge> {
    if body.len() > MAX_DIGESTED {
        return Err(BodyTooLarge);
    }
    let Some(expected) = read(digest) else {
        return Ok(false);
    };
    Ok(Sha256::digest(body).as_slice().ct_eq(&expected).into())
}

pub(crate) fn is_digest(text: &str) -> bool {
    read(text).is_some()
}

fn read(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix(PREFIX)?;
    let bare = match text.strip_prefix(':') {
        Some(text) => text.strip_suffix(':')?,
        None => text,
    };
    encode::from_base64(bare.as_bytes())?.try_into().ok()
}

const PREFIX: &str = "sha-256=";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn both_forms_are_that_of_the_body_and_of_no_other() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("body_digest");
        for case in vectors::cases(&file, "/body_digest") {
            let body = vectors::text(case, "body").as_bytes();
            assert_eq!(body_digest(body).unwrap(), case["digest_bare"]);
            for form in ["digest_bare", "digest_rfc9530"] {
                let digest = vectors::text(case, form);
                assert!(body_matches(digest, body).unwrap(), "{case}");
                assert!(
                    !body_matches(digest, &[body, b"x"].concat()).unwrap(),
                    "{case}"
                );
            }
            tally.ran();
        }
        assert_eq!(tally.count(), 6);
    }

    #[test]
    fn what_is_no_digest_matches_nothing() {
        for digest in [
            "",
            "sha-256=",
            "sha-256=::",
            "sha-256=:",
            "sha-512=AAAA",
            "sha-256=AAAA",
        ] {
            assert!(!body_matches(digest, b"").unwrap(), "{digest}");
        }
    }

    #[test]
    fn large_bodies_are_not_digested() {
        let body = vec![0; MAX_DIGESTED + 1];
        assert_eq!(body_digest(&body), Err(BodyTooLarge));
        assert_eq!(body_matches("sha-256=", &body), Err(BodyTooLarge));
        assert!(body_digest(&body[1..]).is_ok());
    }
}
