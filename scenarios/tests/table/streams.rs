use std::sync::Arc;
use std::sync::atomic::Ordering;

use payment_core::{Route, Tariff};
use scenarios::{Actix, Axum, Bare, Handler, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::run::settled_down;
use crate::shops::{PRICE, shop};

/// A buyer who goes away in the middle of a stream has paid for what arrived, and the stream ends.
async fn a_stream_ends_with_its_reader<S: Stack>() {
    let route: Route = Tariff::per("word", PRICE).up_to(10).into();
    let events = Handler::EventsAndSilence(&["a", "b"]);
    let shop = Arc::new(shop().sell("/weather", route, events));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let mut socket = TcpStream::connect(stack.address()).await.unwrap();
    let request = "GET /weather HTTP/1.1\r\nhost: a\r\nx-our-payment: stream-9\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut read = String::new();
    while !read.contains("data: b\n\n") {
        let mut buffer = [0; 1024];
        let length = socket.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{} {read}", S::NAME);
        read.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    assert_eq!(till.ended.load(Ordering::SeqCst), 0, "{} {read}", S::NAME);
    drop(socket);
    settled_down(|| till.ended.load(Ordering::SeqCst) == 1).await;
    assert_eq!(till.ended.load(Ordering::SeqCst), 1, "{}", S::NAME);
    assert_eq!(till.totals().units, 2, "{}", S::NAME);
}

#[tokio::test]
async fn t69_a_stream_ends_with_its_reader_on_axum() {
    a_stream_ends_with_its_reader::<Axum>().await;
}

#[tokio::test]
async fn t69_a_stream_ends_with_its_reader_on_hyper_alone() {
    a_stream_ends_with_its_reader::<Bare>().await;
}

#[tokio::test]
async fn t69_a_stream_ends_with_its_reader_on_actix() {
    a_stream_ends_with_its_reader::<Actix>().await;
}
