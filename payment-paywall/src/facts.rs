use payment_core::{Ask, Reply, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::challenge::Challenge;
use crate::escape::{escape_json, plain_text, plain_url};
use crate::offer::{Offers, Way};
use crate::tokens::Tokens;

/// What a page tells of one 402: read from the answer, in words of people where they are known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    /// What is asked for, as an address to paste.
    pub(crate) url: String,
    /// Whether the seller said what its address is; else the client did.
    canonical: bool,
    pub(crate) method: String,
    pub(crate) has_body: bool,
    /// The seller's clock, in seconds since 1970.
    now: u64,
    pub(crate) description: Option<String>,
    /// Why a payment was refused, if one was.
    pub(crate) refused: Option<String>,
    /// What a payment echoes, as JSON text.
    resource: Option<String>,
    pub(crate) ways: Vec<WayFacts>,
    pub(crate) others: Vec<OtherFacts>,
}

/// An x402 offer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WayFacts {
    pub(crate) price: String,
    /// The number of the price, where the token is known.
    pub(crate) number: Option<String>,
    pub(crate) scheme: String,
    pub(crate) network: String,
    pub(crate) network_name: String,
    pub(crate) asset: String,
    pub(crate) pay_to: String,
    amount: String,
    pub(crate) seconds: u64,
    #[serde(skip)]
    pub(crate) test: bool,
    /// What a payment echoes, as JSON text.
    accepted: String,
    /// What a wallet signs under, where it can.
    pub(crate) signing: Option<SigningFacts>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SigningFacts {
    chain: u64,
    name: String,
    version: String,
}

/// Another way to pay, for information.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OtherFacts {
    pub(crate) protocol: String,
    pub(crate) price: Option<String>,
    pub(crate) number: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) expires: Option<String>,
}

impl Facts {
    /// Reads an answer. `None` where it names no way to pay.
    pub(crate) fn read(ask: &Ask, reply: &Reply, tokens: &Tokens, units: &str) -> Option<Self> {
        let offers = Offers::read(&reply.headers);
        let challenges = Challenge::read_all(&reply.headers);
        if offers.ways.is_empty() && challenges.is_empty() {
            return None;
        }
        let others = challenges.iter();
        Some(Self {
            url: url(ask),
            canonical: ask.canonical,
            method: ask.method.to_string(),
            has_body: ask.has_body,
            now: seconds(ask.now),
            description: offers.description.as_deref().and_then(text),
            refused: refused(&reply.body),
            resource: offers.resource,
            ways: offers
                .ways
                .into_iter()
                .map(|way| WayFacts::of(way, tokens, units))
                .collect(),
            others: others
                .map(|other| OtherFacts::of(other, tokens, units))
                .collect(),
        })
    }

    /// What the first offer costs.
    pub(crate) fn price(&self) -> Option<&str> {
        let first = self.ways.first().map(|way| &*way.price);
        first.or_else(|| self.others.first()?.price.as_deref())
    }

    /// As JSON that may stand in a page.
    pub(crate) fn json(&self) -> String {
        // Structs of texts and numbers always serialize.
        escape_json(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl WayFacts {
    fn of(way: Way, tokens: &Tokens, units: &str) -> Self {
        let price = tokens.price(&way.network, &way.asset, &way.amount);
        let (price, number) = match price {
            Some(price) => (price.text, Some(price.number)),
            None => (in_units(&way.amount, units), None),
        };
        Self {
            price,
            number,
            network_name: plain_text(&tokens.network_name(&way.network)),
            test: tokens.is_test(&way.network),
            network: plain_text(&tokens.network(&way.network)),
            scheme: plain_text(&way.scheme),
            asset: plain_text(&way.asset),
            pay_to: plain_text(&way.pay_to),
            amount: way.amount,
            seconds: way.seconds,
            accepted: way.accepted,
            signing: way.signing.map(|signing| SigningFacts {
                chain: signing.chain,
                name: signing.name,
                version: signing.version,
            }),
        }
    }
}

impl OtherFacts {
    fn of(challenge: &Challenge, tokens: &Tokens, units: &str) -> Self {
        let network = challenge.network();
        let price = challenge.terms.as_ref().map(|terms| {
            let network = network.as_deref().unwrap_or_default();
            let known = tokens.price(network, &terms.currency, &terms.amount);
            known.map_or_else(
                || (in_units(&terms.amount, units), None),
                |price| (price.text, Some(price.number)),
            )
        });
        let (price, number) = price.unzip();
        let terms = challenge.terms.as_ref();
        Self {
            protocol: plain_text(&format!("MPP {}/{}", challenge.method, challenge.intent)),
            price,
            number: number.flatten(),
            unit: terms.and_then(|terms| terms.unit_type.as_deref().and_then(text)),
            network: network.map(|network| tokens.network(&network)),
            expires: challenge.expires.clone(),
        }
    }
}

fn in_units(amount: &str, units: &str) -> String {
    units.replace("{}", &plain_text(amount))
}

fn url(ask: &Ask) -> String {
    let path = plain_url(&ask.resource);
    match &ask.query {
        Some(query) => format!("{path}?{}", plain_url(query)),
        None => path,
    }
}

/// A text of the seller's, unless there is nothing to read in it.
fn text(text: &str) -> Option<String> {
    Some(plain_text(text).trim().to_owned()).filter(|text| !text.is_empty())
}

/// What the problem of the answer says of the payment that came.
fn refused(body: &[u8]) -> Option<String> {
    let problem: Value = serde_json::from_slice(body).ok()?;
    let member = |name| problem.get(name).and_then(Value::as_str).and_then(text);
    let code = member("code").filter(|code| code != "payment_required")?;
    Some(match member("detail") {
        Some(detail) => format!("{detail} ({code})"),
        None => code,
    })
}

fn seconds(time: Timestamp) -> u64 {
    time.seconds()
}
