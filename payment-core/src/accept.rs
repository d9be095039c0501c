//! What media type a client would rather read, as far as the gate has a choice: HTML, or JSON.

use http::HeaderMap;
use http::header::ACCEPT;

/// Whether HTML is asked for by name, and preferred to JSON. Who asks for anything (`*/*`), says
/// nothing, or says what can't be read, gets JSON: programs do that, and they are who pays.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let mut wishes = Wishes::default();
    for value in headers.get_all(ACCEPT) {
        let Ok(text) = value.to_str() else {
            return false;
        };
        for range in text.split(',').filter(|range| !range.trim().is_empty()) {
            if wishes.take(range).is_none() {
                return false;
            }
        }
    }
    wishes
        .html
        .is_some_and(|html| html > 0 && html > wishes.json())
}

/// Qualities in thousandths, as they were named.
#[derive(Default)]
struct Wishes {
    html: Option<u16>,
    json: Option<u16>,
    problem: Option<u16>,
    application: Option<u16>,
    anything: Option<u16>,
}

impl Wishes {
    /// The better of the two spellings that JSON answers have; what names a type more exactly
    /// counts. (RFC 9110, 12.5.1)
    fn json(&self) -> u16 {
        let wild = self.application.or(self.anything).unwrap_or(0);
        self.json.unwrap_or(wild).max(self.problem.unwrap_or(wild))
    }

    /// Takes one media range; `None` where it is none. Parameters but `q` tell nothing here.
    fn take(&mut self, range: &str) -> Option<()> {
        let mut parts = range.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut quality = 1000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            if name.eq_ignore_ascii_case("q") {
                quality = thousandths(value)?;
                break;
            }
        }
        let is = |a: &str, b: &str| kind.eq_ignore_ascii_case(a) && subtype.eq_ignore_ascii_case(b);
        let named = if is("text", "html") {
            &mut self.html
        } else if is("application", "json") {
            &mut self.json
        } else if is("application", "problem+json") {
            &mut self.problem
        } else if is("application", "*") {
            &mut self.application
        } else if is("*", "*") {
            &mut self.anything
        } else {
            return Some(());
        };
        *named = (*named).max(Some(quality));
        Some(())
    }
}

/// `0`, `1`, and up to three decimals between them.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.bytes().all(|b| b.is_ascii_digit());
    if decimals.len() > 3 || !digits {
        return None;
    }
    let decimals = format!("{decimals:0<3}").parse().ok()?;
    match (whole, decimals) {
        ("0", decimals) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// A token of RFC 9110, 5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = http::HeaderValue::from_bytes(line.as_bytes()).expect("a header value");
            headers.append(ACCEPT, value);
        }
        prefers_html(&headers)
    }

    #[test]
    fn browsers_prefer_html() {
        for line in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
             image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
            "TEXT/HTML",
            "application/json;q=0.9, text/html",
            "application/json;q=0.1, text/html ; q=0.2",
            "application/*;q=0.5, text/html;q=0.501",
            // The more exact range counts, and JSON is not wanted.
            "*/*, application/json;q=0, application/problem+json;q=0, text/html;q=0.1",
            "text/html;charset=utf-8;q=0.5",
            "text/html;q=0.5;level=1",
            ",text/html,,",
        ] {
            assert!(prefers(&[line]), "{line}");
        }
        assert!(prefers(&["application/json;q=0.5", "text/html"]));
    }

    #[test]
    fn everybody_else_gets_json() {
        for line in [
            "",
            "*/*",
            "text/*",
            "text/html, */*",
            "text/html, application/json",
            "text/html;q=0.5, application/problem+json;q=0.5",
            "text/html;q=0.5, */*;q=0.6",
            "text/html;q=0.5, application/*;q=0.6",
            "text/html;q=0",
            "text/html;q=0.000",
            "application/json, text/plain, */*",
            "application/xhtml+xml",
            "text/html5",
        ] {
            assert!(!prefers(&[line]), "{line}");
        }
        assert!(!prefers(&[]));
        assert!(!prefers(&["text/html", "*/*"]));
    }

    #[test]
    fn what_cannot_be_read_is_no_wish() {
        for line in [
            "text/html;q=",
            "text/html;q=2",
            "text/html;q=1.001",
            "text/html;q=.5",
            "text/html;q=-1",
            "text/html;q=0.1234",
            "text/html;q=0,5",
            "text/html;q=1e3",
            "text/html;q",
            "text/html;",
            "text/html, json",
            "text/html, /",
            "text/html, a/b/c",
            "text/html, <script>/x",
            "text/ html",
            "text/html, \u{f6}/x",
        ] {
            assert!(!prefers(&[line]), "{line}");
        }
        assert!(!prefers(&["text/html", "\u{f6}"]));
    }

    proptest::proptest! {
        #[test]
        fn whatever_it_accepts_it_is_answered(line in "[ -~]{0,40}", rest in "(;q=[0-9.]{0,5})?") {
            let text = format!("text/html{rest},{line}");
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT, text.parse().expect("a header value"));
            // A wish that is read stays a wish when nothing is added to it.
            if prefers_html(&headers) {
                headers.append(ACCEPT, http::HeaderValue::from_static("image/png"));
                proptest::prop_assert!(prefers_html(&headers));
                headers.append(ACCEPT, http::HeaderValue::from_static("application/json"));
                proptest::prop_assert!(!prefers_html(&headers));
            }
        }
    }
}
