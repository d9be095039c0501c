use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{
    HttpServiceFactory, Payload, ServerHandle, Service, ServiceFactory, ServiceRequest,
    ServiceResponse,
};
use actix_web::http::header::{HeaderName, HeaderValue, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Condition;
use actix_web::test::TestRequest;
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, Responder, web};
use bytes::Bytes;
use payment_actix::{GateExt, Meter, Paid, PaymentMiddleware};
use payment_core::{Route, usd};

use crate::message::HOST;
use crate::{Answer, Body, Front, Here, Shelf, Shop, Stack};

/// actix-web, with the middleware on each resource.
pub struct Actix {
    address: SocketAddr,
    server: ServerHandle,
}

impl std::fmt::Debug for Actix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actix")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Stack for Actix {
    const NAME: &'static str = "actix";

    async fn open(shop: Arc<Shop>) -> Self {
        let server = HttpServer::new(move || app(&shop))
            .workers(2)
            .disable_signals()
            .shutdown_timeout(0)
            // As hyper does it: who closes the connection does not wait for the reply.
            .h1_allow_half_closed(false)
            .bind_auto_h2c("127.0.0.1:0")
            .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            address,
            server: handle,
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn here(shop: Arc<Shop>) -> Here {
        let app = actix_web::test::init_service(app(&shop)).await;
        Box::new(move |request| {
            let method = request.method.parse().unwrap();
            let mut native = TestRequest::with_uri(&request.target).method(method);
            native = native.insert_header(("host", HOST));
            for (name, value) in &request.headers {
                native = native.append_header((*name, &**value));
            }
            let response = app.call(native.set_payload(request.body).to_request());
            Box::pin(async move {
                let response = match response.await {
                    Ok(response) => response.map_into_boxed_body(),
                    Err(error) => return error.as_response_error().status_code().as_u16(),
                };
                let status = response.status().as_u16();
                let _ = actix_web::body::to_bytes(response.into_body()).await;
                status
            })
        })
    }
}

impl Drop for Actix {
    fn drop(&mut self) {
        // Told at once; nobody waits for it.
        drop(self.server.stop(false));
    }
}

fn app(
    shop: &Arc<Shop>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let mut app = App::new();
    for shelf in &shop.shelves {
        let handler = {
            let (shop, shelf) = (Arc::clone(shop), shelf.clone());
            move |paid, meter, body| handle(Arc::clone(&shop), shelf.clone(), paid, meter, body)
        };
        let resource = web::resource(shelf.path).route(web::route().to(handler));
        app = match &shelf.price {
            Some(price) => {
                let priced = shop.gate.priced(price.clone()).unwrap();
                app.configure(mount(shelf, resource.wrap(priced)))
            }
            None => app.configure(mount(shelf, resource)),
        };
    }
    if let Some(handler) = &shop.rest {
        let (shop, shelf) = (Arc::clone(shop), Shelf::rest(handler.clone()));
        app = app.default_service(web::to(move |paid, meter, body| {
            handle(Arc::clone(&shop), shelf.clone(), paid, meter, body)
        }));
    }
    // Around the router, unknown paths included.
    let front = shop.front.clone();
    let asks = front.is_some();
    let front = front.unwrap_or(Front::Everything(Route::priced(usd!("1"))));
    app.wrap(Condition::new(
        asks,
        PaymentMiddleware::new(front.gate(&shop.gate)),
    ))
}

fn mount(
    shelf: &Shelf,
    resource: impl HttpServiceFactory + 'static,
) -> impl FnOnce(&mut ServiceConfig) {
    let mount = shelf.mount;
    move |app| {
        // A scope without a path would take every request.
        match mount {
            "" => app.service(resource),
            mount => app.service(web::scope(mount).service(resource)),
        };
    }
}

/// The body of a request. What follows a handshake is none: it has no end until its sender goes.
struct Sent(Bytes);

impl FromRequest for Sent {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.headers().contains_key(UPGRADE) || request.method() == Method::CONNECT {
            return Box::pin(ready(Ok(Self(Bytes::new()))));
        }
        let body = Bytes::from_request(request, payload);
        Box::pin(async { body.await.map(Self) })
    }
}

async fn handle(
    shop: Arc<Shop>,
    shelf: Shelf,
    paid: Option<Paid>,
    meter: Option<Meter>,
    Sent(body): Sent,
) -> impl Responder {
    let Answer {
        status,
        headers,
        body,
    } = shelf
        .handler
        .run(&shop.till, paid.map(|Paid(paid)| paid), body)
        .await;
    let mut response = match body {
        Body::Whole(bytes) => HttpResponse::Ok().body(bytes),
        Body::Pieces(pieces) => HttpResponse::Ok().body(pieces),
        Body::Events(events) => meter.unwrap().sse(events).response().map_into_boxed_body(),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}
