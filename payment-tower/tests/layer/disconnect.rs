use std::sync::Arc;

use axum::Router;
use axum::routing::get as route;
use http::StatusCode;
use payment_core::{Route, Timing};
use payment_tower::GateExt;
use tokio::sync::{Notify, Semaphore};

use crate::till::{PRICE, STAMP, Till, get, header, send, send_when_free, text};

/// A shop whose handler can be stopped.
struct Shop {
    till: Arc<Till>,
    app: Router,
    /// A handler runs.
    entered: Arc<Notify>,
    /// Handlers take a permit each and keep it.
    leave: Arc<Semaphore>,
}

fn shop(timing: Timing, till: Arc<Till>) -> Shop {
    let entered = Arc::new(Notify::new());
    let leave = Arc::new(Semaphore::new(0));
    let handler = {
        let (till, entered, leave) = (Arc::clone(&till), Arc::clone(&entered), Arc::clone(&leave));
        async move || {
            till.serve();
            entered.notify_one();
            leave.acquire().await.unwrap().forget();
            "sunny"
        }
    };
    let priced = till
        .gate()
        .priced(Route::priced(PRICE).timing(timing))
        .unwrap();
    let app = Router::new().route("/", route(handler).layer(priced));
    Shop {
        till,
        app,
        entered,
        leave,
    }
}

impl Shop {
    /// Sends a paid request, and hangs up when this happens.
    async fn hang_up_when(&self, happens: &Notify) {
        let app = self.app.clone();
        let request = tokio::spawn(async move { send(&app, get("/", "n1")).await });
        happens.notified().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }

    async fn is_served(&self) {
        let response = send_when_free(&self.app, "/", "n1").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, STAMP.as_str()), ["settled"]);
        assert_eq!(text(response).await, "sunny");
    }
}

#[tokio::test]
async fn hanging_up_on_the_handler_costs_nothing() {
    let shop = shop(Timing::AfterServing, Till::new());
    shop.hang_up_when(&shop.entered).await;
    shop.till.released.notified().await;
    assert_eq!(shop.till.settles(), 0);
    shop.leave.add_permits(1);
    shop.is_served().await;
    assert_eq!((shop.till.settles(), shop.till.served()), (1, 2));
}

#[tokio::test]
async fn hanging_up_on_the_settlement_loses_nothing() {
    let shop = shop(Timing::AfterServing, Till::stopped());
    shop.leave.add_permits(2);
    shop.hang_up_when(&shop.till.settling).await;
    // The settlement goes on, and no other begins.
    let response = send(&shop.app, get("/", "n1")).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert_eq!(header(&response, "retry-after"), ["2"]);
    shop.till.go.add_permits(1);
    shop.is_served().await;
    assert_eq!((shop.till.settles(), shop.till.served()), (1, 2));
}

#[tokio::test]
async fn hanging_up_on_a_settlement_before_serving_loses_nothing() {
    let shop = shop(Timing::BeforeServing, Till::stopped());
    shop.leave.add_permits(1);
    shop.hang_up_when(&shop.till.settling).await;
    shop.till.go.add_permits(1);
    shop.is_served().await;
    assert_eq!((shop.till.settles(), shop.till.served()), (1, 1));
}

#[tokio::test]
async fn hanging_up_on_a_paid_handler_keeps_the_payment() {
    let shop = shop(Timing::BeforeServing, Till::new());
    shop.hang_up_when(&shop.entered).await;
    shop.leave.add_permits(1);
    shop.is_served().await;
    assert_eq!((shop.till.settles(), shop.till.served()), (1, 2));
}

#[tokio::test]
async fn what_is_sold_once_is_not_sold_again_after_hanging_up() {
    let shop = shop(Timing::AfterServing, Till::new());
    shop.hang_up_when(&shop.entered).await;
    shop.leave.add_permits(2);
    shop.is_served().await;
    let response = send(&shop.app, get("/", "n1")).await;
    assert_eq!(response.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!((shop.till.settles(), shop.till.served()), (1, 2));
}
