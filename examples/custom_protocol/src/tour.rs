use payment_client::{Buyer, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use reqwest::{Client, Response};
use serde_json::Value;

use crate::Failure;
use crate::payment::X_VOUCHER_RECEIPT;
use crate::protocol::X_VOUCHER;
use crate::shop::{PRICE, Shop};

/// Tries all that can happen with a voucher. `false` when something was not as it should be.
pub(crate) async fn tour(shop: &Shop) -> Result<bool, Failure> {
    let client = payment_http::client()?.no_proxy().build()?;
    let mut steps = Steps { good: true };

    let unpaid = client.get(shop.weather()).send().await?;
    let status = unpaid.status();
    let by_header = unpaid.headers().contains_key("payment-required")
        && unpaid.headers().contains_key("www-authenticate");
    let body: Value = serde_json::from_slice(&unpaid.bytes().await?)?;
    let both = by_header && body["accepts"].is_array() && body["voucher"].is_object();
    steps.say(
        status == 402 && both,
        &format!(
            "Without payment: {status}, payable by x402 or {}.",
            body["voucher"]
        ),
    );

    let voucher = shop.sell(PRICE)?;
    let paid = pay(&client, shop, &voucher).await?;
    let serial = voucher.split('.').next().unwrap_or_default();
    let receipt = paid.headers().get(X_VOUCHER_RECEIPT);
    let receipt = receipt.is_some_and(|value| value == serial);
    let (status, text) = (paid.status(), paid.text().await?);
    steps.say(
        status == 200 && receipt,
        &format!(
            "With a voucher for ${PRICE}: {status}, {}.",
            text.trim_end()
        ),
    );

    let mut forged = voucher.clone();
    forged.replace_range(..1, if voucher.starts_with('A') { "B" } else { "A" });
    for (voucher, code, words) in [
        (&voucher, "voucher_spent", "The same voucher again"),
        (&forged, "voucher_unknown", "The same with another serial"),
        (
            &shop.sell(usd!("0.009"))?,
            "voucher_too_small",
            "A smaller voucher",
        ),
        (&"junk".to_owned(), "voucher_malformed", "No voucher at all"),
    ] {
        let refused = pay(&client, shop, voucher).await?;
        let status = refused.status();
        let body: Value = serde_json::from_slice(&refused.bytes().await?)?;
        let as_due = status == 402 && body["code"] == code;
        steps.say(as_due, &format!("{words}: {status}, {}.", body["code"]));
    }

    let key = shop.net.buyers[0].key.to_string();
    let buyer = Buyer::builder(LocalSigner::from_hex(&key)?)
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("0.05")))
        .network(Network::eip155(shop.net.chain.chain_id()))
        .build()?;
    let reply = buyer.get(shop.weather()).send().await?;
    let payment = reply.payment().ok_or("nothing was paid")?;
    let (name, value) = payment.credential();
    let (name, value) = (name.clone(), value.clone());
    let (status, text) = (reply.status(), reply.into_response().text().await?);
    steps.say(
        status == 200 && text.contains("x402"),
        &format!("With x402, bought as ever: {status}, {}.", text.trim_end()),
    );

    let fresh = shop.sell(PRICE)?;
    let request = client.get(shop.weather()).header(name, value);
    let both = request.header(X_VOUCHER, &fresh).send().await?.status();
    let alone = pay(&client, shop, &fresh).await?.status();
    steps.say(
        both == 400 && alone == 200,
        &format!("A voucher and an x402 payment at once: {both}; the voucher alone then: {alone}."),
    );
    Ok(steps.good)
}

async fn pay(client: &Client, shop: &Shop, voucher: &str) -> Result<Response, reqwest::Error> {
    let request = client.get(shop.weather()).header(X_VOUCHER, voucher);
    request.send().await
}

/// What is said, and whether all of it was right.
struct Steps {
    good: bool,
}

impl Steps {
    fn say(&mut self, as_due: bool, words: &str) {
        self.good &= as_due;
        println!("{}{words}", if as_due { "" } else { "WRONG: " });
    }
}
