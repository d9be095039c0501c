use mpp_core::Challenge;
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use x402_core::wire::{PAYMENT_REQUIRED, decode, v2};

use crate::Failure;

/// A client that pays nothing.
///
/// # Errors
///
/// When there can be none.
pub fn http() -> Result<Client, Failure> {
    Ok(payment_http::client()?.no_proxy().build()?)
}

/// Asks without paying, and prints what the 402 says, in short.
///
/// # Errors
///
/// When the answer is no 402, or can't be read.
pub async fn unpaid(request: RequestBuilder) -> Result<Response, Failure> {
    let answer = request.send().await?;
    println!("    {}", answer.status());
    if answer.status() != StatusCode::PAYMENT_REQUIRED {
        return Err("402 was due".into());
    }
    let headers = answer.headers();
    if let Some(offers) = headers.get(PAYMENT_REQUIRED) {
        let offers: v2::PaymentRequired = decode(offers.as_bytes())?;
        for offer in offers.accepts {
            let (scheme, amount, network) = (offer.scheme, offer.amount, offer.network);
            println!("        x402 {scheme}: {amount} units of {}", offer.asset);
            println!("        on {network}, to {}", offer.pay_to);
        }
    }
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    for challenge in Challenge::parse_all(lines.map(|line| line.as_bytes())) {
        let (method, intent) = (&challenge.method, &challenge.intent);
        let request = challenge.request.decode();
        let said = |name| request.get(name).and_then(|value| value.as_str());
        let said = |name| said(name).unwrap_or_default().to_owned();
        println!(
            "        mpp {method} {intent}: {} units of {}",
            said("amount"),
            said("currency")
        );
        println!("        to {}", said("recipient"));
    }
    Ok(answer)
}
