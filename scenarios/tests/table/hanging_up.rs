use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use payment_core::Route;
use scenarios::{Actix, Axum, Bare, Handler, Here, Request, Shop, Stack};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::run::settled_down;
use crate::shops::{PRICE, found, settled_first, shop, with_everything};

/// Goes away after each number of polls, and comes back with the same credential.
async fn nothing_is_lost<S: Stack>(open: fn() -> Shop, price: Route, handler: Handler) {
    let mut awaits = 0;
    for polls in 0.. {
        let shop = Arc::new(open().sell("/weather", price.clone(), handler.clone()));
        let till = Arc::clone(&shop.till);
        let here = S::here(shop).await;
        let whole = polled(&here, polls).await;
        let again = when_free(&here).await;
        let totals = till.totals();
        assert_eq!(totals.settles, 1, "{} after {polls}: {totals:?}", S::NAME);
        // A client that goes away is no failure of the handler.
        assert_eq!(totals.refunds, 0, "{} after {polls}: {totals:?}", S::NAME);
        if whole == Some(200) {
            assert_eq!((again, totals.served), (402, 1), "{}", S::NAME);
            break;
        }
        assert_eq!((whole, again), (None, 200), "{} after {polls}", S::NAME);
        assert!(totals.served <= 2, "{} after {polls}: {totals:?}", S::NAME);
        // And then it is used up.
        assert_eq!(when_free(&here).await, 402, "{} after {polls}", S::NAME);
        awaits = polls;
    }
    assert!(awaits >= 6, "{} hung up at {awaits} awaits only", S::NAME);
}

/// Polls a request so many times, then drops it. The status, if it was answered before.
async fn polled(here: &Here, polls: usize) -> Option<u16> {
    let mut response = here(&Request::get("/weather").pay("good-1"));
    for _ in 0..polls {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(status) = response.as_mut().poll(&mut context) {
            return Some(status);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn when_free(here: &Here) -> u16 {
    for _ in 0..1000 {
        match here(&Request::get("/weather").pay("good-1")).await {
            409 => tokio::task::yield_now().await,
            status => return status,
        }
    }
    panic!("the payment was never given back");
}

async fn at_every_await<S: Stack>() {
    let sunny = || Handler::says("sunny");
    let pieces = || Handler::Streams(vec![Ok("sun"), Ok("ny")]);
    nothing_is_lost::<S>(shop, PRICE.into(), sunny()).await;
    nothing_is_lost::<S>(shop, PRICE.into(), pieces()).await;
    nothing_is_lost::<S>(shop, settled_first(), sunny()).await;
    nothing_is_lost::<S>(with_everything, found(PRICE), pieces()).await;
    nothing_is_lost::<S>(with_everything, found(settled_first()), sunny()).await;
}

#[tokio::test]
async fn hanging_up_at_any_await_loses_nothing_on_axum() {
    at_every_await::<Axum>().await;
}

#[tokio::test]
async fn hanging_up_at_any_await_loses_nothing_on_hyper_alone() {
    at_every_await::<Bare>().await;
}

#[tokio::test]
async fn hanging_up_at_any_await_loses_nothing_on_actix() {
    at_every_await::<Actix>().await;
}

/// A closed socket ends the handler, and the payment is given back.
async fn a_closed_socket_costs_nothing<S: Stack>() {
    let shop = Arc::new(shop().sell("/weather", PRICE, Handler::Hangs));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let mut socket = TcpStream::connect(stack.address()).await.unwrap();
    let request = "GET /weather HTTP/1.1\r\nhost: a\r\nx-our-payment: good-1\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    settled_down(|| till.totals().served == 1).await;
    assert_eq!(till.totals().served, 1, "{}", S::NAME);
    drop(socket);
    settled_down(|| till.totals().releases == 1).await;
    let totals = till.totals();
    assert_eq!((totals.releases, totals.settles), (1, 0), "{}", S::NAME);
}

#[tokio::test]
async fn a_closed_socket_costs_nothing_on_axum() {
    a_closed_socket_costs_nothing::<Axum>().await;
}

#[tokio::test]
async fn a_closed_socket_costs_nothing_on_hyper_alone() {
    a_closed_socket_costs_nothing::<Bare>().await;
}

#[tokio::test]
async fn a_closed_socket_costs_nothing_on_actix() {
    a_closed_socket_costs_nothing::<Actix>().await;
}
