//! What is paid by use: streams of events, and responses whose handler reports.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::get as route;
use futures_core::Stream;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use payment_core::{SseEvent, SseTerms, Tariff};
use payment_tower::axum::Meter;
use payment_tower::{GateExt, Sse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tower::{Layer, ServiceExt, service_fn};

use crate::till::{PAY, PRICE, STAMP, Till, code, get, header, send, text};

type Token = Result<SseEvent, &'static str>;

/// Tokens from a channel, which knows how often it was asked and when it is gone.
struct Tokens {
    from: mpsc::UnboundedReceiver<Token>,
    asked: Arc<AtomicUsize>,
    gone: Arc<Notify>,
}

impl Stream for Tokens {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Token>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.from.poll_recv(context)
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.gone.notify_one();
    }
}

/// A source of tokens for one request.
#[derive(Default)]
struct Source {
    asked: Arc<AtomicUsize>,
    gone: Arc<Notify>,
}

impl Source {
    fn tokens(&self) -> (mpsc::UnboundedSender<Token>, Tokens) {
        let (tell, from) = mpsc::unbounded_channel();
        let tokens = Tokens {
            from,
            asked: Arc::clone(&self.asked),
            gone: Arc::clone(&self.gone),
        };
        (tell, tokens)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A stream of these, already there.
fn of(tokens: impl IntoIterator<Item = &'static str>) -> Tokens {
    let (tell, stream) = Source::default().tokens();
    for token in tokens {
        tell.send(Ok(token.into())).unwrap();
    }
    stream
}

fn per_token() -> Tariff {
    Tariff::per("token", PRICE).up_to(10)
}

/// A till whose buyer has authorized so many units.
fn till(units: u64) -> Arc<Till> {
    let till = Till::new();
    till.account.authorize(units);
    till
}

/// A shop whose one handler is this, priced by the token.
fn shop<F, R>(till: &Arc<Till>, handler: F) -> Router
where
    F: Fn(Meter) -> R + Clone + Send + Sync + 'static,
    R: IntoResponse + 'static,
{
    let handler = async move |meter: Meter| handler(meter);
    let priced = till.gate().priced(per_token()).unwrap();
    Router::new().route("/chat", route(handler).layer(priced))
}

#[tokio::test]
async fn events_leave_paid_one_by_one_and_end_with_the_receipt() {
    let till = till(9);
    let app = shop(&till, |meter| meter.sse(of(["a", "b\r\nc"])));
    let response = send(&app, get("/chat", "n1")).await;
    assert_eq!(response.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "private, no-store"),
        ("x-accel-buffering", "no"),
        (STAMP.as_str(), "settled"),
    ] {
        assert_eq!(header(&response, name), [value], "{name}");
    }
    assert_eq!(till.account.charged(), 0, "nothing was asked for");
    assert_eq!(
        text(response).await,
        "data: a\n\ndata: b\ndata: c\n\nevent: payment-receipt\ndata: {\"spent\":\"2\"}\n\n"
    );
    assert_eq!(till.account.charged(), 2);
    assert_eq!(*till.account.used.lock().unwrap(), [None]);
}

#[tokio::test]
async fn a_stream_is_not_held() {
    let till = till(9);
    let gate = till.gate_holding(1);
    let (tell, tokens) = Source::default().tokens();
    let tokens = Arc::new(std::sync::Mutex::new(Some(tokens)));
    let handler = async move |meter: Meter| meter.sse(tokens.lock().unwrap().take().unwrap());
    let priced = gate.priced(per_token()).unwrap();
    let app = Router::new().route("/chat", route(handler).layer(priced));
    // It is here though its stream goes on, and though its events are longer than may be held.
    let mut body = send(&app, get("/chat", "n1")).await.into_body();
    for token in ["one", "two"] {
        tell.send(Ok(token.into())).unwrap();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, format!("data: {token}\n\n"));
    }
    drop(tell);
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(rest, "event: payment-receipt\ndata: {\"spent\":\"2\"}\n\n");
}

#[tokio::test]
async fn a_response_that_is_never_sent_costs_nothing() {
    // The response as a whole.
    let served = till(9);
    let app = shop(&served, |meter| meter.sse(of(["a"])));
    drop(send(&app, get("/chat", "n1")).await);
    assert_eq!(served.account.charged(), 0);

    // The stream, in favour of another answer.
    let served = till(9);
    let app = shop(&served, |meter| {
        drop(meter.sse(of(["a"])));
        "something else"
    });
    let response = send(&app, get("/chat", "n1")).await;
    assert_eq!(text(response).await, "something else");
    assert_eq!(served.account.charged(), 0);

    // The stream, by a handler that fails after all.
    let failed = till(9);
    let app = shop(&failed, |meter| {
        let mut response = meter.sse(of(["a"])).into_response();
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    });
    let response = send(&app, get("/chat", "n1")).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    drop(response);
    failed.released.notified().await;
    assert_eq!((failed.settles(), failed.account.charged()), (0, 0));
}

#[tokio::test]
async fn a_second_stream_is_an_error_that_costs_nothing() {
    let till = till(9);
    let app = shop(&till, |meter| {
        drop(meter.sse(of(["a"])));
        meter.clone().sse(of(["b"]))
    });
    let response = send(&app, get("/chat", "n1")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(header(&response, "cache-control"), ["no-store"]);
    assert_eq!(code(response).await, "streamed_twice");
    till.released.notified().await;
    assert_eq!((till.settles(), till.account.charged()), (0, 0));
}

#[tokio::test]
async fn what_a_handler_reports_is_what_is_settled() {
    let till = till(9);
    let app = shop(&till, |meter| {
        meter.report(3);
        meter.report(4);
        "seven tokens"
    });
    let response = send(&app, get("/chat", "n1")).await;
    assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
    assert_eq!(text(response).await, "seven tokens");
    assert_eq!(*till.account.used.lock().unwrap(), [Some(7)]);
}

#[tokio::test]
async fn a_meter_where_nothing_is_counted_is_an_error_that_costs_nothing() {
    let till = till(9);
    let counts = async |meter: Meter| meter.sse(of(["a"]));
    let maybe = async |meter: Option<Meter>| format!("{}", meter.is_some());
    let gate = till.gate();
    let app = Router::new()
        .route("/call", route(counts).layer(gate.priced(PRICE).unwrap()))
        .route("/free", route(counts))
        .route("/maybe", route(maybe).layer(gate.priced(PRICE).unwrap()))
        .route(
            "/yes",
            route(maybe).layer(gate.priced(per_token()).unwrap()),
        );
    for path in ["/call", "/free"] {
        let response = send(&app, get(path, path)).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(code(response).await, "route_not_metered", "{path}");
    }
    assert_eq!(till.settles(), 0);
    assert_eq!(text(send(&app, get("/maybe", "m")).await).await, "false");
    assert_eq!(text(send(&app, get("/yes", "y")).await).await, "true");
}

#[tokio::test]
async fn a_bare_service_streams_as_well() {
    let till = till(9);
    let service = service_fn(async |request: Request<()>| {
        let paid: &payment_core::Paid = request.extensions().get().unwrap();
        let meter = paid.meter().unwrap();
        Ok::<_, Infallible>(Sse::new(meter, of(["a"])).response())
    });
    let service = till.gate().priced(per_token()).unwrap().layer(service);
    let request = Request::get("/").header(PAY, "n1").body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"data: a\n\nevent: payment-receipt\n"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_pays_for_ends() {
    let till = till(1);
    let app = shop(&till, |meter| {
        let terms = SseTerms::new()
            .patience(Duration::from_secs(20))
            .keep_alive(Some(Duration::from_secs(15)));
        meter.sse(of(["a", "b"])).terms(terms)
    });
    assert_eq!(
        text(send(&app, get("/chat", "n1")).await).await,
        "data: a\n\n\
         event: payment-need-voucher\ndata: {\"requiredCumulative\":\"2\"}\n\n\
         :\n\n\
         event: payment-receipt\ndata: {\"spent\":\"1\"}\n\n"
    );
    assert_eq!(till.account.charged(), 1);
}

/// The app on a real socket.
async fn serve(app: Router) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A connection that has sent one request, and what has come back.
struct Connection {
    stream: TcpStream,
    seen: String,
}

impl Connection {
    async fn request(address: std::net::SocketAddr, method: Method, nonce: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{method} /chat HTTP/1.1\r\nhost: shop\r\n{PAY}: {nonce}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let seen = String::new();
        Self { stream, seen }
    }

    /// Reads until this is there, and forgets what stands up to its end.
    async fn reads(&mut self, text: &str) {
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            let mut buffer = [0; 1024];
            let size = self.stream.read(&mut buffer).await.unwrap();
            assert!(
                size > 0,
                "closed before {text:?}; there was {:?}",
                self.seen
            );
            self.seen
                .push_str(std::str::from_utf8(&buffer[..size]).unwrap());
        }
    }

    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // Broken off or closed, whatever it is.
        let _ = self.stream.read_to_end(&mut rest).await;
        self.seen + &String::from_utf8(rest).unwrap()
    }
}

/// A shop on a socket with one stream to sell.
struct Street {
    till: Arc<Till>,
    source: Source,
    tell: mpsc::UnboundedSender<Token>,
    address: std::net::SocketAddr,
}

impl Street {
    async fn new(authorized: u64) -> Self {
        let till = till(authorized);
        let source = Source::default();
        let (tell, tokens) = source.tokens();
        let once = Arc::new(std::sync::Mutex::new(Some(tokens)));
        let app = shop(&till, move |meter| -> Response<Body> {
            let tokens = once.lock().unwrap().take().unwrap();
            meter.sse(tokens).into_response()
        });
        let address = serve(app).await;
        Self {
            till,
            source,
            tell,
            address,
        }
    }

    async fn buy(&self) -> Connection {
        Connection::request(self.address, Method::GET, "n1").await
    }

    fn says(&self, token: &'static str) {
        self.tell.send(Ok(token.into())).unwrap();
    }
}

#[tokio::test]
async fn a_buyer_pays_for_more_while_the_stream_waits() {
    let street = Street::new(1).await;
    let mut buyer = street.buy().await;
    buyer.reads("\r\n\r\n").await;
    street.says("one");
    buyer.reads("data: one\n\n").await;
    street.says("two");
    buyer
        .reads("event: payment-need-voucher\ndata: {\"requiredCumulative\":\"2\"}\n\n")
        .await;
    assert_eq!(street.till.account.charged(), 1);
    let asked = street.source.asked();

    let mut more = Connection::request(street.address, Method::HEAD, "n2").await;
    more.reads("HTTP/1.1 204").await;
    more.reads("payment-response: settled\r\n").await;

    buyer.reads("data: two\n\n").await;
    assert!(street.source.asked() > asked);
    assert_eq!(street.till.account.charged(), 2);
    // It ends where the buyer's money does.
    buyer.reads("{\"requiredCumulative\":\"3\"}\n\n").await;
    let asked = street.source.asked();
    drop(street.tell);
    let mut more = Connection::request(street.address, Method::HEAD, "n3").await;
    more.reads("HTTP/1.1 204").await;
    buyer
        .reads("event: payment-receipt\ndata: {\"spent\":\"2\"}\n\n")
        .await;
    buyer.reads("\r\n0\r\n\r\n").await;
    assert_eq!(street.source.asked(), asked + 1);
}

#[tokio::test]
async fn a_buyer_who_hangs_up_takes_the_stream_along() {
    // While the handler works.
    let street = Street::new(9).await;
    let mut buyer = street.buy().await;
    street.says("one");
    buyer.reads("data: one\n\n").await;
    drop(buyer);
    street.source.gone.notified().await;
    street.till.account.tab_dropped.notified().await;
    assert_eq!(street.till.account.charged(), 1);

    // While the shop waits for the buyer.
    let street = Street::new(1).await;
    let mut buyer = street.buy().await;
    street.says("one");
    buyer.reads("payment-need-voucher").await;
    drop(buyer);
    street.source.gone.notified().await;
    street.till.account.tab_dropped.notified().await;
    assert_eq!(street.till.account.charged(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_taken_for_whole() {
    let street = Street::new(9).await;
    let buyer = street.buy().await;
    street.says("one");
    street.tell.send(Err("upstream is gone")).unwrap();
    let all = buyer.rest().await;
    // The receipt arrives, the end of the body does not.
    assert!(all.contains("{\"spent\":\"1\"}\n\n"), "{all}");
    assert!(!all.contains("\r\n0\r\n"), "{all}");
    assert!(!all.contains("upstream"), "{all}");
}
