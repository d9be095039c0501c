use alloy_primitives::{Address, U256};
use payment_client::{Buyer, Proof, Protocol, Reply, SpendLimit, prefer_protocol};
use payment_core::{Network, Units, usd};
use payment_evm::LocalSigner;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::Failure;
use crate::arguments::Purchase;
use crate::report::Report;
use crate::shop::{PRICE, Shop};

/// The whole tour. `false` when something did not add up.
pub(crate) async fn tour(shop: &Shop, report: &mut Report) -> Result<bool, Failure> {
    let weather = shop.weather();
    let (first, second) = (&shop.net.buyers[0], &shop.net.buyers[1]);
    let accounts = [
        ("buyer by x402", first.address),
        ("buyer by MPP", second.address),
        ("seller", shop.net.seller.address),
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

    let after = balances(shop, &accounts);
    ok &= table(shop, &accounts, &before, &after, report)?;
    report.end(
        ok,
        &json!({"served": shop.runs(), "transactions": [x402.transaction, mpp.transaction]}),
    );
    report.say(if ok {
        "\nEverything adds up."
    } else {
        "\nThis does NOT add up."
    });
    Ok(ok)
}

/// One purchase from a shop that is up somewhere.
pub(crate) async fn once(purchase: &Purchase, report: &mut Report) -> Result<bool, Failure> {
    let reply = buyer(&purchase.key, None)?
        .get(&purchase.url)
        .send()
        .await?;
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

fn buyer(key: &str, protocol: Option<Protocol>) -> Result<Buyer<LocalSigner>, Failure> {
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

fn balances<const N: usize>(shop: &Shop, accounts: &[(&str, Address); N]) -> [U256; N] {
    accounts.map(|(_, account)| shop.net.chain.balance_of(shop.net.token.address, account))
}

/// What moved on chain; `false` when it is not what was paid.
fn table<const N: usize>(
    shop: &Shop,
    accounts: &[(&str, Address); N],
    before: &[U256; N],
    after: &[U256; N],
    report: &mut Report,
) -> Result<bool, Failure> {
    let decimals = shop.token.decimals;
    let price = PRICE.to_units(decimals)?.get();
    let shown = |units: U256| Units::new(units).display(decimals);
    let symbol = &shop.token.symbol;
    let mut words = format!("What moved on chain, in {symbol}:\n");
    words += &format!(
        "      {:<14} {:>12} {:>12} {:>9}\n",
        "account", "before", "after", "moved"
    );
    let mut rows: Vec<Value> = Vec::new();
    for (at, (name, account)) in accounts.iter().enumerate() {
        let (old, new) = (before[at], after[at]);
        let moved = match new.checked_sub(old) {
            Some(gained) => format!("+{}", shown(gained)),
            None => format!("-{}", shown(old.saturating_sub(new))),
        };
        words += &format!(
            "      {name:<14} {:>12} {:>12} {moved:>9}\n",
            shown(old),
            shown(new)
        );
        rows.push(json!({"account": account, "name": name, "before": old.to_string(), "after": new.to_string()}));
    }
    let total = |balances: &[U256; N]| {
        balances
            .iter()
            .fold(U256::ZERO, |sum, x| sum.saturating_add(*x))
    };
    words += &format!(
        "      {:<14} {:>12} {:>12}",
        "together",
        shown(total(before)),
        shown(total(after))
    );
    report.step("balances", json!({"rows": rows}), &words);
    let twice = price.saturating_add(price);
    Ok(total(before) == total(after)
        && before[0].checked_sub(after[0]) == Some(price)
        && before[1].checked_sub(after[1]) == Some(price)
        && after[2].checked_sub(before[2]) == Some(twice))
}
