//! One shop on axum, bought from with real signatures in both versions; the facilitator is a
//! stand-in that says yes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::{Request, Response, StatusCode};
use payment_core::{Clock, SystemClock};
use payment_evm::LocalSigner;
use tower::ServiceExt;
use x402_axum::{
    Account, CustomBody, ExactEvm, Facilitator, Gate, GateExt, Network, Page, Paid, Route, Token,
    X402, address, usd,
};
use x402_core::wire::{
    PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE, SupportedResponse, X_PAYMENT,
    X_PAYMENT_RESPONSE, decode, encode, v1, v2,
};
use x402_core::{FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer};
use x402_evm::buyer;

/// Settles everything, and counts.
#[derive(Default)]
struct Yes(AtomicUsize);

impl Facilitator for Yes {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let payer = request.payer().cloned();
        Ok(VerifyAnswer::Valid { payer })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(SettleAnswer::Settled {
            transaction: format!("0x{}", "ab".repeat(32)).into(),
            network: Network::eip155(84532),
            payer: request.payer().cloned(),
            amount: Some(request.amount()),
        })
    }

    async fn reconcile(
        &self,
        _: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

fn shop(facilitator: &Arc<Yes>) -> Router {
    shop_of(facilitator, Route::priced(usd!("0.01")))
}

fn shop_of(facilitator: &Arc<Yes>, route: Route) -> Router {
    let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    let usdc = Token::default_on(84532).unwrap();
    let x402 = X402::new(Arc::clone(facilitator)).accept(ExactEvm::new(usdc, seller));
    let gate = Gate::builder(x402)
        .origin("https://api.example.com")
        .build()
        .unwrap();
    let weather = async |Paid(paid): Paid| {
        let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
        format!("sunny for {} of {payer}", paid.amount())
    };
    let priced = gate.priced(route).unwrap();
    Router::new()
        .route("/weather", get(weather).layer(priced))
        .route("/health", get(async || "well"))
}

async fn ask(shop: &Router, path: &str, pay: Option<(&http::HeaderName, &str)>) -> Response<Body> {
    let mut request = Request::get(path);
    if let Some((name, value)) = pay {
        request = request.header(name, value);
    }
    let request = request.body(Body::empty()).unwrap();
    shop.clone().oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> Vec<u8> {
    to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap()
        .to_vec()
}

async fn is_sold_once(
    shop: &Router,
    facilitator: &Yes,
    buyer: &LocalSigner,
    header: (&http::HeaderName, &str),
    receipt: &http::HeaderName,
) {
    let response = ask(shop, "/weather", Some(header)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key(receipt));
    assert_eq!(response.headers()["cache-control"], "private");
    let payer = Account::from(buyer.address());
    assert_eq!(
        body(response).await,
        format!("sunny for 10000 of {payer}").into_bytes()
    );
    let again = ask(shop, "/weather", Some(header)).await;
    assert_eq!(again.status(), StatusCode::PAYMENT_REQUIRED);
    assert_eq!(facilitator.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_v2_buyer_is_sold_to_once() {
    let facilitator = Arc::default();
    let shop = shop(&facilitator);
    let buyer = LocalSigner::random().unwrap();
    let refused = ask(&shop, "/weather", None).await;
    assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
    let required = refused.headers()[PAYMENT_REQUIRED].as_bytes();
    let required: v2::PaymentRequired = decode(required).unwrap();
    assert_eq!(required.resource.url, "https://api.example.com/weather");
    let now = SystemClock.now();
    let payment = buyer::pay_v2(&required.resource, &required.accepts[0], &buyer, now);
    let payment = encode(&payment.await.unwrap()).unwrap();
    let header = (&PAYMENT_SIGNATURE, &*payment);
    is_sold_once(&shop, &facilitator, &buyer, header, &PAYMENT_RESPONSE).await;
}

#[tokio::test]
async fn a_v1_buyer_is_sold_to_once() {
    let facilitator = Arc::default();
    let shop = shop(&facilitator);
    let buyer = LocalSigner::random().unwrap();
    let refused = body(ask(&shop, "/weather", None).await).await;
    let required: v1::PaymentRequired = serde_json::from_slice(&refused).unwrap();
    let payment = buyer::pay_v1(&required.accepts[0], &buyer, SystemClock.now());
    let payment = encode(&payment.await.unwrap()).unwrap();
    let header = (&X_PAYMENT, &*payment);
    is_sold_once(&shop, &facilitator, &buyer, header, &X_PAYMENT_RESPONSE).await;
}

#[tokio::test]
async fn what_has_no_price_is_free() {
    let facilitator = Arc::default();
    let response = ask(&shop(&facilitator), "/health", None).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, b"well");
}

#[tokio::test]
async fn words_of_the_seller_leave_it_payable() {
    let route = || Route::priced(usd!("0.01"));
    let members = |_: &_| {
        let lies = [
            ("accepts", serde_json::Value::Null),
            ("x402Version", 3.into()),
        ];
        CustomBody::json(lies.into_iter().chain([("sample", "sunny".into())]))
    };
    let facilitator = Arc::default();
    let shop = shop_of(&facilitator, route().unpaid_body(members));
    let refused = body(ask(&shop, "/weather", None).await).await;
    let said: serde_json::Value = serde_json::from_slice(&refused).unwrap();
    assert_eq!(said["sample"], "sunny");
    let required: v1::PaymentRequired = serde_json::from_slice(&refused).unwrap();
    let buyer = LocalSigner::random().unwrap();
    let payment = buyer::pay_v1(&required.accepts[0], &buyer, SystemClock.now());
    let payment = encode(&payment.await.unwrap()).unwrap();
    let header = (&X_PAYMENT, &*payment);
    is_sold_once(&shop, &facilitator, &buyer, header, &X_PAYMENT_RESPONSE).await;

    // Where the whole body is the seller's, or a page is shown, the header says it.
    let replaced = route()
        .unpaid_body(|_| CustomBody::of("text/plain", "pay!"))
        .paywall(|_: &_, _: &_| Some(Page::new("<p>pay!")));
    for accept in ["*/*", "text/html"] {
        let facilitator = Arc::default();
        let shop = shop_of(&facilitator, replaced.clone());
        let request = Request::get("/weather").header("accept", accept);
        let request = request.body(Body::empty()).unwrap();
        let refused = shop.clone().oneshot(request).await.unwrap();
        let required = refused.headers()[PAYMENT_REQUIRED].as_bytes();
        let required: v2::PaymentRequired = decode(required).unwrap();
        let said = body(refused).await;
        assert_eq!(said.starts_with(b"<p>"), accept == "text/html");
        let now = SystemClock.now();
        let payment = buyer::pay_v2(&required.resource, &required.accepts[0], &buyer, now);
        let payment = encode(&payment.await.unwrap()).unwrap();
        let header = (&PAYMENT_SIGNATURE, &*payment);
        is_sold_once(&shop, &facilitator, &buyer, header, &PAYMENT_RESPONSE).await;
    }
}
