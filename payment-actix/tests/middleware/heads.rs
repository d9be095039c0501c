use std::sync::{Arc, Mutex};

use actix_web::http::uri::Parts;
use actix_web::http::{Uri, Version};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use payment_actix::PaymentMiddleware;
use payment_core::{Admission, Admit, MemoryReplayGuard, RequestHead};
use scenarios::Till;

use crate::shop::{PRICE, priced, send};

/// What a request is offered: all that the gate has read of its head.
async fn offered(request: TestRequest) -> String {
    offered_at(None, request).await
}

async fn offered_at(uri: Option<Uri>, request: TestRequest) -> String {
    let mut request = request.to_request();
    if let Some(uri) = uri {
        request.head_mut().uri = uri;
    }
    let till = Arc::<Till>::default();
    let app = App::new()
        .wrap(priced(&till, PRICE))
        .route("/", web::to(async || "sunny"));
    let read = send(&init_service(app).await, request).await;
    let line = read.headers.get("www-authenticate").unwrap();
    line.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_body_is_expected_where_the_head_leaves_room_for_one() {
    let of = |version| TestRequest::post().version(version);
    for (request, body) in [
        (of(Version::HTTP_11), false),
        (
            of(Version::HTTP_11).insert_header(("content-length", "0")),
            false,
        ),
        (
            of(Version::HTTP_11).insert_header(("content-length", "1")),
            true,
        ),
        (
            of(Version::HTTP_11).insert_header(("transfer-encoding", "chunked")),
            true,
        ),
        // Later versions need neither header.
        (of(Version::HTTP_2), true),
        (
            of(Version::HTTP_2).insert_header(("content-length", "0")),
            false,
        ),
    ] {
        let line = offered(request).await;
        assert!(line.contains(&format!("body=\"{body}\"")), "{line}");
    }
}

#[tokio::test]
async fn the_host_is_the_one_that_was_asked_for() {
    let host = |name| ("host", name);
    for (request, url) in [
        (
            TestRequest::default().insert_header(host("a.example")),
            "http://a.example/",
        ),
        (
            // As in HTTP/2, or from a client that takes us for a proxy.
            TestRequest::with_uri("http://b.example:81/").insert_header(host("a.example")),
            "http://b.example:81/",
        ),
        (
            TestRequest::default()
                .insert_header(host("a.example"))
                .insert_header(("forwarded", "host=c.example"))
                .insert_header(("x-forwarded-host", "c.example")),
            "http://a.example/",
        ),
    ] {
        let line = offered(request).await;
        assert!(line.contains(&format!("url=\"{url}\"")), "{line}");
    }
}

/// Prices nothing, and writes down by which pattern a handler was found.
#[derive(Clone, Default)]
struct Patterns(Arc<Mutex<Vec<Option<String>>>>);

impl Admit for Patterns {
    type Guard = MemoryReplayGuard;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission> {
        let pattern = head.pattern().map(ToOwned::to_owned);
        self.0.lock().unwrap().push(pattern);
        None
    }
}

/// Over HTTP/2 actix takes paths without a slash. Such a path goes on where the host ends.
#[tokio::test]
async fn t06_no_path_makes_an_offer_of_another_host() {
    for path in ["@b.example/", ".b.example", ":81", "*"] {
        let request = TestRequest::default().insert_header(("host", "a.example"));
        let mut parts = Parts::default();
        parts.path_and_query = Some(path.parse().unwrap());
        let uri = Uri::from_parts(parts).unwrap();
        let line = offered_at(Some(uri), request).await;
        let url = format!("url=\"http://a.example/{path}\"");
        assert!(line.contains(&url), "{line}");
    }
}

#[tokio::test]
async fn a_pattern_is_told_in_full() {
    let patterns = Patterns::default();
    let inner = web::resource("/b/{c}")
        .wrap(PaymentMiddleware::new(patterns.clone()))
        .to(async || "found");
    let app = App::new()
        .wrap(PaymentMiddleware::new(patterns.clone()))
        .service(web::scope("/a").service(inner));
    let app = init_service(app).await;
    for path in ["/a/b/c", "/nowhere"] {
        send(&app, TestRequest::with_uri(path).to_request()).await;
    }
    let full = Some("/a/b/{c}".to_owned());
    assert_eq!(*patterns.0.lock().unwrap(), [full.clone(), full, None]);
}
