use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http_body_util::BodyExt;
use payment_tower::axum::{Meter, Paid};
use payment_tower::{GateExt, PaymentLayer, ReadBody};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::bare::{head, native};
use crate::{Answer, Body, Here, Shelf, Shop, Stack};

/// axum, with the layer on each route.
#[derive(Debug)]
pub struct Axum {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Stack for Axum {
    const NAME: &'static str = "axum";

    async fn open(shop: Arc<Shop>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(&shop);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, server }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn here(shop: Arc<Shop>) -> Here {
        let app = app(&shop);
        Box::new(move |request| {
            let (app, request) = (app.clone(), native(request).map(axum::body::Body::new));
            Box::pin(async move {
                let response = app.oneshot(request).await.unwrap();
                let status = response.status().as_u16();
                let _ = response.into_body().collect().await;
                status
            })
        })
    }
}

impl Drop for Axum {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn app(shop: &Arc<Shop>) -> Router {
    let mut app = Router::new();
    for shelf in &shop.shelves {
        let mut route = any({
            let (shop, shelf) = (Arc::clone(shop), shelf.clone());
            move |paid, meter, body| handle(shop, shelf, paid, meter, body)
        });
        if let Some(price) = &shelf.price {
            route = match shop.gate.priced(price.clone()) {
                Ok(layer) => route.layer(layer),
                // Its price is read from the body.
                Err(_) => route.layer(shop.gate.priced_by_body(price.clone()).unwrap()),
            };
        }
        app = match shelf.mount {
            "" => app.route(shelf.path, route),
            mount => app.nest(mount, Router::new().route(shelf.path, route)),
        };
    }
    if let Some(handler) = &shop.rest {
        let (shop, shelf) = (Arc::clone(shop), Shelf::rest(handler.clone()));
        app = app.fallback(move |paid, meter, body| handle(shop, shelf, paid, meter, body));
    }
    match &shop.front {
        // Around the router, unknown paths included.
        Some(front) => {
            let gate = front.gate(&shop.gate);
            app.layer(PaymentLayer::new(gate.clone()))
                .layer(ReadBody::new(gate))
        }
        None => app,
    }
}

async fn handle(
    shop: Arc<Shop>,
    shelf: Shelf,
    paid: Option<Paid>,
    meter: Option<Meter>,
    body: Bytes,
) -> Response {
    let answer = shelf
        .handler
        .run(&shop.till, paid.map(|Paid(paid)| paid), body)
        .await;
    let Answer {
        status,
        headers,
        body,
    } = answer;
    let mut response = match body {
        Body::Whole(bytes) => Response::new(axum::body::Body::from(bytes)),
        Body::Pieces(pieces) => Response::new(axum::body::Body::new(pieces)),
        Body::Events(events) => meter.unwrap().sse(events).into_response(),
    };
    head(&mut response, status, headers);
    response
}
