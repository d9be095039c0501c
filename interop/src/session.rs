use std::path::Path;

use devnet::Devnet;
use mpp_evm::session::ChannelStore;
use payment_client::SessionBudget;
use payment_core::usd;
use payment_store::FileChannelStore;
use serde_json::{Value, json};

use crate::Failure;
use crate::purchase::{self, buyer};
use crate::web;

/// How many calls the session makes.
pub(crate) const CALLS: u64 = 3;

/// A session of our own buyer, from deposit to refund: two calls, a settlement by the merchant, a
/// third call that needs more deposit, and the end. Before that our store reads the record that the
/// merchant's has written. Answers how often it was served.
pub(crate) async fn by_us(net: &Devnet, url: &str, store: &Path) -> Result<(Value, u64), Failure> {
    let base = url.trim_end_matches("/paid");
    let buyer = buyer(net)?;
    let mut session = buyer
        .session(SessionBudget::deposit(usd!("0.02")).total(usd!("0.04")))
        .start()?;
    let (mut status, mut served) = (0, 0);
    for call in 1..=CALLS {
        let reply = session.get(url).send().await?;
        status = reply.status().as_u16();
        let body = reply.into_response().text().await?;
        served += purchase::served(&json!({"body": body}));
        let channel = session.standing().ok_or("no channel")?.channel;
        if call == 2 {
            web::json(&format!("{base}/settle/{channel}")).await?;
        }
    }
    let channel = session.standing().ok_or("no channel")?.channel;
    let kept = FileChannelStore::open(store)?.load(channel).await?;
    let kept = kept.ok_or("no record of the channel")?.channel;
    if kept.spent() != 30_000 || kept.deposit() != 40_000 {
        return Err(format!("the record is not as it should be: {kept:?}").into());
    }
    let seen = web::json(&format!("{base}/status/{channel}")).await?;
    if seen["deposit"] != "40000" || seen["settledOnChain"] != "20000" {
        return Err(format!("the channel is not as it should be: {seen}").into());
    }
    let closed = session.close().await?.ok_or("nothing to close")?;
    if closed.refunded() != usd!("0.01") {
        return Err(format!("refunded {}", closed.refunded()).into());
    }
    let answer = json!({"status": status, "receipt": channel.to_string()});
    Ok((answer, served))
}
