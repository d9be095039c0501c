use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use payment_core::{BoxError, Paid};
use payment_tower::{GateExt, PaymentLayer, ReadBody, Sse};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};

use crate::message::HOST;
use crate::{Answer, Body, Here, Request, Shelf, Shop, Stack};

/// hyper alone, and the layer around plain services.
#[derive(Debug)]
pub struct Bare {
    address: SocketAddr,
    server: JoinHandle<()>,
}

type Native = http::Request<Sent>;
type Answered = Response<UnsyncBoxBody<Bytes, io::Error>>;
type App = BoxCloneService<Native, Answered, Infallible>;

impl Stack for Bare {
    const NAME: &'static str = "hyper";

    async fn open(shop: Arc<Shop>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(&shop);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = app.clone().map_request(boxed::<hyper::body::Incoming>);
                tokio::spawn(async move {
                    let service = TowerToHyperService::new(service);
                    let socket = TokioIo::new(socket);
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(socket, service)
                        .await;
                });
            }
        });
        Self { address, server }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn here(shop: Arc<Shop>) -> Here {
        let app = app(&shop);
        Box::new(move |request| {
            let (app, request) = (app.clone(), boxed(native(request)));
            Box::pin(async move {
                let response = app.oneshot(request).await.unwrap();
                let status = response.status().as_u16();
                let _ = response.into_body().collect().await;
                status
            })
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Routes by the exact path, for want of a router.
fn app(shop: &Arc<Shop>) -> App {
    let mut routes = Vec::new();
    for shelf in &shop.shelves {
        let path = [shelf.mount, shelf.path].concat();
        let handler = service_fn({
            let (shop, shelf) = (Arc::clone(shop), shelf.clone());
            move |request: Native| handle(Arc::clone(&shop), shelf.clone(), request)
        });
        let handler = match &shelf.price {
            Some(price) => match shop.gate.priced(price.clone()) {
                Ok(layer) => BoxCloneService::new(layer.layer(handler).map_response(answered)),
                // Its price is read from the body.
                Err(_) => {
                    let layers = shop.gate.priced_by_body(price.clone()).unwrap();
                    BoxCloneService::new(layers.layer(handler).map_response(answered))
                }
            },
            None => BoxCloneService::new(handler),
        };
        routes.push((path, handler));
    }
    let rest = shop.rest.clone().map(Shelf::rest);
    let rest = rest.map(|shelf| {
        let shop = Arc::clone(shop);
        let handler = move |request| handle(Arc::clone(&shop), shelf.clone(), request);
        BoxCloneService::new(service_fn(handler))
    });
    let router = service_fn(move |request: Native| {
        let found = routes.iter().find(|(path, _)| path == request.uri().path());
        let found = found.map(|(_, handler)| handler).or(rest.as_ref()).cloned();
        async move {
            match found {
                Some(handler) => handler.oneshot(request).await,
                None => {
                    let mut response = answered(Response::new(Full::default()));
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    Ok(response)
                }
            }
        }
    });
    match &shop.front {
        Some(front) => {
            let gate = front.gate(&shop.gate);
            let layers = (ReadBody::new(gate.clone()), PaymentLayer::new(gate));
            BoxCloneService::new(layers.layer(router).map_response(answered))
        }
        None => BoxCloneService::new(router),
    }
}

async fn handle(shop: Arc<Shop>, shelf: Shelf, request: Native) -> Result<Answered, Infallible> {
    let paid: Option<Paid> = request.extensions().get().cloned();
    let meter = paid.as_ref().and_then(|paid| paid.meter().cloned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let Answer {
        status,
        headers,
        body,
    } = shelf.handler.run(&shop.till, paid, body).await;
    let mut response = match body {
        Body::Whole(bytes) => answered(Response::new(Full::new(bytes))),
        Body::Pieces(pieces) => answered(Response::new(pieces)),
        Body::Events(events) => answered(Sse::new(&meter.unwrap(), events).response()),
    };
    head(&mut response, status, headers);
    Ok(response)
}

/// Sets what a handler says of the head.
pub(crate) fn head<B>(
    response: &mut Response<B>,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
) {
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// The request as hyper would make it.
pub(crate) fn native(request: &Request) -> http::Request<Full<Bytes>> {
    let mut native = http::Request::builder()
        .method(request.method)
        .uri(&request.target)
        .header("host", HOST);
    for (name, value) in &request.headers {
        native = native.header(*name, value);
    }
    native.body(Full::from(request.body)).unwrap()
}

fn boxed<B>(request: http::Request<B>) -> Native
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    request.map(|body| Sent(body.map_err(io::Error::other).boxed_unsync()))
}

/// The body of a request, as it comes or of what was read of it.
struct Sent(UnsyncBoxBody<Bytes, io::Error>);

impl From<Bytes> for Sent {
    fn from(data: Bytes) -> Self {
        Self(Full::new(data).map_err(io::Error::other).boxed_unsync())
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

fn answered<B>(response: Response<B>) -> Answered
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    response.map(|body| body.map_err(io::Error::other).boxed_unsync())
}
