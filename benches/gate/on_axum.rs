use std::hint::black_box;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use payment_tower::PaymentLayer;
use tokio::runtime::Runtime;
use tollgate_benches::Failure;
use tower::Service;

use crate::app::{App, Framework, counted, timed};
use crate::asked::Asked;
use crate::shop::{FREE, PRICED, REPORT, Shop};

pub(crate) const AXUM: Framework = Framework {
    name: "axum",
    open: |runtime, shop| {
        let (runtime, app) = (Rc::clone(runtime), router(shop));
        Ok(Box::new(InAxum { runtime, app }))
    },
    serve,
};

/// One free route, and two that are priced where there is a gate.
fn router(shop: &Shop) -> Router {
    let (mut sunny, mut since) = (get(async || "sunny"), get(async || "sunny since Monday"));
    if let Shop::Routes { weather, report } = shop {
        sunny = sunny.layer(PaymentLayer::new(weather.clone()));
        since = since.layer(PaymentLayer::new(report.clone()));
    }
    let router = Router::new()
        .route(FREE, get(async || "well"))
        .route(PRICED, sunny)
        .route(REPORT, since);
    match shop {
        Shop::Table(table) => router.layer(PaymentLayer::new(table.clone())),
        _ => router,
    }
}

struct InAxum {
    runtime: Rc<Runtime>,
    app: Router,
}

impl App for InAxum {
    fn timed(&mut self, asked: &[Asked]) -> Result<(Vec<StatusCode>, Duration), Failure> {
        let requests = asked.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        let app = &mut self.app;
        Ok(timed(&self.runtime, requests, async |request| {
            call(app, request).await
        }))
    }

    fn counted(&mut self, asked: &Asked) -> Result<(StatusCode, u64), Failure> {
        let request = request(asked)?;
        Ok(counted(&self.runtime, call(&mut self.app, request)))
    }
}

fn request(asked: &Asked) -> Result<Request<Body>, Failure> {
    let mut request = Request::get(asked.path);
    for (name, value) in asked.headers() {
        request = request.header(name, value);
    }
    Ok(request.body(Body::empty())?)
}

async fn call(app: &mut Router, request: Request<Body>) -> StatusCode {
    let Ok(response) = Service::call(app, request).await;
    let (head, mut body) = response.into_parts();
    while let Some(Ok(frame)) = body.frame().await {
        black_box(frame);
    }
    head.status
}

/// `axum::serve` on a current-thread runtime.
fn serve(listener: TcpListener, shop: &Shop) -> Result<(), Failure> {
    let app = router(shop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                // Without it the numbers tell of the kernel's timers; the answers stay right.
                let _ = stream.set_nodelay(true);
            });
            axum::serve(listener, app).await
        })
    });
    Ok(())
}
