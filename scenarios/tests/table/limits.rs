use std::sync::Arc;

use payment_core::Limits;
use scenarios::{Actix, Axum, Bare, Handler, Request, Stack};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::run::{settled_down, when_free};
use crate::shops::{PRICE, limits, with};

/// Work that is paid is bounded; over the bound nothing is taken, and below it all goes on. (T120)
async fn work_is_bounded<S: Stack>(set: fn(&mut Limits)) {
    let mut limits = limits();
    set(&mut limits);
    let shop = with(|gate, _| gate.limits(limits));
    let shop =
        shop.sell("/hangs", PRICE, Handler::Hangs)
            .sell("/weather", PRICE, Handler::says("sunny"));
    let shop = Arc::new(shop);
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let mut socket = TcpStream::connect(stack.address()).await.unwrap();
    let request = "GET /hangs HTTP/1.1\r\nhost: a\r\nx-our-payment: good-1\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    settled_down(|| till.totals().served == 1).await;

    let request = Request::get("/weather").pay("good-2");
    let reply = stack.send(&request).await.unwrap();
    assert_eq!(reply.status, 503, "{} {reply:?}", S::NAME);
    assert!(reply.body.contains("\"too_many_payments\""), "{reply:?}");
    assert_eq!(reply.header("retry-after"), ["2"], "{}", S::NAME);
    // Who has not paid takes no place.
    let unpaid = stack.send(&Request::get("/weather")).await.unwrap();
    assert_eq!(unpaid.status, 402, "{}", S::NAME);

    drop(socket);
    settled_down(|| till.totals().releases == 1).await;
    let mut reply = when_free(&stack, &request).await.unwrap();
    for _ in 0..1000 {
        if reply.status != 503 {
            break;
        }
        reply = when_free(&stack, &request).await.unwrap();
    }
    assert_eq!((reply.status, &*reply.body), (200, "sunny"), "{}", S::NAME);
    assert_eq!(till.totals().settles, 1, "{}", S::NAME);
}

async fn of_all_and_of_one<S: Stack>() {
    work_is_bounded::<S>(|limits| limits.in_flight = 1).await;
    work_is_bounded::<S>(|limits| limits.in_flight_per_payer = 1).await;
}

#[tokio::test]
async fn t120_work_is_bounded_on_axum() {
    of_all_and_of_one::<Axum>().await;
}

#[tokio::test]
async fn t120_work_is_bounded_on_hyper_alone() {
    of_all_and_of_one::<Bare>().await;
}

#[tokio::test]
async fn t120_work_is_bounded_on_actix() {
    of_all_and_of_one::<Actix>().await;
}
