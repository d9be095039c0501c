//! A buyer: refused, then served for a cent; the same credential buys nothing more.

use payment_client::{Buyer, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::{Failure, Purses, Stage};

pub(crate) async fn take(stage: &Stage, shop: &str) -> Result<(), Failure> {
    let net = stage.devnet()?;
    let wallet = net.buyers.first().ok_or("there is no buyer")?;
    let accounts = [("buyer", wallet.address), ("seller", net.seller.address)];
    let mut purses = Purses::open(net, accounts)?;
    let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("1")))
        .network(Network::eip155(net.chain.chain_id()))
        .build()?;

    let joke = format!("{shop}/joke");
    println!("GET /joke");
    let http = stage::http()?;
    stage::unpaid(http.get(&joke)).await?;
    let reply = buyer.get(&joke).send().await?;
    let payment = reply.payment().ok_or("nothing was paid")?;
    let receipt = payment.proof().receipt().ok_or("there is no receipt")?;
    let (name, value) = payment.credential();
    let again = http.get(&joke).header(name, value);
    println!(
        "    paid ${} by {}: {}",
        payment.price(),
        payment.protocol(),
        reply.status()
    );
    println!("    transaction {}", receipt.reference);
    let answer = reply.into_response().error_for_status()?.text().await?;
    println!("    {}", answer.trim_end());
    purses.moved([-10_000, 10_000])?;

    println!("GET /joke, with the same credential");
    stage::unpaid(again).await?;
    purses.moved([0, 0])
}
