use alloy_primitives::U256;
use payment_client::{Buyer, Proof, Protocol, Reply, SessionBudget, SpendLimit, prefer_protocol};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use reqwest::StatusCode;
use serde_json::json;

use crate::books::{Moved, balances, channel, table};
use crate::report::Report;
use crate::shop::{DEPOSIT, PRICE, Shop};
use crate::{Failure, reading, story};

/// The whole tour. `false` when something did not add up.
pub(crate) async fn tour(shop: &Shop, report: &mut Report) -> Result<bool, Failure> {
    let weather = shop.weather();
    let [first, second, third] = [
        &shop.net.buyers[0],
        &shop.net.buyers[1],
        &shop.net.buyers[2],
    ];
    let accounts = [
        ("buyer by x402", first.address),
        ("buyer by MPP", second.address),
        ("buyer by session", third.address),
        ("seller", shop.net.seller.address),
        ("escrow", shop.net.escrow),
    ];
    let before = balances(shop, &accounts);

    let http = payment_http::client()?.no_proxy().build()?;
    let refused = http.get(&weather).send().await?;
    let status = refused.status();
    let challenges: Vec<&str> = ["www-authenticate", "payment-required"]
        .into_iter()
        .filter(|name| refused.headers().contains_key(*name))
        .collect();
    report.step(
        "refused",
        json!({"status": status.as_u16(), "challenges": challenges}),
        &format!("Without payment the answer is {status}, payable by both protocols:\n    the 402 carries {}.", challenges.join(" and ")),
    );
    let mut ok = status == StatusCode::PAYMENT_REQUIRED && challenges.len() == 2;

    let x402 = buy(shop, &first.key.to_string(), Protocol::X402, report).await?;
    let mpp = buy(shop, &second.key.to_string(), Protocol::Mpp, report).await?;
    ok &= x402.good && mpp.good;

    let mut replay = http.get(&weather);
    if let Some((name, value)) = &x402.credential {
        replay = replay.header(name, value);
    }
    let replayed = replay.send().await?.status();
    report.step(
        "replayed",
        json!({"status": replayed.as_u16()}),
        &format!("The same x402 payment again: {replayed}. One payment is served once."),
    );
    ok &= replayed == StatusCode::PAYMENT_REQUIRED && shop.runs() == 2;

    let reader = buyer(&third.key.to_string(), None)?;
    let session = reader
        .session(SessionBudget::deposit(DEPOSIT).total(usd!("0.05")))
        .escrow(shop.net.chain.chain_id(), shop.net.escrow);
    let read = reading::read(session, reader.address(), &shop.story(), report).await?;
    ok &= read.good && read.text == story::words().collect::<Vec<_>>();

    let [price, spent] = [
        PRICE.to_units(shop.token.decimals)?.get(),
        U256::from(read.spent),
    ];
    let due = [
        Moved::Out(price),
        Moved::Out(price),
        Moved::Out(spent),
        Moved::In(price.saturating_add(price).saturating_add(spent)),
        Moved::In(U256::ZERO),
    ];
    ok &= table(shop, &accounts, &before, &due, report);
    ok &= channel(shop, &read, report).await?;
    report.end(
        ok,
        &json!({"served": shop.runs(), "transactions": [x402.transaction, mpp.transaction, read.transaction]}),
    );
    report.say(if ok {
        "\nEverything adds up."
    } else {
        "\nThis does NOT add up."
    });
    Ok(ok)
}

/// One purchase from a shop that is up somewhere.
pub(crate) async fn once(url: &str, key: &str, report: &mut Report) -> Result<bool, Failure> {
    let reply = buyer(key, None)?.get(url).send().await?;
    let (good, transaction) = (reply.status().is_success(), transaction(&reply));
    let facts = json!({"status": reply.status().as_u16(), "transaction": transaction});
    let paid = reply
        .payment()
        .map(|p| format!("paid ${} by {}, ", p.price(), p.protocol()));
    let words = format!("{}{}: ", paid.unwrap_or_default(), reply.status());
    let text = reply.into_response().text().await?;
    report.step("bought", facts, &format!("{words}{}", text.trim_end()));
    report.end(good, &json!({}));
    Ok(good)
}

/// One stream from a shop that is up somewhere, paid by a channel that ends with it.
pub(crate) async fn stream(url: &str, key: &str, report: &mut Report) -> Result<bool, Failure> {
    // Whatever escrow the seller names gets the deposit: a budget to lose, or `escrow` to name one.
    let budget = SessionBudget::deposit(usd!("0.10")).total(usd!("0.50"));
    let reader = buyer(key, None)?;
    let read = reading::read(reader.session(budget), reader.address(), url, report).await?;
    report.say(&format!("    \"{}\"", read.text.join(" ")));
    report.end(read.good, &json!({"text": read.text.join(" ")}));
    Ok(read.good)
}

/// What came of a purchase.
struct Bought {
    good: bool,
    transaction: Option<String>,
    credential: Option<(reqwest::header::HeaderName, reqwest::header::HeaderValue)>,
}

async fn buy(
    shop: &Shop,
    key: &str,
    protocol: Protocol,
    report: &mut Report,
) -> Result<Bought, Failure> {
    let buyer = buyer(key, Some(protocol))?;
    let reply = buyer.get(shop.weather()).send().await?;
    let status = reply.status();
    let payment = reply.payment().ok_or("nothing was paid")?;
    let (amount, by, payer) = (payment.price(), payment.protocol(), payment.payer());
    let (name, value) = payment.credential();
    let credential = Some((name.clone(), value.clone()));
    let transaction = transaction(&reply);
    let text = reply.into_response().text().await?;
    let good = status.is_success() && by == protocol && transaction.is_some();
    let hash = transaction.clone().unwrap_or_default();
    report.step(
        "paid",
        json!({"protocol": by.to_string(), "payer": payer, "amount": amount.to_string(), "status": status.as_u16(), "transaction": hash}),
        &format!("{payer} pays ${amount} by {by}: {status}, \"{}\"\n    transaction {hash}", text.trim_end()),
    );
    Ok(Bought {
        good,
        transaction,
        credential,
    })
}

pub(crate) fn buyer(key: &str, protocol: Option<Protocol>) -> Result<Buyer<LocalSigner>, Failure> {
    let mut buyer = Buyer::builder(LocalSigner::from_hex(key)?)
        .spend_limit(SpendLimit::per_payment(usd!("0.10")).total(usd!("1")))
        .network(Network::eip155(84532));
    if let Some(protocol) = protocol {
        buyer = buyer.select(prefer_protocol(protocol));
    }
    Ok(buyer.build()?)
}

fn transaction(reply: &Reply) -> Option<String> {
    match reply.payment()?.proof() {
        Proof::Receipt(receipt) => Some(receipt.reference.clone()),
        _ => None,
    }
}
