use std::future::poll_fn;
use std::hint::black_box;
use std::net::TcpListener;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{ServiceConfig, get, resource};
use actix_web::{App as ActixApp, Error, HttpServer};
use http::StatusCode;
use payment_actix::PaymentMiddleware;
use payment_core::RouteGate;
use tokio::runtime::Runtime;
use tollgate_benches::Failure;

use crate::app::{App, Framework, Opened, counted, timed};
use crate::asked::Asked;
use crate::shop::{FREE, PRICED, REPORT, Shop};

pub(crate) const ACTIX: Framework = Framework {
    name: "actix",
    open,
    serve,
};

/// One free route and two more, for nothing.
fn free(config: &mut ServiceConfig) {
    config
        .route(FREE, get().to(async || "well"))
        .route(PRICED, get().to(async || "sunny"))
        .route(REPORT, get().to(async || "sunny since Monday"));
}

/// The same with gates on those two.
fn priced(weather: RouteGate, report: RouteGate) -> impl FnOnce(&mut ServiceConfig) {
    let [weather, report] = [weather, report].map(PaymentMiddleware::new);
    |config| {
        let sunny = get().to(async || "sunny");
        let since = get().to(async || "sunny since Monday");
        config
            .route(FREE, get().to(async || "well"))
            .service(resource(PRICED).wrap(weather).route(sunny))
            .service(resource(REPORT).wrap(report).route(since));
    }
}

fn open(runtime: &Rc<Runtime>, shop: &Shop) -> Opened {
    let kept = Rc::clone(runtime);
    let ask = |asked: &Asked| request(asked).to_request();
    Ok(match shop.clone() {
        Shop::Bare => {
            let app = ActixApp::new().configure(free);
            InActix::boxed(kept, runtime.block_on(init_service(app)), ask)
        }
        Shop::Routes { weather, report } => {
            let app = ActixApp::new().configure(priced(weather, report));
            InActix::boxed(kept, runtime.block_on(init_service(app)), ask)
        }
        Shop::Table(table) => {
            let app = ActixApp::new().wrap(PaymentMiddleware::new(table));
            let app = app.configure(free);
            InActix::boxed(kept, runtime.block_on(init_service(app)), ask)
        }
    })
}

struct InActix<S, R> {
    runtime: Rc<Runtime>,
    app: S,
    ask: fn(&Asked) -> R,
}

impl<S, R, B> InActix<S, R>
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error> + 'static,
    R: 'static,
    B: MessageBody + 'static,
{
    fn boxed(runtime: Rc<Runtime>, app: S, ask: fn(&Asked) -> R) -> Box<dyn App> {
        Box::new(Self { runtime, app, ask })
    }
}

impl<S, R, B> App for InActix<S, R>
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    fn timed(&mut self, asked: &[Asked]) -> Result<(Vec<StatusCode>, Duration), Failure> {
        let requests = asked.iter().map(self.ask).collect();
        let app = &self.app;
        Ok(timed(&self.runtime, requests, async |request| {
            call(app, request).await
        }))
    }

    fn counted(&mut self, asked: &Asked) -> Result<(StatusCode, u64), Failure> {
        let request = (self.ask)(asked);
        Ok(counted(&self.runtime, call(&self.app, request)))
    }
}

fn request(asked: &Asked) -> TestRequest {
    let request = TestRequest::with_uri(asked.path);
    asked.headers().fold(request, TestRequest::append_header)
}

async fn call<S, R, B>(app: &S, request: R) -> StatusCode
where
    S: Service<R, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = call_service(app, request).await;
    let status = response.status().as_u16();
    let mut body = pin!(response.into_body());
    while let Some(Ok(piece)) = poll_fn(|context| body.as_mut().poll_next(context)).await {
        black_box(piece);
    }
    StatusCode::from_u16(status).unwrap_or_default()
}

/// An `HttpServer` of one worker.
fn serve(listener: TcpListener, shop: &Shop) -> Result<(), Failure> {
    let shop = shop.clone();
    std::thread::spawn(move || {
        let system = actix_web::rt::System::new();
        system.block_on(async {
            match shop {
                Shop::Bare => {
                    let app = || ActixApp::new().configure(free);
                    let server = HttpServer::new(app).workers(1).tcp_nodelay(true);
                    server.disable_signals().listen(listener)?.run().await
                }
                Shop::Routes { weather, report } => {
                    let app =
                        move || ActixApp::new().configure(priced(weather.clone(), report.clone()));
                    let server = HttpServer::new(app).workers(1).tcp_nodelay(true);
                    server.disable_signals().listen(listener)?.run().await
                }
                Shop::Table(table) => {
                    let gate = PaymentMiddleware::new(table);
                    let app = move || ActixApp::new().wrap(gate.clone()).configure(free);
                    let server = HttpServer::new(app).workers(1).tcp_nodelay(true);
                    server.disable_signals().listen(listener)?.run().await
                }
            }
        })
    });
    Ok(())
}
