#![allow(clippy::unwrap_used)]

use http::request::Parts;

use super::*;

fn head(headers: &[(&str, &[u8])]) -> Parts {
    let mut request = http::Request::options("/a");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn pages() -> CorsRules {
    let origins = ["https://Page.example:443/", "http://localhost:5173"];
    Cors::origins(origins).rules().unwrap()
}

fn allowed(rules: &CorsRules, head: &Parts) -> Option<HeaderValue> {
    rules.spelled(rules.reader(head))
}

#[test]
fn t96_only_an_origin_that_is_named_is_allowed() {
    for origin in ["https://page.example", "http://localhost:5173"] {
        let allowed = allowed(&pages(), &head(&[("origin", origin.as_bytes())]));
        assert_eq!(allowed.unwrap(), origin);
    }
    for origin in [
        "",
        "*",
        "null",
        "https://page.example/",
        "https://page.example:443",
        "http://page.example",
        "https://PAGE.example",
        "https://page.example.evil.example",
        "https://evil-page.example",
        "https://page.example@evil.example",
        "https://page.example, https://evil.example",
        "https://evil.example https://page.example",
        "https://page.example\t",
        "https://p\u{430}ge.example",
        "\u{ff}",
    ] {
        let head = head(&[("origin", origin.as_bytes())]);
        assert_eq!(allowed(&pages(), &head), None, "{origin}");
    }
    let page = &b"https://page.example"[..];
    let twice = head(&[("origin", page), ("origin", page)]);
    assert_eq!(allowed(&pages(), &twice), None);
    let odd = head(&[("origin", b"https://page.example\xff")]);
    assert_eq!(allowed(&pages(), &odd), None);
    assert_eq!(allowed(&pages(), &head(&[])), None);
}

#[test]
fn any_origin_is_never_repeated() {
    let rules = Cors::any().rules().unwrap();
    for origin in ["https://page.example", "null", "\u{ff}", ""] {
        let head = head(&[("origin", origin.as_bytes())]);
        assert_eq!(allowed(&rules, &head).unwrap(), "*");
    }
}

#[test]
fn what_cannot_work_is_found_at_the_start() {
    assert!(Cors::any().credentials().rules().is_err());
    assert!(
        Cors::origins(["https://a.example"])
            .credentials()
            .rules()
            .is_ok()
    );
    for origin in [
        "",
        "*",
        "null",
        "page.example",
        "https://*.example/",
        "https://page.example/path",
        "https://page.example?q",
        "https://page.example\r\nx: y",
        "https://user@page.example",
        "https://p\u{e4}ge.example",
        "https://",
    ] {
        let rules = Cors::origins([origin]).rules();
        assert!(rules.is_err(), "{origin:?}");
    }
}

#[test]
fn a_preflight_is_answered_for_the_payment() {
    let asked = [
        ("origin", &b"https://page.example"[..]),
        ("access-control-request-method", b"PATCH"),
        ("access-control-request-headers", b"x-own,payment-signature"),
        ("access-control-request-headers", b"content-type"),
    ];
    let reply = pages().preflight(&head(&asked));
    let header = |name: &str| reply.headers[name].to_str().unwrap();
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    assert_eq!(
        header("access-control-allow-origin"),
        "https://page.example"
    );
    assert_eq!(header("access-control-allow-methods"), "PATCH");
    assert_eq!(
        header("access-control-allow-headers"),
        format!("{ALLOWED}, x-own, content-type")
    );
    assert_eq!(header("access-control-max-age"), "600");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(
        header("vary"),
        "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    );
    assert!(!reply.headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    let rules = Cors::origins(["https://page.example"]).credentials();
    let reply = rules.max_age(Duration::ZERO).rules().unwrap();
    let reply = reply.preflight(&head(&asked));
    assert_eq!(reply.headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    assert_eq!(reply.headers[ACCESS_CONTROL_MAX_AGE], "0");
}

#[test]
fn a_stranger_learns_nothing_by_a_preflight() {
    let stranger = head(&[
        ("origin", b"https://evil.example"),
        ("access-control-request-method", b"GET"),
    ]);
    let reply = pages().preflight(&stranger);
    assert_eq!(reply.status.as_u16(), 204);
    let told = reply.headers.keys();
    assert!(
        !told
            .into_iter()
            .any(|name| name.as_str().starts_with("access-control"))
    );
    assert!(reply.headers.contains_key(VARY));
}

#[test]
fn what_a_preflight_asks_for_is_names_and_not_too_many() {
    let long = "a".repeat(LONGEST_NAME + 1);
    for (asked, allowed) in [
        (&b"x-a, x\xff"[..], ""),
        (b"x-a,, x b,x:c, \"x\", x-d", ", x-a, x-d"),
        (b"*, x-a", ", x-a"),
        (long.as_bytes(), ""),
        (b"X-PAYMENT,authorization", ""),
        (b"x-a,X-A", ", x-a"),
    ] {
        let head = head(&[("access-control-request-headers", asked)]);
        assert_eq!(names(&head), format!("{ALLOWED}{allowed}"));
    }
    let many: Vec<_> = (0..5000).map(|n| format!("x-{n}")).collect();
    let head = head(&[("access-control-request-headers", many.join(",").as_bytes())]);
    let names = names(&head);
    let names: Vec<_> = names.to_str().unwrap().split(", ").collect();
    assert_eq!(names.len(), 6 + MOST_NAMES);
    for method in [&b""[..], b"G T", b"GET, PUT", b"\xff", long.as_bytes()] {
        let head = super::tests::head(&[("access-control-request-method", method)]);
        assert_eq!(super::method(&head), None);
    }
}

#[test]
fn the_lists_for_other_layers_are_ours() {
    let joined = |names: [HeaderName; 6]| names.map(|name| name.to_string()).join(", ");
    assert_eq!(
        joined(Cors::allowed_headers()),
        ALLOWED.to_ascii_lowercase()
    );
    let exposed = EXPOSED.to_str().unwrap().to_ascii_lowercase();
    assert_eq!(joined(Cors::exposed_headers()), exposed);
}
