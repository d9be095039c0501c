use std::sync::Arc;

use scenarios::{Actix, Axum, Bare, Handler, Request, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::shops::{PRICE, settled_first, shop};

const LAST: &str = "GET /free HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// When the unread body of a request is sent.
#[derive(Clone, Copy, Debug)]
enum Sent {
    WithTheHead,
    AfterTheReply,
}

/// A body that nobody has read is never taken for a request: the gate answers without it.
async fn a_body_is_no_request<S: Stack>() {
    let hidden = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let whole = format!("content-length: {}\r\n\r\n", hidden.len());
    let chunked = format!(
        "transfer-encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
        hidden.len()
    );
    for credential in ["", "x-our-payment: junk\r\n", "x-our-payment: false-1\r\n"] {
        for sent in [Sent::WithTheHead, Sent::AfterTheReply] {
            for framed in [&[&*whole, hidden].concat(), &chunked] {
                let shop = shop()
                    .sell("/weather", PRICE, Handler::says("sunny"))
                    .give("/hidden", Handler::says("hidden"))
                    .give("/free", Handler::says("free"));
                let shop = Arc::new(shop);
                let till = Arc::clone(&shop.till);
                let stack = S::open(shop).await;
                let head = format!("POST /weather HTTP/1.1\r\nhost: a\r\n{credential}");
                let read = talk(&stack, &head, framed, sent).await;
                let what = format!("{} {credential} {sent:?} {read}", S::NAME);
                assert!(read.starts_with("HTTP/1.1 402"), "{what}");
                assert!(!read.contains("hidden"), "{what}");
                // The request after it is answered, or the connection was ended before.
                let answered = usize::from(read.ends_with("free"));
                assert_eq!(till.totals().served, answered, "{what}");
            }
        }
    }
}

/// A request with a body and one after it, on one connection. All that is read.
async fn talk<S: Stack>(stack: &S, head: &str, framed: &str, sent: Sent) -> String {
    let mut socket = TcpStream::connect(stack.address()).await.unwrap();
    let (frame, body) = framed.split_once("\r\n\r\n").unwrap();
    let mut read = Vec::new();
    socket
        .write_all(format!("{head}{frame}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    if matches!(sent, Sent::AfterTheReply) {
        let mut buffer = [0; 4096];
        let length = socket.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..length]);
    }
    // The other side may have hung up already.
    let _ = socket.write_all(body.as_bytes()).await;
    let _ = socket.write_all(LAST.as_bytes()).await;
    let _ = socket.read_to_end(&mut read).await;
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn an_unread_body_is_no_request_on_axum() {
    a_body_is_no_request::<Axum>().await;
}

#[tokio::test]
async fn an_unread_body_is_no_request_on_hyper_alone() {
    a_body_is_no_request::<Bare>().await;
}

#[tokio::test]
async fn an_unread_body_is_no_request_on_actix() {
    a_body_is_no_request::<Actix>().await;
}

/// What breaks off after it was paid is not passed off as whole.
async fn a_broken_stream_is_seen<S: Stack>() {
    let breaks = Handler::Streams(vec![Ok("sun"), Err("reset"), Ok("ny")]);
    let shop = shop().sell("/weather", settled_first(), breaks);
    let stack = S::open(Arc::new(shop)).await;
    let read = stack.send(&Request::get("/weather").pay("good-1")).await;
    assert!(read.is_none_or(|reply| !reply.whole), "{}", S::NAME);
}

#[tokio::test]
async fn a_broken_stream_is_seen_on_every_stack() {
    a_broken_stream_is_seen::<Axum>().await;
    a_broken_stream_is_seen::<Bare>().await;
    a_broken_stream_is_seen::<Actix>().await;
}
