use std::borrow::Cow;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use payment_core::Ask;
use sha2::{Digest as _, Sha256};

/// What we put into `opaque`: randomness that makes every challenge another one, and the name of
/// the route, so that a challenge can't be spent on a route that happens to ask for the same.
///
/// On the wire it is base64url of `{"nonce":"…","scope":"…"}`, 16 bytes each in base64url, and of
/// `{"nonce":"…","quote":"…","scope":"…"}` where the price was quoted for one request.
pub(crate) struct Opaque;

const NONCE: &[u8] = br#"{"nonce":""#;
const QUOTE: &[u8] = br#"","quote":""#;
const SCOPE: &[u8] = br#"","scope":""#;
const END: &[u8] = br#""}"#;

/// Bytes of the JSON text without a quote.
const JSON: usize = NONCE.len() + SCOPE.len() + END.len() + 2 * LETTERS;

/// Letters of 16 bytes.
const LETTERS: usize = 22;

/// Letters of the longest quote that is read.
const MAX_QUOTE: usize = 4 * 1024;

impl Opaque {
    /// Letters that the text has on the wire without a quote.
    pub(crate) const LENGTH: usize = letters_of(JSON);

    /// Letters that it has with this quote.
    pub(crate) fn length(quote: Option<&str>) -> usize {
        let quote = quote.map_or(0, |quote| QUOTE.len() + quote.len());
        letters_of(JSON + quote)
    }

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

    /// The same with a quote, which is letters of base64 and points.
    pub(crate) fn write_quoted(nonce: [u8; 16], quote: &str, scope: &Scope) -> String {
        let nonce = &letters(nonce);
        URL_SAFE_NO_PAD.encode([NONCE, nonce, QUOTE, quote.as_bytes(), SCOPE, scope, END].concat())
    }

    /// Whether a text of ours was written for this scope, with whatever randomness, and whatever
    /// was quoted.
    pub(crate) fn is_for(text: &str, scope: &Scope) -> bool {
        // The decoder wants room for what a text of this length may hold.
        let mut json = [0; JSON + 3];
        if text.len() <= Self::LENGTH {
            let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut json);
            return decoded.is_ok_and(|length| {
                Parts::read(&json[..length]).is_some_and(|parts| parts.scope == scope)
            });
        }
        let long = decode(text);
        let parts = long.as_deref().and_then(Parts::read);
        parts.is_some_and(|parts| parts.scope == scope)
    }

    /// The quote in a text that may be anything.
    pub(crate) fn quote(text: &str) -> Option<Box<str>> {
        let json = decode(text)?;
        let quote = Parts::read(&json)?.quote?;
        Some(std::str::from_utf8(quote).ok()?.into())
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let longest = letters_of(JSON + QUOTE.len() + MAX_QUOTE);
    let text = Some(text).filter(|text| text.len() <= longest)?;
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Letters of so many bytes.
const fn letters_of(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

/// What stands in the JSON, spelled as we spell it.
struct Parts<'a> {
    quote: Option<&'a [u8]>,
    scope: &'a [u8],
}

impl<'a> Parts<'a> {
    fn read(json: &'a [u8]) -> Option<Self> {
        let (_, rest) = json.strip_prefix(NONCE)?.split_at_checked(LETTERS)?;
        let (quote, rest) = match rest.strip_prefix(QUOTE) {
            None => (None, rest),
            Some(rest) => {
                let end = rest.iter().position(|byte| *byte == b'"')?;
                let (quote, rest) = rest.split_at(end);
                (Some(quote), rest)
            }
        };
        let scope = rest.strip_prefix(SCOPE)?.strip_suffix(END)?;
        Some(Self { quote, scope })
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
    fn a_quote_stands_between_and_is_read_back() {
        let (scope, other) = (letters([1; 16]), letters([2; 16]));
        for quote in ["", "MTs.-_", &"q".repeat(MAX_QUOTE)] {
            let text = Opaque::write_quoted([3; 16], quote, &scope);
            assert_eq!(text.len(), Opaque::length(Some(quote)));
            assert!(encode::is_opaque(&text) || quote.len() == MAX_QUOTE);
            assert!(Opaque::is_for(&text, &scope));
            assert!(!Opaque::is_for(&text, &other));
            assert_eq!(Opaque::quote(&text).as_deref(), Some(quote));
        }
        let plain = Opaque::write([3; 16], &scope);
        let plain = std::str::from_utf8(&plain).expect("ASCII");
        assert_eq!(Opaque::quote(plain), None);
        let long = Opaque::write_quoted([3; 16], &"q".repeat(MAX_QUOTE + 3), &scope);
        assert_eq!(Opaque::quote(&long), None);
        for junk in ["", "e30", "AAAA", "?", plain] {
            assert_eq!(Opaque::quote(junk), None, "{junk}");
        }
        for json in [
            r#"{"nonce":"xxxxxxxxxxxxxxxxxxxxxx","quote":"#,
            r#"{"nonce":"xxxxxxxxxxxxxxxxxxxxxx","quote":"a"}"#,
            r#"{"nonce":"x","quote":"a","scope":"b"}"#,
            r#"{"quote":"a"}"#,
        ] {
            let text = encode::to_base64url(json.as_bytes());
            assert_eq!(Opaque::quote(&text), None, "{json}");
        }
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
