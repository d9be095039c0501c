use std::sync::Arc;

use scenarios::{Actix, Axum, Bare, Handler, Request, Stack};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::expected::{Change, own};
use crate::run::settled_down;
use crate::shops::{PRICE, settled_first, shop};

const IN_PROGRESS: (&str, &str, &str) = (
    "urn:tollgate:problem:payment-in-progress",
    "Payment In Progress",
    "this payment is being processed by another request",
);

/// While a request is in work, its payment is good for no other, on no route; and nobody is invited
/// to pay again.
async fn a_payment_is_in_one_request_at_a_time<S: Stack>() {
    for price in [PRICE.into(), settled_first()] {
        let shop = shop().sell("/hangs", price, Handler::Hangs).sell(
            "/weather",
            PRICE,
            Handler::says("sunny"),
        );
        let shop = Arc::new(shop);
        let till = Arc::clone(&shop.till);
        let stack = S::open(shop).await;
        let mut socket = TcpStream::connect(stack.address()).await.unwrap();
        let request = "GET /hangs HTTP/1.1\r\nhost: a\r\nx-our-payment: good-1\r\n\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        settled_down(|| till.totals().served == 1).await;
        let before = till.totals();
        let expected = own(409, IN_PROGRESS, "payment_in_progress").with("retry-after", "2");
        for path in ["/hangs", "/weather"] {
            let reply = stack.send(&Request::get(path).pay("good-1")).await;
            assert_eq!(reply.unwrap(), expected, "{} {path}", S::NAME);
        }
        assert_eq!(till.totals(), before, "{}", S::NAME);
    }
}

#[tokio::test]
async fn t10_a_payment_is_in_one_request_at_a_time_on_axum() {
    a_payment_is_in_one_request_at_a_time::<Axum>().await;
}

#[tokio::test]
async fn t10_a_payment_is_in_one_request_at_a_time_on_hyper_alone() {
    a_payment_is_in_one_request_at_a_time::<Bare>().await;
}

#[tokio::test]
async fn t10_a_payment_is_in_one_request_at_a_time_on_actix() {
    a_payment_is_in_one_request_at_a_time::<Actix>().await;
}
