use devnet::okx::{Okx, SessionBuyer};
use serde_json::{Value, json};
use x402_core::wire::{decode, encode};

use crate::Failure;
use crate::web;

/// A purchase by `aggr_deferred`: a session key promises, and the stand-in brings
/// what was promised to the chain in a batch.
pub(crate) async fn by_session_key(
    buyer: &SessionBuyer,
    okx: &Okx,
    url: &str,
) -> Result<Value, Failure> {
    let asked = web::get(url, ("accept", "*/*")).await?;
    let required = asked.header("payment-required").ok_or("no offer")?;
    let required: Value = decode(required.as_bytes())?;
    let offers = required["accepts"].as_array().ok_or("no offers")?;
    let offer = offers
        .iter()
        .find(|offer| offer["scheme"] == "aggr_deferred");
    let payment = encode(&buyer.pay(offer.ok_or("no offer to pay in a batch")?))?;
    let answer = web::get(url, ("payment-signature", &payment)).await?;
    let receipt: Option<Value> = match answer.header("payment-response") {
        Some(receipt) => Some(decode(receipt.as_bytes())?),
        None => None,
    };
    let landed = okx.land_batch();
    if landed.len() != 1 {
        let (status, body) = (answer.status, answer.body);
        return Err(format!("{status} {body}, and no batch but {landed:?}").into());
    }
    Ok(json!({"status": answer.status, "receipt": receipt, "body": answer.body}))
}
