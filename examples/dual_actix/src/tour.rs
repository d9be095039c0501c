//! Two buyers: one pays by x402, one by MPP.

use payment_client::{Buyer, Protocol, SpendLimit, prefer_protocol};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::{Failure, Purses, Stage};

pub(crate) async fn take(stage: &Stage, shop: &str) -> Result<(), Failure> {
    let net = stage.devnet()?;
    let [first, second, ..] = &*net.buyers else {
        return Err("there are not enough buyers".into());
    };
    let accounts = [
        ("buyer by x402", first.address),
        ("buyer by MPP", second.address),
        ("seller", net.seller.address),
    ];
    let mut purses = Purses::open(net, accounts)?;
    let news = format!("{shop}/news");
    println!("GET /news");
    stage::unpaid(stage::http()?.get(&news)).await?;
    for (wallet, protocol) in [(first, Protocol::X402), (second, Protocol::Mpp)] {
        let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
            .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("1")))
            .network(Network::eip155(net.chain.chain_id()))
            .select(prefer_protocol(protocol))
            .build()?;
        let reply = buyer.get(&news).send().await?;
        let payment = reply.payment().ok_or("nothing was paid")?;
        let receipt = payment.proof().receipt().ok_or("there is no receipt")?;
        let (price, by) = (payment.price(), payment.protocol());
        println!("    paid ${price} by {by}: {}", reply.status());
        println!("    transaction {}", receipt.reference);
        let answer = reply.into_response().error_for_status()?.text().await?;
        println!("    {}", answer.trim_end());
    }
    purses.moved([-10_000, -10_000, 20_000])
}
