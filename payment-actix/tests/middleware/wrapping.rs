use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Next, NormalizePath, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, web};
use scenarios::Till;

use crate::shop::{PRICE, paying, priced, send};

async fn sunny() -> &'static str {
    "sunny"
}

#[tokio::test]
async fn apps_scopes_resources_and_routes_can_be_priced() {
    let till = Arc::<Till>::default();
    let price = || priced(&till, PRICE);
    let app = App::new()
        .service(web::resource("/resource").wrap(price()).get(sunny))
        .service(
            web::scope("/scope")
                .wrap(price())
                .route("/in", web::get().to(sunny)),
        )
        .route("/route", web::get().to(sunny).wrap(price()))
        .route("/route", web::post().to(sunny))
        .route("/free", web::get().to(sunny));
    let app = init_service(app).await;
    for (at, path) in ["/resource", "/scope/in", "/route"].iter().enumerate() {
        let unpaid = send(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(unpaid.status, 402, "{path}");
        let paid = send(&app, paying(path, &format!("good-{at}")).to_request()).await;
        assert_eq!((paid.status, &*paid.body), (200, &b"sunny"[..]), "{path}");
    }
    assert_eq!(till.totals().settles, 3);
    // What is not wrapped is free: a route stands for its method alone.
    for request in [
        TestRequest::post().uri("/route"),
        TestRequest::with_uri("/free"),
    ] {
        assert_eq!(send(&app, request.to_request()).await.status, 200);
    }
    // What a wrapped resource or scope does not answer is asked for all the same, and not paid.
    for (at, request) in [
        TestRequest::post().uri("/resource"),
        TestRequest::with_uri("/scope/nowhere"),
    ]
    .into_iter()
    .enumerate()
    {
        let request = request.insert_header((scenarios::OURS.header, format!("good-9{at}")));
        let status = send(&app, request.to_request()).await.status;
        assert!([404, 405].contains(&status), "{status}");
    }
    assert_eq!(till.totals().settles, 3);
}

/// Needs the request for itself: actix panics where there is a second handle to it.
async fn changes_the_head<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let name = HeaderName::from_static("x-seen");
    request
        .headers_mut()
        .insert(name, HeaderValue::from_static("yes"));
    next.call(request).await
}

#[tokio::test]
async fn middleware_inside_and_outside_may_change_the_request() {
    let till = Arc::default();
    let app = App::new()
        .wrap(from_fn(changes_the_head))
        .wrap(NormalizePath::trim())
        .wrap(priced(&till, PRICE))
        .wrap(from_fn(changes_the_head))
        .route("/weather", web::get().to(sunny));
    let app = init_service(app).await;
    let paid = send(&app, paying("/weather/", "good-1").to_request()).await;
    assert_eq!((paid.status, &*paid.body), (200, &b"sunny"[..]));
    // Answers of the gate too leave with the request they belong to.
    let unpaid = send(&app, TestRequest::with_uri("/weather").to_request()).await;
    assert_eq!(unpaid.status, 402);
}

#[tokio::test]
async fn what_rewrites_paths_before_the_gate_is_heeded() {
    let till = Arc::default();
    let app = App::new()
        .service(
            web::resource("/weather")
                .wrap(priced(&till, PRICE))
                .get(sunny),
        )
        .wrap(NormalizePath::trim());
    let app = init_service(app).await;
    let unpaid = send(&app, TestRequest::with_uri("//weather/").to_request()).await;
    assert_eq!(unpaid.status, 402);
    let line = unpaid.headers.get("www-authenticate").unwrap();
    let line = line.to_str().unwrap();
    assert!(line.contains("url=\"http://localhost/weather\""), "{line}");
}
