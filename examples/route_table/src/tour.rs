use payment_client::{Buyer, SpendLimit};
use payment_core::{Network, Units, usd};
use payment_evm::LocalSigner;
use reqwest::StatusCode;

use crate::Failure;
use crate::shop::Shop;

const BOUGHT: [&str; 4] = [
    "/health",
    "/weather/oslo",
    "/weather/here",
    "/reports/2026/q3",
];

/// Other spellings of what is bought: no way around it.
const ODD: [(&str, &str); 3] = [
    ("/weather/oslo", "//weather/oslo"),
    ("/weather/oslo", "/weather/oslo/"),
    ("/weather/here", "/weather/her%65"),
];

/// Asks for each path without paying, then pays where it costs something. `false` when a payment
/// buys nothing, an odd spelling is served, or the seller has not got what the buyer has spent.
pub(crate) async fn walk(shop: &Shop) -> Result<bool, Failure> {
    let http = payment_http::client()?.no_proxy().build()?;
    let wallet = &shop.net.buyers[0];
    let buyer = Buyer::builder(LocalSigner::from_hex(&wallet.key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("1")).total(usd!("5")))
        .network(Network::eip155(shop.net.chain.chain_id()))
        .build()?;
    let mut as_due = true;
    let mut free = Vec::new();
    for path in BOUGHT {
        let url = format!("{}{path}", shop.url);
        let unpaid = http.get(&url).send().await?.status();
        println!("\nGET {path}\n    unpaid: {unpaid}");
        if unpaid != StatusCode::PAYMENT_REQUIRED {
            free.push(path);
            continue;
        }
        let reply = buyer.get(&url).send().await?;
        let status = reply.status();
        let payment = reply.payment().ok_or("nothing was paid")?;
        let price = payment.price().to_string();
        let text = reply.into_response().text().await?;
        println!("    for ${price}: {status}, {}", text.trim_end());
        as_due &= status == StatusCode::OK;
    }
    println!();
    for (plain, path) in ODD {
        let status = http
            .get(format!("{}{path}", shop.url))
            .send()
            .await?
            .status();
        println!("GET {path}\n    unpaid: {status}");
        as_due &= free.contains(&plain) || !status.is_success();
    }
    let (spent, token) = (buyer.spent(), &shop.token);
    let got = shop
        .net
        .chain
        .balance_of(token.address, shop.net.seller.address);
    as_due &= spent.to_units(token.decimals)? == Units::new(got);
    println!(
        "\nThe buyer has spent ${spent}, and the seller has {} {}.",
        Units::new(got).display(token.decimals),
        token.symbol
    );
    Ok(as_due)
}
