#![allow(clippy::unwrap_used)]

use super::builder::canonical_origin;
use super::*;
use crate::{
    Challenge, Claim, Denied, Fault, Money, Payment, ProtocolName, Refusal, Soon, Timestamp,
};

/// A protocol that takes any route and never any credential.
pub(crate) struct Shy;

impl PaymentProtocol for Shy {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("shy")
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(route.takes(self.name()).then(|| Box::new(Self) as _))
    }
}

impl Offering for Shy {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        Soon::now(Ok(Challenge::default()))
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        Err(Fault::internal("never", "nothing was claimed").into())
    }
}

pub(crate) fn price() -> Money {
    Money::from_decimal("0.01").unwrap()
}

fn ask_with(origin: Option<&str>, route: Route, request: http::request::Builder) -> Ask {
    let mut gate = Gate::builder(Shy);
    if let Some(origin) = origin {
        gate = gate.origin(origin);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    match gate.build().unwrap().route(route).unwrap().admit(&head) {
        Admission::Priced(job) => job.ask,
        Admission::Answer(reply) => panic!("answered {}", reply.status),
    }
}

#[test]
fn origins_have_one_spelling() {
    for (text, origin) in [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("HTTPS://Api.Example.COM", "https://api.example.com"),
        ("https://api.example.com:443", "https://api.example.com"),
        ("https://api.example.com:443/", "https://api.example.com"),
        (
            "https://api.example.com:8443",
            "https://api.example.com:8443",
        ),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ] {
        assert_eq!(
            canonical_origin(text).ok().as_deref(),
            Some(origin),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_a_secure_bare_origin_is_refused() {
    for text in [
        "",
        "api.example.com",
        "/path",
        "http://api.example.com",
        "http://localhost.example.com",
        "http://127.0.0.2",
        "ftp://localhost",
        "ws://localhost",
        "https://api.example.com/path",
        "https://api.example.com//",
        "https://api.example.com?",
        "https://api.example.com?query",
        "https://api.example.com#fragment",
        "https://api.example.com/#",
        "https://user@api.example.com",
        "https://user:secret@api.example.com",
        "https://api.example.com:",
        "https://api.example.com:0443",
        "https://api.example.com:99999",
        "https://api.example.com:https",
        "https://",
        "https:///",
        "https://api.example.com\r\nx: y",
        "https://api example.com",
        "https://api.example.com\"",
        " https://api.example.com",
    ] {
        assert!(
            matches!(canonical_origin(text), Err(ConfigError::Origin)),
            "{text:?}"
        );
        assert!(Gate::builder(Shy).origin(text).build().is_err());
    }
}

#[test]
fn hostile_authority_is_not_repeated() {
    for (authority, shown) in [
        (None, "localhost"),
        (Some("shop.example:8080"), "shop.example:8080"),
        (Some("[::1]:8080"), "[::1]:8080"),
        (Some(""), "localhost"),
        (Some("user@shop.example"), "localhost"),
        (Some("shop.example/../evil"), "localhost"),
        (Some("shop.example?q"), "localhost"),
        (Some("shop.example#f"), "localhost"),
        (Some("shop.example\r\nx: y"), "localhost"),
        (Some("shop example"), "localhost"),
        (Some("\"shop.example\""), "localhost"),
        (Some("shop.example\\"), "localhost"),
        (Some("<script>"), "localhost"),
        (Some("sh\u{f6}p.example"), "localhost"),
    ] {
        assert_eq!(display_authority(authority), shown, "{authority:?}");
    }
    let long = "a".repeat(256);
    assert_eq!(display_authority(Some(&long)), "localhost");
    assert_eq!(display_authority(Some(&long[..255])), &long[..255]);
}

#[test]
fn configured_origin_beats_the_host_header() {
    let request = || http::Request::get("/a/b?q=1").header("host", "evil.example");
    let ask = ask_with(Some("https://shop.example"), price().into(), request());
    assert_eq!(
        (&*ask.resource, ask.canonical),
        ("https://shop.example/a/b", true)
    );
    assert_eq!((&*ask.path, ask.query.as_deref()), ("/a/b", Some("q=1")));
    let ask = ask_with(None, price().into(), request());
    assert_eq!(
        (&*ask.resource, ask.canonical),
        ("http://evil.example/a/b", false)
    );
    let named = Route::priced(price()).resource("/canonical");
    let ask = ask_with(Some("https://shop.example"), named, request());
    assert_eq!(&*ask.resource, "https://shop.example/canonical");
    assert_eq!((ask.resource_path(), &*ask.path), ("/canonical", "/a/b"));
}

#[test]
fn a_resource_is_a_url_whatever_the_path_is() {
    let request = http::Request::get("/a\"{b}%20c");
    let ask = ask_with(Some("https://shop.example"), price().into(), request);
    assert_eq!(&*ask.resource, "https://shop.example/a%22%7Bb%7D%20c");
    assert_eq!(&*ask.path, "/a\"{b}%20c");
}

#[test]
fn what_is_plain_is_an_authority_to_the_parser_as_well() {
    let parts = [
        "", "a", "A-9", ".", "-", "1.2.3.4", "host", ":", "80", "0", "99999", "_", "@",
    ];
    for [first, second, third] in parts.iter().flat_map(|first| {
        let pairs = parts
            .iter()
            .flat_map(|second| parts.map(|third| [*second, third]));
        pairs.map(|[second, third]| [*first, second, third])
    }) {
        let text = [first, second, third].concat();
        let parsed = text.parse::<http::uri::Authority>().is_ok();
        assert!(parsed || !is_plain(&text), "{text:?}");
    }
    for plain in [
        "localhost",
        "localhost:8080",
        "127.0.0.1:80",
        "api.example.com",
    ] {
        assert!(is_plain(plain), "{plain}");
    }
    for other in [
        "[::1]:80",
        "a:b",
        "a:",
        ":80",
        "a:80:80",
        "a b",
        "a@b",
        "h\u{f6}st",
    ] {
        assert!(!is_plain(other), "{other}");
    }
}

#[test]
fn resource_path_is_what_follows_the_authority() {
    for (resource, path) in [
        ("https://shop.example/a/b", "/a/b"),
        ("https://shop.example/", "/"),
        ("https://shop.example", "/"),
        ("https://shop.example:8443/a//b", "/a//b"),
        ("http://[::1]:3000/a", "/a"),
        ("https://shop.example/x://y/z", "/x://y/z"),
        ("", "/"),
    ] {
        let ask = Ask {
            resource: resource.into(),
            ..Ask::new(Timestamp::from_seconds(0), "GET", "/")
        };
        assert_eq!(ask.resource_path(), path, "{resource}");
    }
}

#[test]
fn only_one_readable_preference_counts() {
    let request = || http::Request::get("/");
    let preference = |request| ask_with(None, price().into(), request).accept_payment;
    assert_eq!(preference(request()), None);
    let one = request().header("accept-payment", "x402");
    assert_eq!(preference(one).as_deref(), Some("x402"));
    let two = request()
        .header("accept-payment", "x402")
        .header("accept-payment", "mpp");
    assert_eq!(preference(two), None);
    let unreadable = request().header("accept-payment", &b"\xff"[..]);
    assert_eq!(preference(unreadable), None);
}

#[test]
fn only_one_readable_idempotency_key_counts() {
    let request = || http::Request::post("/");
    let key = |request| ask_with(None, price().into(), request).idempotency_key;
    assert_eq!(key(request()), None);
    let one = request().header("idempotency-key", "k 1");
    assert_eq!(key(one).as_deref(), Some("k 1"));
    for second in ["k 1", "k 2", ""] {
        let two = request()
            .header("idempotency-key", "k 1")
            .header("idempotency-key", second);
        assert_eq!(key(two), None, "{second:?}");
    }
    let unreadable = request().header("idempotency-key", &b"k\xff"[..]);
    assert_eq!(key(unreadable), None);
}

#[test]
fn the_head_tells_whether_there_is_a_body() {
    use http::Version;

    let has_body = |version, headers: &[(&str, &str)]| {
        let mut request = http::Request::post("/").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ask_with(None, price().into(), request).has_body
    };
    for version in [Version::HTTP_10, Version::HTTP_11] {
        assert!(!has_body(version, &[]), "{version:?}");
        assert!(has_body(version, &[("transfer-encoding", "chunked")]));
    }
    // Later versions frame a body without saying so.
    for version in [Version::HTTP_2, Version::HTTP_3] {
        assert!(has_body(version, &[]), "{version:?}");
    }
    for version in [Version::HTTP_11, Version::HTTP_2] {
        assert!(!has_body(version, &[("content-length", "0")]));
        assert!(has_body(version, &[("content-length", "1")]));
    }
}

#[test]
fn only_a_preflight_is_free() {
    let gate = Gate::new(Shy).route(price()).unwrap();
    let admit = |request: http::request::Builder| {
        let (head, ()) = request.body(()).unwrap().into_parts();
        match gate.admit(&head) {
            Admission::Priced(_) => None,
            Admission::Answer(reply) => Some((reply.status, reply.body.len())),
        }
    };
    let with_both = |method: &str| {
        http::Request::builder()
            .method(method)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "GET")
    };
    assert_eq!(
        admit(with_both("OPTIONS")),
        Some((StatusCode::NO_CONTENT, 0))
    );
    for method in ["GET", "HEAD", "POST", "options", "TRACE"] {
        assert_eq!(admit(with_both(method)), None, "{method}");
    }
    let options = || http::Request::options("/");
    assert_eq!(admit(options()), None);
    assert_eq!(
        admit(options().header("origin", "https://page.example")),
        None
    );
    assert_eq!(
        admit(options().header("access-control-request-method", "GET")),
        None
    );
}

#[test]
fn route_without_a_price_or_a_protocol_has_no_gate() {
    let gate = Gate::new(Shy);
    let free = Money::from_decimal("0").unwrap();
    assert!(matches!(gate.route(free), Err(ConfigError::ZeroPrice)));
    let other = Route::priced(price()).only([ProtocolName::new("other")]);
    assert!(matches!(gate.route(other), Err(ConfigError::NoProtocol)));
}
