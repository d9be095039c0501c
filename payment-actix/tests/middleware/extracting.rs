use std::sync::Arc;

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Responder, web};
use payment_actix::{Meter, Paid};
use payment_core::{Route, Tariff};
use scenarios::Events;

use crate::shop::{PRICE, paying, priced, send};

fn by_the_word() -> Route {
    Tariff::per("word", PRICE).into()
}

async fn must_be_paid(Paid(paid): Paid) -> String {
    paid.amount().to_string()
}

async fn may_be_paid(paid: Option<Paid>, meter: Option<Meter>) -> String {
    format!("{} {}", u8::from(paid.is_some()), u8::from(meter.is_some()))
}

async fn must_be_metered(meter: Meter) -> String {
    meter.report(3);
    "counted".to_owned()
}

#[tokio::test]
async fn a_handler_on_a_route_without_a_price_is_told() {
    let app = App::new()
        .route("/paid", web::get().to(must_be_paid))
        .route("/metered", web::get().to(must_be_metered))
        .route("/maybe", web::get().to(may_be_paid));
    let app = init_service(app).await;
    for (path, code) in [
        ("/paid", "route_not_priced"),
        ("/metered", "route_not_metered"),
    ] {
        let read = send(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!((read.status, &*read.code()), (500, code));
        assert_eq!(read.headers.get("cache-control").unwrap(), "no-store");
    }
    let read = send(&app, TestRequest::with_uri("/maybe").to_request()).await;
    assert_eq!(read.body, "0 0");
}

#[tokio::test]
async fn a_handler_knows_what_was_paid() {
    let till = Arc::default();
    let app = App::new()
        .service(
            web::resource("/paid")
                .wrap(priced(&till, PRICE))
                .to(must_be_paid),
        )
        .service(
            web::resource("/maybe")
                .wrap(priced(&till, PRICE))
                .to(may_be_paid),
        )
        .service(
            web::resource("/metered")
                .wrap(priced(&till, PRICE))
                .to(must_be_metered),
        )
        .service(
            web::resource("/words")
                .wrap(priced(&till, by_the_word()))
                .to(may_be_paid),
        );
    let app = init_service(app).await;
    let paid = send(&app, paying("/paid", "good-1").to_request()).await;
    assert_eq!(paid.body, "10000");
    let maybe = send(&app, paying("/maybe", "good-2").to_request()).await;
    assert_eq!(maybe.body, "1 0");
    let words = send(&app, paying("/words", "good-3").to_request()).await;
    assert_eq!(words.body, "1 1");
    let settles = till.totals().settles;
    let metered = send(&app, paying("/metered", "good-4").to_request()).await;
    assert_eq!(
        (metered.status, &*metered.code()),
        (500, "route_not_metered")
    );
    assert_eq!(till.totals().settles, settles);
}

/// Makes the stream of one request twice.
async fn twice(meter: Meter) -> impl Responder {
    let _first = meter.sse(Events::new(&["a"]));
    meter.sse(Events::new(&["b"]))
}

#[tokio::test]
async fn a_second_stream_of_one_request_is_not_sold() {
    let till = Arc::default();
    let words = web::resource("/")
        .wrap(priced(&till, by_the_word()))
        .to(twice);
    let app = init_service(App::new().service(words)).await;
    let read = send(&app, paying("/", "stream-9").to_request()).await;
    assert_eq!((read.status, &*read.code()), (500, "streamed_twice"));
    assert_eq!((till.totals().settles, till.totals().units), (0, 0));
}
