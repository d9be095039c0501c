use devnet::Devnet;
use payment_client::SessionBudget;
use payment_core::usd;
use serde_json::{Value, json};

use crate::Failure;
use crate::purchase::buyer;
use crate::web;

/// How many calls the session makes.
pub(crate) const CALLS: u64 = 3;

/// A session of our own buyer, from deposit to refund: two calls, a settlement by the merchant, a
/// third call that needs more deposit, and the end.
pub(crate) async fn by_us(net: &Devnet, url: &str) -> Result<Value, Failure> {
    let base = url.trim_end_matches("/paid");
    let buyer = buyer(net)?;
    let mut session = buyer
        .session(SessionBudget::deposit(usd!("0.02")).total(usd!("0.04")))
        .start()?;
    let mut status = 0;
    for call in 1..=CALLS {
        let reply = session.get(url).send().await?;
        status = reply.status().as_u16();
        let channel = session.standing().ok_or("no channel")?.channel;
        if call == 2 {
            web::json(&format!("{base}/settle/{channel}")).await?;
        }
    }
    let channel = session.standing().ok_or("no channel")?.channel;
    let seen = web::json(&format!("{base}/status/{channel}")).await?;
    if seen["deposit"] != "40000" || seen["settledOnChain"] != "20000" {
        return Err(format!("the channel is not as it should be: {seen}").into());
    }
    let closed = session.close().await?.ok_or("nothing to close")?;
    if closed.refunded() != usd!("0.01") {
        return Err(format!("refunded {}", closed.refunded()).into());
    }
    Ok(json!({"status": status, "receipt": channel.to_string()}))
}
