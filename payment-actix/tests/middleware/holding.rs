use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, EitherBody, MessageBody, SizedStream};
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use bytes::Bytes;
use futures_core::Stream;
use scenarios::{Pieces, Till, Totals};

use crate::shop::{PRICE, before, pay_for, paying, settled_down};

/// Says what size it has, and must not be read.
struct Unread(BodySize);

impl MessageBody for Unread {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        panic!("read");
    }
}

async fn get<B: MessageBody + 'static>(
    till: &Arc<Till>,
    make: impl Fn() -> B + 'static,
) -> ServiceResponse<EitherBody<B, Bytes>> {
    let answer = move || Ok(HttpResponse::with_body(StatusCode::OK, make()));
    pay_for(till, PRICE, paying("/", "good-1"), answer)
        .await
        .unwrap()
}

async fn is_refused<B: MessageBody + 'static>(make: impl Fn() -> B + 'static) {
    let till = Arc::default();
    let response = get(&till, make).await;
    assert_eq!(response.status(), 500);
    assert!(!response.headers().contains_key("payment-response"));
    let expected = Totals {
        releases: 1,
        ..Totals::default()
    };
    settled_down(|| till.totals() == expected).await;
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    is_refused(|| Unread(BodySize::Sized(9))).await;
    is_refused(|| Unread(BodySize::Sized(u64::MAX))).await;
}

/// Says nothing of its size, and is there at once.
struct Silent(&'static str);

impl MessageBody for Silent {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        panic!("read");
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        Ok(Bytes::from_static(self.0.as_bytes()))
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_sold() {
    is_refused(|| Silent("123456789")).await;
    is_refused(|| "123456789").await;
    is_refused(|| Pieces::new(vec![Ok("1234"), Ok("5678"), Ok("9")])).await;
    let till = Arc::default();
    let response = get(&till, || "12345678").await;
    assert_eq!(response.into_body().try_into_bytes().unwrap(), "12345678");
}

/// Pieces under a size of their own choosing.
struct Bytewise(Pieces);

impl Stream for Bytewise {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        MessageBody::poll_next(Pin::new(&mut self.0), context)
    }
}

fn sized(size: u64) -> SizedStream<Bytewise> {
    SizedStream::new(size, Bytewise(Pieces::new(vec![Ok("12"), Ok("34")])))
}

#[tokio::test]
async fn a_body_of_another_size_than_it_says_is_not_sold() {
    is_refused(|| sized(5)).await;
    is_refused(|| sized(3)).await;
    let till = Arc::default();
    let response = get(&till, || sized(4)).await;
    assert_eq!(response.into_body().try_into_bytes().ok().unwrap(), "1234");
}

#[tokio::test]
async fn a_body_that_was_made_at_once_is_not_copied() {
    let till = Arc::default();
    let text = Bytes::from(vec![b'a'; 8]);
    let address = text.as_ptr();
    let response = get(&till, move || text.clone()).await;
    let body = response.into_body().try_into_bytes().unwrap();
    assert_eq!((body.as_ptr(), body.len()), (address, 8));
}

#[tokio::test]
async fn what_has_no_body_gets_no_length() {
    let till = Arc::default();
    let response = get(&till, || Unread(BodySize::None)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.response().body().size(), BodySize::None);
    assert_eq!(till.totals().settles, 1);
}

#[tokio::test]
async fn a_head_says_the_length_of_what_is_not_sent() {
    let till = Arc::default();
    let request = paying("/", "good-1").method(Method::HEAD);
    let answer = || {
        let body = Unread(BodySize::Sized(u64::MAX));
        Ok(HttpResponse::with_body(StatusCode::OK, body))
    };
    let response = pay_for(&till, PRICE, request, answer).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.response().body().size(), BodySize::Sized(u64::MAX));
    assert_eq!(till.totals().settles, 1);
}

#[tokio::test]
async fn an_upgrade_is_not_sold_after_the_fact() {
    let switching = || Ok(HttpResponse::SwitchingProtocols().finish());
    let upgraded = || Ok(HttpResponse::Ok().upgrade("other").finish());
    let connected = || Ok(HttpResponse::Ok().finish());
    let cases: [(Method, Box<dyn Fn() -> _>); 3] = [
        (Method::GET, Box::new(switching)),
        (Method::GET, Box::new(upgraded)),
        (Method::CONNECT, Box::new(connected)),
    ];
    for (method, answer) in cases {
        let request =
            |credential: &str| -> TestRequest { paying("/", credential).method(method.clone()) };
        let answer = Rc::new(answer);
        let till = Arc::default();
        let again = Rc::clone(&answer);
        let response = pay_for(&till, PRICE, request("good-1"), move || again());
        assert_eq!(response.await.unwrap().status(), 500);
        assert_eq!(till.totals().settles, 0);
        let status = answer().unwrap().status();
        let response = pay_for(&till, before(), request("good-2"), move || answer());
        assert_eq!(response.await.unwrap().status(), status);
        assert_eq!(till.totals().settles, 1);
    }
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_not_sold() {
    let streams = |length: u64| {
        move || {
            let mut response = HttpResponse::Ok();
            response.no_chunking(length);
            Ok(response.body(Pieces::new(vec![Ok("12"), Ok("34")])))
        }
    };
    for length in [3, 5] {
        let till = Arc::default();
        let request = paying("/", "good-1");
        let response = pay_for(&till, PRICE, request, streams(length)).await;
        assert_eq!(response.unwrap().status(), 500);
        assert_eq!(till.totals().settles, 0);
    }
    let till = Arc::default();
    let response = pay_for(&till, PRICE, paying("/", "good-1"), streams(4)).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(till.totals().settles, 1);
}
