//! A shop with a paywall on a chain of its own, for browsers that are driven by a test.
//!
//! Prints one line of JSON that says what a test must know, then runs until its input ends.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse};
use axum::routing::{MethodRouter, any, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use devnet::{Devnet, Fault, TokenSpec};
use http::{StatusCode, header};
use mpp_core::Mpp;
use mpp_evm::{Charge, OnchainCharge};
use payment_core::{Gate, Pricing, Quote, Route, Secret, Timing, usd};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_paywall::PaywallPage;
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::GateExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use x402_core::X402;
use x402_evm::{ExactEvm, OnchainFacilitator};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let usdt = TokenSpec::new("USD₮0", "1");
    let net = Devnet::builder().token(TokenSpec::usdc()).token(usdt);
    let net = net.start().await?;
    let tokens: Vec<Token> = net.tokens.iter().map(known).collect();

    let pay_to = net.seller.address;
    let key = LocalSigner::from_hex(&net.seller.key.to_string())?;
    let options = SettlerOptions::default()
        .poll_every(Duration::from_millis(5))
        .mined_within(Duration::from_millis(300));
    let settler = Settler::connect(&net.rpc_url, key, options).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut page = PaywallPage::builder()
        .app_name("Tollgate Weather")
        .logo(LOGO);
    for token in &tokens {
        page = page.token(
            token.network(),
            token.address.into(),
            &token.symbol,
            token.decimals,
        );
    }
    let page = page.build()?;
    // All that a route can offer, and one token alone.
    let gate = |tokens: &[Token], mpp: bool| {
        let mut x402 = X402::new(OnchainFacilitator::new(settler.clone()));
        for token in tokens {
            x402 = x402.accept(ExactEvm::new(token.clone(), pay_to));
        }
        let mut router = PaymentRouter::new().add(X402_PRIORITY, x402);
        if mpp {
            let own_key = OnchainCharge::new(settler.clone());
            let charge = Charge::new(tokens[0].clone(), pay_to).settle_with(own_key);
            let secret = Secret::new("a key of this test, thirty-two bytes");
            let mpp = Mpp::builder("shop.local", secret).method(charge).build()?;
            router = router.add(MPP_PRIORITY, mpp);
        }
        Gate::builder(router)
            .origin(&*url)
            .paywall(page.clone())
            .build()
    };
    let (all, usdc) = (gate(&tokens, true)?, gate(&tokens[..1], false)?);

    let buyer = &net.buyers[0];
    let about = json!({
        "url": url,
        "key": buyer.key,
        "chainId": net.chain.chain_id(),
        "seller": pay_to.to_string(),
        "price": 10_000,
    });
    let app = shop(&all, &usdc)?.merge(controls(Arc::new(net)));
    println!("{about}");
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    // The test holds the other end.
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    server.abort();
    Ok(())
}

fn known(token: &devnet::Token) -> Token {
    let devnet::Token {
        address,
        chain_id,
        name,
        symbol,
        version,
        decimals,
        ..
    } = token.clone();
    Token::custom(chain_id, address, symbol, decimals, name, version)
}

fn shop(all: &Gate, usdc: &Gate) -> Result<Router, Failure> {
    let cent = || Route::priced(usd!("0.01"));
    let weather = cent().description("The weather of the next seven days, hour by hour");
    let hostile = cent().description(HOSTILE);
    let broken = cent().timing(Timing::BeforeServing);
    let mpp = cent().only([mpp_core::MPP]);
    // Dearer whenever it is asked for: what the page has said is what is paid.
    let asked = AtomicU64::new(0);
    let rising = Pricing::by(move |_| {
        let price = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => usd!("0.02"),
            1 => usd!("0.03"),
            _ => usd!("0.05"),
        };
        std::future::ready(Ok(Quote::from(price)))
    });
    let sold = |gate: &Gate, path: &str, route: Route, handler: MethodRouter| {
        let layer = gate.priced(route)?;
        Ok::<_, Failure>(Router::new().route(path, handler.layer(layer)))
    };
    let fails = async || StatusCode::INTERNAL_SERVER_ERROR;
    let app = Router::new()
        .merge(sold(all, "/both", cent(), any(report))?)
        .merge(sold(all, "/mpp", mpp, any(report))?)
        .merge(sold(usdc, "/weather", weather, any(report))?)
        .merge(sold(usdc, "/rising", cent().pricing(rising), any(report))?)
        .merge(sold(usdc, "/hostile/{*rest}", hostile, any(report))?)
        .merge(sold(usdc, "/broken", broken, any(fails))?)
        .merge(sold(usdc, "/text", cent(), any(async || TEXT))?)
        .merge(sold(usdc, "/page", cent(), any(async || Html(PAGE)))?)
        .merge(sold(usdc, "/picture", cent(), any(picture))?)
        .merge(sold(usdc, "/file", cent(), any(file))?);
    Ok(app)
}

async fn report() -> Json<Value> {
    Json(json!({"weather": "sunny", "degrees": 21, "paid": true}))
}

async fn picture() -> impl IntoResponse {
    let png = base64::engine::general_purpose::STANDARD.decode(PIXEL);
    (
        [(header::CONTENT_TYPE, "image/png")],
        png.unwrap_or_default(),
    )
}

async fn file() -> impl IntoResponse {
    let disposition = "attachment; filename=\"../we?ather.bin\"";
    (
        [(header::CONTENT_DISPOSITION, disposition)],
        vec![0u8, 1, 2, 3],
    )
}

/// What a test looks at and turns, beside the shop.
fn controls(net: Arc<Devnet>) -> Router {
    Router::new()
        .route("/control/balances", get(balances))
        .route("/control/node/{state}", post(node))
        .with_state(net)
}

/// What the seller holds of each token, in base units.
async fn balances(State(net): State<Arc<Devnet>>) -> Json<Vec<String>> {
    let tokens = net.tokens.iter();
    let held = tokens.map(|token| net.chain.balance_of(token.address, net.seller.address));
    Json(held.map(|units| units.to_string()).collect())
}

/// The seller's node takes the next transaction and says nothing of it, or is well again.
async fn node(State(net): State<Arc<Devnet>>, Path(state): Path<String>) -> StatusCode {
    match &*state {
        "silent" => {
            let (send, look) = ("eth_sendRawTransaction", "eth_getTransactionReceipt");
            net.rpc.fail_next_calling(send, 1, Fault::CloseAfter);
            net.rpc.fail_next_calling(look, 1000, Fault::Http500);
        }
        "well" => net.rpc.heal(),
        _ => return StatusCode::NOT_FOUND,
    }
    StatusCode::NO_CONTENT
}

const HOSTILE: &str =
    "<img src=x onerror=alert(1)>\u{202e}</script><script>alert(1)</script> {{data}}";
const TEXT: &str = "snow ☃ and <b>no markup</b>";
const LOGO: &str = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMiAzMiI+PHJlY3Qgd2lkdGg9IjMyIiBoZWlnaHQ9IjMyIiByeD0iOCIgZmlsbD0iIzFkNWJkNiIvPjxjaXJjbGUgY3g9IjE2IiBjeT0iMTYiIHI9IjciIGZpbGw9IiNmZmQ0NWUiLz48L3N2Zz4=";
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const PAGE: &str =
    "<h1>Bought</h1><p>A page with a script.</p><script>parent.document.title='stolen'</script>";
