//! One shop on actix-web, bought from with real signatures in both versions; the facilitator is a
//! stand-in that says yes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, Error, web};
use payment_core::{Clock, SystemClock};
use payment_evm::LocalSigner;
use x402_actix::{
    Account, ExactEvm, Facilitator, Gate, GateExt, Network, Paid, Token, X402, address, usd,
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

/// The server of a shop, without a socket.
macro_rules! shop {
    ($facilitator:expr) => {{
        let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
        let usdc = Token::default_on(84532).unwrap();
        let x402 = X402::new(Arc::clone($facilitator)).accept(ExactEvm::new(usdc, seller));
        let gate = Gate::builder(x402).origin("https://api.example.com");
        let priced = gate.build().unwrap().priced(usd!("0.01")).unwrap();
        let app = App::new()
            .service(web::resource("/weather").wrap(priced).get(weather))
            .route("/health", web::get().to(async || "well"));
        init_service(app).await
    }};
}

async fn weather(Paid(paid): Paid) -> String {
    let payer = paid.payer().map(ToString::to_string).unwrap_or_default();
    format!("sunny for {} of {payer}", paid.amount())
}

/// What a buyer reads.
struct Read {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask<R, B: MessageBody>(
    shop: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: R,
) -> Read {
    let response = call_service(shop, request).await;
    Read {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: read_body(response).await.to_vec(),
    }
}

fn weather_please() -> TestRequest {
    TestRequest::with_uri("/weather")
}

fn paying(name: &http::HeaderName, payment: &str) -> TestRequest {
    weather_please().insert_header((name.as_str(), payment))
}

async fn is_sold_once<R, B: MessageBody>(
    shop: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    facilitator: &Yes,
    buyer: &LocalSigner,
    paid: impl Fn() -> R,
    receipt: &str,
) {
    let response = ask(shop, paid()).await;
    assert_eq!(response.status, 200);
    assert!(response.headers.contains_key(receipt));
    assert_eq!(response.headers.get("cache-control").unwrap(), "private");
    let payer = Account::from(buyer.address());
    assert_eq!(
        response.body,
        format!("sunny for 10000 of {payer}").into_bytes()
    );
    let again = ask(shop, paid()).await;
    assert_eq!(again.status, 402);
    assert_eq!(facilitator.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_v2_buyer_is_sold_to_once() {
    let facilitator = Arc::<Yes>::default();
    let shop = shop!(&facilitator);
    let buyer = LocalSigner::random().unwrap();
    let refused = ask(&shop, weather_please().to_request()).await;
    assert_eq!(refused.status, 402);
    let required = refused.headers.get(PAYMENT_REQUIRED.as_str()).unwrap();
    let required: v2::PaymentRequired = decode(required.as_bytes()).unwrap();
    assert_eq!(required.resource.url, "https://api.example.com/weather");
    let now = SystemClock.now();
    let payment = buyer::pay_v2(&required.resource, &required.accepts[0], &buyer, now);
    let payment = encode(&payment.await.unwrap()).unwrap();
    let paid = || paying(&PAYMENT_SIGNATURE, &payment).to_request();
    is_sold_once(&shop, &facilitator, &buyer, paid, PAYMENT_RESPONSE.as_str()).await;
}

#[tokio::test]
async fn a_v1_buyer_is_sold_to_once() {
    let facilitator = Arc::<Yes>::default();
    let shop = shop!(&facilitator);
    let buyer = LocalSigner::random().unwrap();
    let refused = ask(&shop, weather_please().to_request()).await.body;
    let required: v1::PaymentRequired = serde_json::from_slice(&refused).unwrap();
    let payment = buyer::pay_v1(&required.accepts[0], &buyer, SystemClock.now());
    let payment = encode(&payment.await.unwrap()).unwrap();
    let paid = || paying(&X_PAYMENT, &payment).to_request();
    is_sold_once(
        &shop,
        &facilitator,
        &buyer,
        paid,
        X_PAYMENT_RESPONSE.as_str(),
    )
    .await;
}

#[tokio::test]
async fn what_has_no_price_is_free() {
    let facilitator = Arc::<Yes>::default();
    let response = ask(
        &shop!(&facilitator),
        TestRequest::with_uri("/health").to_request(),
    )
    .await;
    assert_eq!(response.status, 200);
    assert_eq!(response.body, b"well");
}
