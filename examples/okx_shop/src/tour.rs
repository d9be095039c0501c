//! Two buyers with test money buy on each route, in each way that it is paid.

use alloy_primitives::{Address, U256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use payment_client::{Buyer, Protocol, SessionBudget, SpendLimit, prefer_protocol};
use payment_core::{Network, Units, usd};
use payment_evm::LocalSigner;
use serde_json::Value;

use crate::Failure;
use crate::stand_in::{PARTNER, StandIn};

/// What each account is to have gained or lost at the end, in base units.
const DUE: [(&str, Moved); 5] = [
    ("buyer", Moved::Out(43_000)),
    ("batch buyer", Moved::Out(10_000)),
    ("shop", Moved::In(50_000)),
    ("partner", Moved::In(3_000)),
    ("escrow", Moved::In(0)),
];

#[derive(Clone, Copy)]
enum Moved {
    In(u64),
    Out(u64),
}

/// Buys, shows what moved on chain, and fails when it is not what was due.
pub(crate) async fn take(stand_in: &StandIn, shop: &str) -> Result<(), Failure> {
    let chain = stand_in.net.chain.chain_id();
    println!(
        "In this process: chain {chain}, a server that stands in for OKX, the shop, its buyers.\n"
    );
    let accounts = accounts(stand_in);
    let before = accounts.map(|account| balance(stand_in, account));
    buy(stand_in, &format!("{shop}/weather"), Protocol::X402).await?;
    promise(stand_in, &format!("{shop}/weather")).await?;
    buy(stand_in, &format!("{shop}/report"), Protocol::Mpp).await?;
    buy(stand_in, &format!("{shop}/news"), Protocol::X402).await?;
    buy(stand_in, &format!("{shop}/news"), Protocol::Mpp).await?;
    talk(stand_in, &format!("{shop}/chat")).await?;
    let landed = stand_in.okx.land_batch();
    println!(
        "OKX settles what was deferred: {} transaction",
        landed.len()
    );

    println!("\n{:<12} {:>42}   USD₮0 moved", "", "account");
    let mut adds_up = true;
    for (((name, due), account), before) in DUE.into_iter().zip(accounts).zip(before) {
        let after = balance(stand_in, account);
        adds_up &= match due {
            Moved::In(units) => before.checked_add(U256::from(units)) == Some(after),
            Moved::Out(units) => before.checked_sub(U256::from(units)) == Some(after),
        };
        println!("{name:<12} {account}   {}", difference(before, after));
    }
    let sum = "\nThis does NOT add up.";
    adds_up.then_some(()).ok_or(sum)?;
    println!("\nEverything adds up.");
    Ok(())
}

/// One purchase by an off-the-shelf buyer.
async fn buy(stand_in: &StandIn, url: &str, protocol: Protocol) -> Result<(), Failure> {
    let reply = buyer(stand_in, protocol)?.get(url).send().await?;
    let payment = reply.payment().ok_or("nothing was paid")?;
    let receipt = payment.proof().receipt().ok_or("there is no receipt")?;
    let said = format!("${} by {protocol}", payment.price());
    let transaction = receipt.reference.clone();
    let text = reply.into_response().text().await?;
    println!("GET {url}\n    {said}: {}", text.trim_end());
    println!("    transaction {transaction}");
    Ok(())
}

/// One purchase by `aggr_deferred`: a promise that OKX settles together with others, later. The
/// wallet's session key signs it.
async fn promise(stand_in: &StandIn, url: &str) -> Result<(), Failure> {
    let wallet = stand_in.okx.session_wallet(&stand_in.net.buyers[1])?;
    let http = payment_http::client()?.no_proxy().build()?;
    let unpaid = http.get(url).send().await?;
    println!("GET {url}\n    unpaid: {}", unpaid.status());
    let offers = unpaid.headers().get("payment-required");
    let offers = STANDARD.decode(offers.ok_or("there is no offer")?)?;
    let offers: Value = serde_json::from_slice(&offers)?;
    let mut offers = offers["accepts"].as_array().into_iter().flatten();
    let offer = offers.find(|offer| offer["scheme"] == "aggr_deferred");
    let payment = wallet.pay(offer.ok_or("aggr_deferred is not offered")?);
    let header = STANDARD.encode(payment.to_string());
    let paid = http.get(url).header("payment-signature", header);
    let text = paid.send().await?.error_for_status()?.text().await?;
    println!("    $0.01 by x402 aggr_deferred: {}", text.trim_end());
    println!("    no transaction yet: OKX settles it with others, later");
    Ok(())
}

/// Three calls out of a channel: one deposit, a voucher a call.
async fn talk(stand_in: &StandIn, url: &str) -> Result<(), Failure> {
    let budget = SessionBudget::deposit(usd!("0.05"));
    let session = buyer(stand_in, Protocol::Mpp)?.session(budget);
    let session = session.escrow(stand_in.net.chain.chain_id(), stand_in.net.escrow);
    let mut session = session.start()?;
    for _ in 0..3 {
        let reply = session.get(url).send().await?;
        let usage = reply.usage().ok_or("the call was not paid")?;
        let said = format!("${} of ${} spent", usage.spent(), usage.deposited());
        let text = reply.into_response().text().await?;
        println!(
            "GET {url}\n    by an mpp session, {said}: {}",
            text.trim_end()
        );
    }
    let closed = session.close().await?.ok_or("there was no channel")?;
    let (settled, refunded) = (closed.settled(), closed.refunded());
    println!("    closed: ${settled} to the shop, ${refunded} back to the buyer");
    Ok(())
}

fn buyer(stand_in: &StandIn, protocol: Protocol) -> Result<Buyer<LocalSigner>, Failure> {
    let key = stand_in.net.buyers[0].key.to_string();
    let buyer = Buyer::builder(LocalSigner::from_hex(&key)?)
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("1")))
        .network(Network::eip155(stand_in.net.chain.chain_id()))
        .select(prefer_protocol(protocol));
    Ok(buyer.build()?)
}

fn accounts(stand_in: &StandIn) -> [Address; 5] {
    let net = &stand_in.net;
    let [buyer, batch] = [&net.buyers[0], &net.buyers[1]].map(|wallet| wallet.address);
    [buyer, batch, net.seller.address, PARTNER, net.escrow]
}

fn balance(stand_in: &StandIn, account: Address) -> U256 {
    let net = &stand_in.net;
    net.chain.balance_of(net.token.address, account)
}

fn difference(before: U256, after: U256) -> String {
    let shown = |units| Units::new(units).display(6);
    match after.checked_sub(before) {
        Some(gain) if gain.is_zero() => "0".to_owned(),
        Some(gain) => format!("+{}", shown(gain)),
        None => format!("-{}", shown(before.saturating_sub(after))),
    }
}
