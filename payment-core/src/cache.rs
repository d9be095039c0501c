use http::HeaderValue;

use crate::cors::lists;
use crate::reply::VARY_ON;

/// Merges `private` into what the handler said about caching a paid response.
///
/// `public` and `s-maxage` would let a shared cache give a paid answer away, so they go.
pub(crate) fn merge_private(handler: Option<&str>) -> HeaderValue {
    const PRIVATE: HeaderValue = HeaderValue::from_static("private");
    let Some(handler) = handler else {
        return PRIVATE;
    };
    let mut merged = String::with_capacity(handler.len() + 9);
    merged.push_str("private");
    for directive in handler.split(',').map(str::trim).filter(|d| !d.is_empty()) {
        let name = directive.split('=').next().unwrap_or_default().trim();
        let shared = ["public", "private", "s-maxage"]
            .iter()
            .any(|n| name.eq_ignore_ascii_case(n));
        if !shared {
            merged.push_str(", ");
            merged.push_str(directive);
        }
    }
    HeaderValue::from_str(&merged).unwrap_or(PRIVATE)
}

/// The request headers that all responses behind a gate vary on.
pub(crate) const VARIES: HeaderValue = HeaderValue::from_static(VARY_ON);

/// Adds our headers to what the handler said its response varies on. Everything includes them.
pub(crate) fn merge_vary(handler: Option<&str>, ours: &HeaderValue) -> HeaderValue {
    match handler {
        Some(theirs) if lists(theirs, "*") => HeaderValue::from_static("*"),
        _ => merge_list(handler, ours),
    }
}

/// Adds our entries to a list of names that the handler began, unless it has them.
pub(crate) fn merge_list(handler: Option<&str>, ours: &HeaderValue) -> HeaderValue {
    let theirs = handler.map(str::trim).filter(|text| !text.is_empty());
    let (Some(theirs), Ok(text)) = (theirs, ours.to_str()) else {
        return ours.clone();
    };
    let mut merged = theirs.to_owned();
    for name in text.split(',').map(str::trim) {
        if !lists(theirs, name) {
            merged.push_str(", ");
            merged.push_str(name);
        }
    }
    HeaderValue::from_str(&merged).unwrap_or_else(|_| ours.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paid_answers_are_private() {
        for (handler, merged) in [
            (None, "private"),
            (Some(""), "private"),
            (Some("max-age=60"), "private, max-age=60"),
            (
                Some("Public, max-age=60, S-MaxAge=9"),
                "private, max-age=60",
            ),
            (Some("no-store"), "private, no-store"),
            (
                Some("private=\"set-cookie\", no-cache"),
                "private, no-cache",
            ),
        ] {
            assert_eq!(merge_private(handler), merged);
        }
    }

    #[test]
    fn what_a_response_varies_on_is_said_once() {
        for (handler, merged) in [
            (None, VARY_ON.to_owned()),
            (Some(""), VARY_ON.to_owned()),
            (Some("Accept"), format!("Accept, {VARY_ON}")),
            (
                Some("x-payment,AUTHORIZATION"),
                "x-payment,AUTHORIZATION, Payment-Authorization, PAYMENT-SIGNATURE".to_owned(),
            ),
            (Some("*"), "*".to_owned()),
            (Some("Accept, *"), "*".to_owned()),
        ] {
            assert_eq!(merge_vary(handler, &VARIES), merged);
        }
    }
}
