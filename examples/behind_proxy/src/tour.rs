use payment_client::{Buyer, Reply, SpendLimit};
use payment_core::{Clock as _, Network, SystemClock, usd};
use payment_evm::LocalSigner;
use reqwest::{Client, Response};
use x402_core::wire::{PAYMENT_SIGNATURE, SettleResponse, decode, encode, v2};
use x402_evm::buyer::pay_v2;

use crate::Failure;
use crate::office::FORGED;
use crate::shop::{ORIGIN, Street};

/// What clients say when they would like to be somewhere else.
const LIES: [(&str, &str); 5] = [
    ("host", "evil.example"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "host=evil.example;proto=http"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-port", "666"),
];

/// Tries what goes wrong behind proxies. `false` when something did.
pub(crate) async fn tour(street: &Street) -> Result<bool, Failure> {
    let client = payment_http::client()?.no_proxy().build()?;
    let signer = LocalSigner::from_hex(&street.net.buyers[0].key.to_string())?;
    let mut steps = Steps { good: true };
    let public = format!("{ORIGIN}/report");

    let honest = offer(&ask(&client, &street.proxy, &[]).await?)?;
    let shown = &*honest.resource.url;
    steps.say(
        shown == public,
        &format!("Through the proxy, the 402 sells {shown}."),
    );

    let mut same = true;
    for lie in LIES {
        for door in [&street.proxy, &street.shop] {
            let told = offer(&ask(&client, door, &[lie]).await?)?;
            same &= told.resource.url == public;
        }
    }
    for door in [&street.proxy, &street.shop] {
        same &= offer(&ask(&client, door, &LIES).await?)?.resource.url == public;
    }
    steps.say(
        same,
        "With a Host, Forwarded or X-Forwarded-* that lies, to proxy or shop: the same.",
    );

    let nameless = offer(&ask(&client, &street.nameless, &LIES).await?)?;
    let shown = &*nameless.resource.url;
    steps.say(
        shown == "http://evil.example/report",
        &format!("A shop without `origin` has only the client's word, and shows {shown}."),
    );

    let mut elsewhere = honest.resource.clone();
    elsewhere.url = "https://evil.example/report".into();
    let payment = pay_v2(&elsewhere, &honest.accepts[0], &signer, SystemClock.now()).await?;
    let credential = encode(&payment)?;
    let mut headers = LIES.to_vec();
    let name = PAYMENT_SIGNATURE;
    headers.push((name.as_str(), &credential));
    let mut refused = true;
    for door in [&street.proxy, &street.shop] {
        let answer = ask(&client, door, &headers).await?;
        refused &= answer.status() == 402;
        refused &= answer.text().await?.contains("\"resource_mismatch\"");
    }
    steps.say(
        refused && street.income() == "0",
        &format!(
            "A payment for {} is not taken, whatever Host says.",
            elsewhere.url
        ),
    );

    let buyer = Buyer::builder(signer)
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("0.05")))
        .network(Network::eip155(street.net.chain.chain_id()))
        .build()?;
    let reply = buyer.get(format!("{}/report", street.proxy)).send().await?;
    let (status, receipts) = (reply.status(), receipts(&reply));
    let own = matches!(&*receipts, [receipt] if receipt.contains("0x"));
    let text = reply.into_response().text().await?;
    let earned = street.income();
    steps.say(
        status == 200 && own && text == "all is well\n" && earned == "10000",
        &format!("Paid through the proxy: {status}, \"{}\".", text.trim_end()),
    );
    steps.say(
        own,
        "The service made up receipts; the one that came out is the gate's, with a transaction.",
    );

    let reply = buyer.get(format!("{}/broken", street.proxy)).send().await?;
    steps.say(
        reply.status() == 500 && self::receipts(&reply).is_empty() && street.income() == earned,
        &format!(
            "Where the service fails: {}, no receipt, nothing paid.",
            reply.status()
        ),
    );
    Ok(steps.good)
}

async fn ask(
    client: &Client,
    door: &str,
    headers: &[(&str, &str)],
) -> Result<Response, reqwest::Error> {
    let request = client.get(format!("{door}/report"));
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add).send().await
}

/// What a 402 offers.
fn offer(unpaid: &Response) -> Result<v2::PaymentRequired, Failure> {
    let header = unpaid.headers().get("payment-required");
    let header = header.ok_or("that is no 402 of x402")?;
    Ok(decode(header.as_bytes())?)
}

/// What of the answer looks like a receipt, decoded where it is the gate's.
fn receipts(reply: &Reply) -> Vec<String> {
    let names = ["payment-response", "x-payment-response", "payment-receipt"];
    let values = names
        .into_iter()
        .flat_map(|name| reply.headers().get_all(name));
    let read = values.map(|value| match value.as_bytes() {
        forged if forged == FORGED.as_bytes() => "forged".to_owned(),
        value => decode::<SettleResponse>(value)
            .map(|receipt| receipt.transaction)
            .unwrap_or_default(),
    });
    read.collect()
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
