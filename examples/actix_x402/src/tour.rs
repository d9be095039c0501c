//! A buyer: refused, then served for a cent.

use payment_client::{Buyer, SpendLimit};
use payment_evm::LocalSigner;
use stage::{Failure, Purses, Stage};
use x402_actix::{Network, usd};

use crate::CHAIN;

pub(crate) async fn take(stage: &Stage, shop: &str) -> Result<(), Failure> {
    let net = stage.devnet()?;
    let wallet = net.buyers.first().ok_or("there is no buyer")?;
    let mut purses = Purses::open(
        net,
        [("buyer", wallet.address), ("seller", net.seller.address)],
    )?;
    let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("1")))
        .network(Network::eip155(CHAIN))
        .build()?;

    let free = buyer.get(format!("{shop}/free")).send().await?;
    println!("GET /free");
    let free = free.into_response().text().await?;
    println!("    {}", free.trim_end());

    let weather = format!("{shop}/weather");
    println!("GET /weather");
    stage::unpaid(stage::http()?.get(&weather)).await?;
    let reply = buyer.get(&weather).send().await?;
    let payment = reply.payment().ok_or("nothing was paid")?;
    let receipt = payment.proof().receipt().ok_or("there is no receipt")?;
    println!(
        "    paid ${} by {}: {}",
        payment.price(),
        payment.protocol(),
        reply.status()
    );
    println!("    transaction {}", receipt.reference);
    let answer = reply.into_response().error_for_status()?.text().await?;
    println!("    {}", answer.trim_end());
    purses.moved([-10_000, 10_000])
}
