use std::borrow::Cow;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use payment_core::Ask;
use sha2::{Digest as _, Sha256};

/// What we put into `opaque`: randomness that makes every challenge another one, and the name of
/// the route, so that a challenge can't be spent on a route that happens to ask for the same.
///
/// On the wire it is base64url of `{"nonce":"…","scope":"…"}`, 16 bytes each in base64url.
pub(crate) struct Opaque;

const NONCE: &[u8] = br#"{"nonce":""#;
const SCOPE: &[u8] = br#"","scope":""#;
const END: &[u8] = br#""}"#;

/// Bytes of the JSON text.
const JSON: usize = NONCE.len() + SCOPE.len() + END.len() + 2 * LETTERS;

/// Letters of 16 bytes.
const LETTERS: usize = 22;

impl Opaque {
    /// Letters that the text has on the wire.
    pub(crate) const LENGTH: usize = (JSON * 4).div_ceil(3);

    /// Writes the text with this randomness for a request of this scope.
    pub(crate) fn write(nonce: [u8; 16], scope: &Scope) -> [u8; Self::LENGTH] {
        let mut json = [0; JSON];
        let mut left = json.as_mut_slice();
        for part in [NONCE, &letters(nonce), SCOPE, scope, END] {
            let (place, rest) = left.split_at_mut(part.len());
            place.copy_from_slice(part);
            left = rest;
        }
        let mut text = [0; Self::LENGTH];
        let written = URL_SAFE_NO_PAD.encode_slice(json, &mut text);
        written.expect("the length is that of the JSON in base64");
        text
    }

    /// Whether a text of ours was written for this scope, with whatever randomness.
    pub(crate) fn is_for(text: &str, scope: &Scope) -> bool {
        // The decoder wants room for what a text of this length may hold.
        let mut json = [0; JSON + 3];
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(text, &mut json) else {
            return false;
        };
        json[..length]
            .strip_prefix(NONCE)
            .and_then(|rest| rest.split_at_checked(LETTERS))
            .and_then(|(_, rest)| rest.strip_prefix(SCOPE))
            .and_then(|rest| rest.strip_prefix(scope.as_slice()))
            .is_some_and(|rest| rest == END)
    }
}

/// The name of a route in letters.
pub(crate) type Scope = [u8; LETTERS];

/// The scope of the request that came last, so that a route with one URL hashes it once.
#[derive(Default)]
pub(crate) struct Scopes(Mutex<Option<Recent>>);

struct Recent {
    method: Cow<'static, str>,
    resource: Box<str>,
    scope: Scope,
}

impl Scopes {
    /// The scope of this request.
    pub(crate) fn of(&self, ask: &Ask) -> Scope {
        // Hashing is quicker than to wait for somebody else's.
        let Ok(mut recent) = self.0.try_lock() else {
            return letters(scope(ask));
        };
        let same = |known: &&Recent| known.method == ask.method && known.resource == ask.resource;
        if let Some(known) = recent.as_ref().filter(same) {
            return known.scope;
        }
        let scope = letters(scope(ask));
        *recent = Some(Recent {
            method: ask.method.clone(),
            resource: ask.resource.clone(),
            scope,
        });
        scope
    }
}

/// The route by method and canonical path. `HEAD` is the same route as `GET`.
fn scope(ask: &Ask) -> [u8; 16] {
    let method = match &*ask.method {
        "HEAD" => "GET",
        method => method,
    };
    let mut hash = Sha256::new();
    hash.update(method.as_bytes());
    // A method has no blank.
    hash.update(b" ");
    hash.update(ask.resource_path().as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut scope = [0; 16];
    scope.copy_from_slice(&hash[..16]);
    scope
}

fn letters(bytes: [u8; 16]) -> Scope {
    let mut letters = [0; LETTERS];
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut letters);
    written.expect("16 bytes are 22 letters of base64");
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;

    #[test]
    fn the_length_is_exact() {
        let letters = "x".repeat(LETTERS);
        let json = format!(r#"{{"nonce":"{letters}","scope":"{letters}"}}"#);
        assert_eq!(encode::to_base64url(json.as_bytes()).len(), Opaque::LENGTH);
    }

    #[test]
    fn a_text_is_for_the_scope_it_was_written_for() {
        let (scope, other) = (letters([1; 16]), letters([2; 16]));
        let text = Opaque::write([3; 16], &scope);
        let text = std::str::from_utf8(&text).expect("ASCII");
        assert!(Opaque::is_for(text, &scope));
        assert!(!Opaque::is_for(text, &other));
        assert!(!Opaque::is_for(&text[..text.len() - 1], &scope));
        for other in [
            format!("{text}A"),
            format!("{text}="),
            String::new(),
            "A".repeat(500),
        ] {
            assert!(!Opaque::is_for(&other, &scope), "{other}");
        }
    }
}
