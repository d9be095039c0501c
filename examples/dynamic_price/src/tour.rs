//! Buyers who see how the price depends on what they ask for.

use payment_client::{Buyer, SpendLimit};
use payment_core::{Clock, Network, SystemClock, usd};
use payment_evm::LocalSigner;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use stage::{Failure, Purses, Stage};
use x402_core::wire::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE, decode, encode, v2};
use x402_evm::buyer::pay_v2;

use crate::CHAIN;

pub(crate) async fn take(stage: &Stage, shop: &str) -> Result<(), Failure> {
    let net = stage.devnet()?;
    let [wallet, slow, ..] = &*net.buyers else {
        return Err("there are not enough buyers".into());
    };
    let accounts = [
        ("buyer", wallet.address),
        ("slow buyer", slow.address),
        ("seller", net.seller.address),
        ("artist", stage.setting("ARTIST")?),
    ];
    let mut purses = Purses::open(net, accounts)?;
    let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("0.15")).total(usd!("1")))
        .network(Network::eip155(CHAIN))
        .build()?;
    let get = async |path: &str| ask(&buyer, shop, path).await;

    get("/map?size=thumb").await?;
    get("/map?size=poster").await?;
    get("/map?size=small&size=large").await?;
    purses.moved([0, 0, 0, 0])?;
    get("/map?size=small").await?;
    get("/map?size=large").await?;
    purses.moved([-30_000, 0, 30_000, 0])?;
    get("/song?by=bob").await?;
    get("/song?by=ann").await?;
    purses.moved([-100_000, 0, 50_000, 50_000])?;

    let (http, seat) = (stage::http()?, format!("{shop}/seat"));
    println!("GET /seat, by the slow buyer");
    let quoted = stage::unpaid(http.get(&seat)).await?;
    get("/seat").await?;
    get("/seat").await?;
    purses.moved([-210_000, 0, 210_000, 0])?;
    println!("GET /seat, by the slow buyer, who pays what was quoted");
    let signer = LocalSigner::from_hex(&slow.key.to_string())?;
    let served = pay(&http, &seat, &quoted, &signer).await?;
    println!(
        "    {}",
        served.error_for_status()?.text().await?.trim_end()
    );
    purses.moved([0, -100_000, 100_000, 0])
}

/// Asks, and pays if that is asked.
async fn ask(buyer: &Buyer<LocalSigner>, shop: &str, path: &str) -> Result<(), Failure> {
    println!("GET {path}");
    let reply = buyer.get(format!("{shop}{path}")).send().await?;
    let status = reply.status();
    let paid = reply.payment().map(|payment| payment.price());
    let paid = paid.map_or_else(|| "free".to_owned(), |price| format!("paid ${price}"));
    let answer = reply.into_response();
    if status == StatusCode::OK {
        println!("    {paid}: {}", answer.text().await?.trim_end());
    } else {
        let problem: Value = serde_json::from_slice(&answer.bytes().await?)?;
        println!("    {status}: {} ({})", problem["code"], problem["detail"]);
    }
    Ok(())
}

/// Pays the first offer of a 402, whenever that was.
async fn pay(
    http: &Client,
    url: &str,
    quoted: &Response,
    signer: &LocalSigner,
) -> Result<Response, Failure> {
    let required = quoted.headers().get(PAYMENT_REQUIRED);
    let required = required.ok_or("there is no offer")?;
    let required: v2::PaymentRequired = decode(required.as_bytes())?;
    let offer = required.accepts.first().ok_or("there is no offer")?;
    let payment = pay_v2(&required.resource, offer, signer, SystemClock.now()).await?;
    let request = http.get(url).header(PAYMENT_SIGNATURE, encode(&payment)?);
    Ok(request.send().await?)
}
