use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use payment_core::{Asset, JsonLimits, Network, Units, strict_json};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The ways to pay that `PAYMENT-REQUIRED` names.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    /// What is sold, as it is echoed in a payment.
    pub(crate) resource: Option<String>,
    /// The seller's words about it.
    pub(crate) description: Option<String>,
    /// In the seller's order.
    pub(crate) ways: Vec<Way>,
}

/// One way to pay.
#[derive(Debug)]
pub(crate) struct Way {
    /// The offer byte for byte: a payment echoes it.
    pub(crate) accepted: String,
    pub(crate) scheme: String,
    pub(crate) network: String,
    pub(crate) amount: String,
    pub(crate) asset: String,
    pub(crate) pay_to: String,
    /// How long a signature made here is good for: as the seller asks, but an hour at most.
    pub(crate) seconds: u64,
    /// What a wallet has to be told, when one in a browser can sign for this.
    pub(crate) signing: Option<Signing>,
}

/// What an EIP-3009 signature needs beside the offer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signing {
    pub(crate) chain: u64,
    pub(crate) name: String,
    pub(crate) version: String,
}

/// More ways than these are not shown.
const MOST: usize = 16;
/// A payment that can't be settled within this many seconds is not waited for.
const LONGEST: u64 = 3600;
/// The largest number that a script reads exactly.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

#[derive(Deserialize)]
struct Required<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    accepts: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    scheme: String,
    network: String,
    amount: String,
    asset: String,
    pay_to: String,
    #[serde(default)]
    max_timeout_seconds: u64,
    #[serde(default)]
    extra: Option<Map<String, Value>>,
}

impl Offers {
    /// Reads the header of an answer. What can't be read offers nothing.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all("payment-required").iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::decode(value.as_bytes()).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let json = STANDARD.decode(value).ok()?;
        strict_json(&json, JsonLimits::default()).ok()?;
        let required: Required<'_> = serde_json::from_slice(&json).ok()?;
        let about = required
            .resource
            .and_then(|resource| serde_json::from_str::<Resource>(resource.get()).ok());
        let ways = required.accepts.into_iter().take(MOST);
        Some(Self {
            resource: required.resource.map(|resource| resource.get().to_owned()),
            description: about.and_then(|about| about.description),
            ways: ways.filter_map(Way::read).collect(),
        })
    }
}

impl Way {
    fn read(accepted: &RawValue) -> Option<Self> {
        let offer: Offer = serde_json::from_str(accepted.get()).ok()?;
        Some(Self {
            accepted: accepted.get().to_owned(),
            signing: offer.signing(),
            scheme: offer.scheme,
            network: offer.network,
            amount: offer.amount,
            asset: offer.asset,
            pay_to: offer.pay_to,
            seconds: offer.max_timeout_seconds.min(LONGEST),
        })
    }
}

impl Offer {
    /// Whether a wallet pays this with one EIP-3009 signature, and over what.
    fn signing(&self) -> Option<Signing> {
        let extra = self.extra.as_ref()?;
        let text = |key| extra.get(key).and_then(Value::as_str);
        let absent_or = |key, value| extra.get(key).is_none_or(|is| is.as_str() == Some(value));
        let network: Network = self.network.parse().ok()?;
        let chain = network.chain_id().filter(|chain| *chain <= SAFE_INTEGER)?;
        let amount: Units = self.amount.parse().ok()?;
        let addresses = [&self.asset, &self.pay_to];
        let payable = self.scheme == "exact"
            && !amount.is_zero()
            && self.max_timeout_seconds > 0
            && absent_or("assetTransferMethod", "eip3009")
            && text("paymentFlow") != Some("escrow")
            && addresses
                .iter()
                .all(|text| Asset::parse(text).evm().is_some());
        payable.then_some(())?;
        Some(Signing {
            chain,
            name: text("name")?.to_owned(),
            version: text("version")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn offer() -> Value {
        json!({
            "scheme": "exact", "network": "eip155:84532", "amount": "10000",
            "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "maxTimeoutSeconds": 60, "extra": {"name": "USD₮0", "version": "1"},
        })
    }

    fn read(json: &str) -> Offers {
        let mut headers = HeaderMap::new();
        let value = STANDARD.encode(json);
        headers.insert("payment-required", value.parse().unwrap());
        Offers::read(&headers)
    }

    fn signing_of(offer: &Value) -> Option<Signing> {
        let json = json!({"x402Version": 2, "accepts": [offer]}).to_string();
        read(&json).ways.pop().and_then(|way| way.signing)
    }

    #[test]
    fn offer_is_kept_byte_for_byte() {
        let odd = r#"{ "maxTimeoutSeconds":6e1,"x":18446744073709551616.0,"scheme":"exact","network":"n","amount":"1","asset":"a","payTo":"b"}"#;
        let odd = odd.replace("6e1", "60");
        let json = format!(r#"{{"x402Version":2,"resource":{{ "url":"u" }},"accepts":[{odd}]}}"#);
        let offers = read(&json);
        assert_eq!(offers.ways[0].accepted, odd);
        assert_eq!(offers.resource.as_deref(), Some(r#"{ "url":"u" }"#));
    }

    #[test]
    fn a_wallet_signs_exact_offers_on_evm_with_a_domain() {
        let signing = signing_of(&offer()).unwrap();
        assert_eq!(
            (signing.chain, &*signing.name, &*signing.version),
            (84532, "USD₮0", "1")
        );
        let mut named = offer();
        named["extra"]["assetTransferMethod"] = "eip3009".into();
        named["extra"]["paymentFlow"] = "upfront".into();
        assert!(signing_of(&named).is_some());
    }

    #[test]
    fn a_wallet_is_asked_to_sign_nothing_else() {
        for (path, value) in [
            ("/scheme", json!("upto")),
            ("/network", json!("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp")),
            ("/network", json!("eip155:084532")),
            ("/network", json!("eip155:18446744073709551615")),
            ("/amount", json!("0")),
            ("/amount", json!("0x10")),
            ("/amount", json!("1e9")),
            ("/asset", json!("USD")),
            ("/payTo", json!("merchant")),
            ("/maxTimeoutSeconds", json!(0)),
            ("/extra", json!({"name": "USDC"})),
            ("/extra", json!({"version": "2"})),
            ("/extra", json!({"name": 1, "version": "2"})),
            (
                "/extra",
                json!({"name": "a", "version": "2", "assetTransferMethod": "permit2"}),
            ),
            (
                "/extra",
                json!({"name": "a", "version": "2", "assetTransferMethod": null}),
            ),
            (
                "/extra",
                json!({"name": "a", "version": "2", "paymentFlow": "escrow"}),
            ),
            ("/extra", Value::Null),
        ] {
            let mut offer = offer();
            *offer.pointer_mut(path).unwrap() = value.clone();
            assert_eq!(signing_of(&offer), None, "{path} {value}");
        }
    }

    #[test]
    fn what_cannot_be_read_offers_nothing() {
        for json in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"accepts":{}}"#,
            r#"{"accepts":[],"accepts":[]}"#,
        ] {
            assert!(read(json).ways.is_empty(), "{json}");
        }
        let json = json!({"accepts": [1, null, {}, {"scheme": 1}, offer()]}).to_string();
        assert_eq!(
            read(&json).ways.len(),
            1,
            "one bad offer spoils only itself"
        );
        let json = json!({"accepts": vec![offer(); 20]}).to_string();
        assert_eq!(read(&json).ways.len(), MOST);
        let json = json!({"accepts": [offer()]}).to_string();
        let twice_named = json.replace("\"version\"", "\"name\":\"B\",\"version\"");
        assert!(
            read(&twice_named).ways.is_empty(),
            "who reads the other one?"
        );
        let mut twice = HeaderMap::new();
        let good = STANDARD.encode(json!({"accepts": [offer()]}).to_string());
        twice.append("payment-required", good.parse().unwrap());
        assert_eq!(Offers::read(&twice).ways.len(), 1);
        twice.append("payment-required", good.parse().unwrap());
        assert!(Offers::read(&twice).ways.is_empty(), "ambiguous");
    }
}
