use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, fn_service};
use actix_web::error::{ErrorBadGateway, PayloadError};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use bytes::Bytes;
use futures_core::Stream;
use payment_core::{Pricing, Quote, Route, usd};
use scenarios::{OURS, Till};

use crate::shop::{PRICE, priced, send};

/// A cent, and five for more than three bytes; eight are read.
fn by_length() -> Route {
    let pricing = Pricing::by(async |ask| {
        Ok(match ask.body.as_deref().unwrap_or_default().len() {
            0..=3 => Quote::Standard,
            _ => Quote::from(usd!("0.05")),
        })
    });
    Route::priced(PRICE).pricing(pricing.reading_body(8))
}

async fn echo(body: Bytes) -> Bytes {
    body
}

fn post(body: &'static str) -> TestRequest {
    TestRequest::post().uri("/").set_payload(body)
}

#[tokio::test]
async fn a_handler_reads_the_bytes_that_were_priced() {
    let till = Arc::<Till>::default();
    let echo = web::resource("/")
        .wrap(priced(&till, by_length()))
        .post(echo);
    let app = init_service(App::new().service(echo)).await;
    for (body, price) in [
        ("", "0.01"),
        ("abc", "0.01"),
        ("abcd", "0.05"),
        ("12345678", "0.05"),
    ] {
        let unpaid = send(&app, post(body).to_request()).await;
        assert_eq!(unpaid.status, 402, "{body}");
        let line = unpaid.headers.get("www-authenticate").unwrap();
        let line = line.to_str().unwrap();
        assert!(
            line.contains(&format!("price=\"{price}\"")),
            "{body} {line}"
        );
        let pay = (OURS.header, format!("good-{body}"));
        let paid = send(&app, post(body).insert_header(pay).to_request()).await;
        assert_eq!((paid.status, &*paid.body), (200, body.as_bytes()));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read() {
    let till = Arc::<Till>::default();
    let echo = web::resource("/")
        .wrap(priced(&till, by_length()))
        .post(echo);
    let app = init_service(App::new().service(echo)).await;
    let pay = (OURS.header, "good-1");
    let said = ("content-length", "9");
    for request in [post("123456789"), post("1").insert_header(said)] {
        let read = send(&app, request.insert_header(pay).to_request()).await;
        assert_eq!((read.status, &*read.code()), (413, "body_too_large"));
    }
    assert_eq!(till.totals().settles, 0);
}

/// A piece, and then the client is gone.
struct Broken(bool);

impl Stream for Broken {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(match std::mem::replace(&mut self.0, true) {
            false => Ok(Bytes::from_static(b"a")),
            true => Err(PayloadError::Incomplete(None)),
        }))
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_priced() {
    let till = Arc::<Till>::default();
    let never =
        fn_service(|_: ServiceRequest| ready(Err::<ServiceResponse, _>(ErrorBadGateway("called"))));
    let service = priced(&till, by_length())
        .new_transform(never)
        .await
        .unwrap();
    let mut request = post("")
        .insert_header((OURS.header, "good-1"))
        .to_srv_request();
    let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Broken(false));
    request.set_payload(Payload::from(body));
    assert_eq!(service.call(request).await.unwrap().status(), 400);
    assert_eq!(till.totals().settles, 0);
}
