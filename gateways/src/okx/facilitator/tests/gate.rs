//! What the gate makes of OKX's answers: who is served, and what is kept.

use http::{Request, StatusCode};
use payment_core::{
    Admission, BoxFuture, Gate, HoldError, ManualClock, Outcome, RouteGate, Served, Spawn, Timer,
};
use x402_core::wire::encode;

use super::*;

const VERIFYING: &str = "POST /api/v6/pay/x402/verify";

#[derive(Clone)]
struct Here;

impl Spawn for Here {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Here {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Page;

impl Served for Page {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

/// One priced route that OKX settles for, by this script. Nothing is polled.
struct Shop {
    route: RouteGate,
    peer: Peer,
}

impl Shop {
    async fn with(acts: impl IntoIterator<Item = Value>) -> Self {
        let acts: Vec<_> = acts.into_iter().map(|data| Act::data(&data)).collect();
        let peer = Peer::acting(acts).await;
        let okx = okx_at(&peer, hasty().poll_for(Duration::ZERO));
        let gate = Gate::builder(X402::new(okx).accept(Named("exact")).v2_only())
            .clock(ManualClock::at(Timestamp::from_seconds(1_789_999_900)))
            .origin("https://api.example.com")
            .build()
            .unwrap();
        let route = gate.route(usd!("0.01")).unwrap();
        Self { route, peer }
    }

    /// Pays with the payment of the vector.
    async fn pay(&self) -> StatusCode {
        let signed = with(
            vector()["paymentSignature"]["json"].clone(),
            json!({ "resource": null }),
        );
        let request =
            Request::get("/weather").header("payment-signature", encode(&signed).unwrap());
        let (head, ()) = request.body(()).unwrap().into_parts();
        match self.route.admit(&head) {
            Admission::Answer(reply) => reply.status,
            Admission::Priced(job) => {
                match job
                    .run(Here, |_| async { Ok::<_, ()>(Page) })
                    .await
                    .unwrap()
                {
                    Outcome::Reply(reply) => reply.status,
                    Outcome::Served { .. } => StatusCode::OK,
                }
            }
        }
    }
}

fn valid() -> Value {
    json!({ "isValid": true, "payer": payer().to_string() })
}

fn settled(members: Value) -> Value {
    let settled = json!({ "success": true, "transaction": HASH, "network": "eip155:196",
        "payer": payer().to_string(), "amount": "10000", "status": "success" });
    with(settled, members)
}

#[tokio::test]
async fn a_settled_payment_is_served_once() {
    let shop = Shop::with([valid(), settled(json!({}))]).await;
    assert_eq!(shop.pay().await, StatusCode::OK);
    assert_eq!(shop.pay().await, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(shop.peer.asked(), [VERIFYING, SETTLING]);
}

#[tokio::test]
async fn what_is_under_way_is_served_once_it_has_succeeded() {
    let status = |status: &str| {
        json!({ "success": true, "status": status, "transaction": HASH,
        "network": "eip155:196", "payer": payer().to_string() })
    };
    let shop = Shop::with([
        valid(),
        settled(json!({ "status": "timeout" })),
        status("pending"),
        status("success"),
    ])
    .await;
    assert_eq!(shop.pay().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.pay().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.pay().await, StatusCode::OK);
    assert_eq!(shop.pay().await, StatusCode::PAYMENT_REQUIRED);
    let asked = [VERIFYING, SETTLING, STATUS, STATUS];
    assert_eq!(shop.peer.asked(), asked, "it was sent once");
}

#[tokio::test]
async fn the_settlement_of_something_else_is_not_served() {
    for members in [
        json!({ "network": "eip155:1" }),
        json!({ "payer": "0x0000000000000000000000000000000000000001" }),
        json!({ "amount": "9999" }),
        json!({ "transaction": "" }),
    ] {
        let shop = Shop::with([valid(), settled(members.clone())]).await;
        assert_eq!(
            shop.pay().await,
            StatusCode::SERVICE_UNAVAILABLE,
            "{members}"
        );
        // Whether the money has moved is not known, so the payment stays reserved.
        assert_eq!(
            shop.pay().await,
            StatusCode::SERVICE_UNAVAILABLE,
            "{members}"
        );
    }
}

#[tokio::test]
async fn a_verification_that_could_not_be_made_may_be_asked_for_again() {
    let shop = Shop::with([
        verified("payment processing"),
        verified("onchain_error"),
        valid(),
        settled(json!({})),
    ])
    .await;
    assert_eq!(shop.pay().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.pay().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.pay().await, StatusCode::OK);
}

#[tokio::test]
async fn a_refused_payment_is_not_kept() {
    let no = json!({ "success": false, "errorReason": "insufficient_balance", "transaction": "" });
    let shop = Shop::with([valid(), no, valid(), settled(json!({}))]).await;
    assert_eq!(shop.pay().await, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(shop.pay().await, StatusCode::OK);
}
