use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use scenarios::{Actix, Axum, Bare, Handler, OURS, Stack};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::shops::{PRICE, without_origin};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(to: SocketAddr) -> Sender {
    let socket = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (sender, connection) = handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(mut to: Sender, method: Method, credential: &str, body: &str) -> Response<String> {
    let mut request = http::Request::builder().method(method);
    if !credential.is_empty() {
        request = request.header(OURS.header, credential);
    }
    let request = request.uri("http://shop.example/weather");
    let body = Full::from(body.to_owned());
    let response = to.send_request(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Response::from_parts(head, body)
}

/// One connection, and all requests of it at once.
async fn it_is_sold_once<S: Stack>() {
    let shop = without_origin().sell("/weather", PRICE, Handler::Echoes);
    let shop = Arc::new(shop);
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let to = connect(stack.address()).await;
    let unpaid = send(to.clone(), Method::HEAD, "", "").await;
    assert_eq!((unpaid.status().as_u16(), &**unpaid.body()), (402, ""));
    let unpaid = send(to.clone(), Method::POST, "", "sunny").await;
    assert_eq!(unpaid.status(), 402, "{}", S::NAME);
    let line = unpaid.headers()["www-authenticate"].to_str().unwrap();
    // There is no `Host` in it.
    let url = "url=\"http://shop.example/weather\"";
    assert!(
        line.contains(url) && line.contains("body=\"true\""),
        "{line}"
    );
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(send(to.clone(), Method::POST, "good-1", "sunny"));
    }
    let mut delivered = 0;
    while let Some(response) = requests.join_next().await {
        let response = response.unwrap();
        match response.status().as_u16() {
            200 => {
                assert_eq!(response.body(), "sunny", "{}", S::NAME);
                assert_eq!(response.headers()["payment-response"], "settled");
                delivered += 1;
            }
            402 | 409 => assert!(!response.body().contains("sunny")),
            _ => panic!("{} {response:?}", S::NAME),
        }
    }
    assert_eq!((delivered, till.totals().settles), (1, 1), "{}", S::NAME);
    assert_eq!(till.totals().served, 1, "{}", S::NAME);
}

#[tokio::test]
async fn over_http2_it_is_sold_once_on_axum() {
    it_is_sold_once::<Axum>().await;
}

#[tokio::test]
async fn over_http2_it_is_sold_once_on_hyper_alone() {
    it_is_sold_once::<Bare>().await;
}

#[tokio::test]
async fn over_http2_it_is_sold_once_on_actix() {
    it_is_sold_once::<Actix>().await;
}
