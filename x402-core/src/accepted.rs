use std::borrow::Cow;

use payment_core::{Account, Asset};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::Offer;
use crate::offer::BODY_DIGEST;

/// The buyer's echo of an offer. It can be compared with an [`Offer`]; no amount, payee or asset
/// can be read from it.
///
/// ```compile_fail
/// fn pay(accepted: &x402_core::Accepted<'_>) -> &str {
///     accepted.amount()
/// }
/// ```
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted<'a> {
    #[serde(borrow)]
    scheme: Cow<'a, str>,
    #[serde(borrow)]
    network: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    asset: Cow<'a, str>,
    #[serde(borrow)]
    pay_to: Cow<'a, str>,
    max_timeout_seconds: Number,
    #[serde(borrow, default)]
    extra: Option<&'a RawValue>,
}

/// Members of `extra` by which a buyer would choose how we settle.
const OURS_TO_SAY: [&str; 2] = ["paymentFlow", "assetTransferMethod"];

impl<'a> Accepted<'a> {
    /// What stands under `extra`.
    pub(crate) const fn extra(&self) -> Option<&'a RawValue> {
        self.extra
    }

    /// Whether this is an echo of that offer: every core member equal by value, and everything
    /// in the offer's `extra` there, but for the quote of a price: by that the gate has chosen what
    /// we offer. Other members are not looked at and go nowhere.
    ///
    /// Matching of `accepted`, x402 v2.
    #[must_use]
    pub fn is(&self, offer: &Offer) -> bool {
        self.scheme == offer.scheme()
            && self.network == offer.network_text()
            // Our text is canonical, so that equal numbers are equal texts.
            && self.amount == offer.amount_text()
            && (self.asset == offer.asset_text() || Asset::parse(&self.asset) == *offer.asset())
            && (self.pay_to == offer.pay_to_text()
                || Account::parse(&self.pay_to) == *offer.pay_to())
            && is_whole(&self.max_timeout_seconds, offer.max_timeout_seconds())
            && self.has_extra_of(offer)
    }

    fn has_extra_of(&self, offer: &Offer) -> bool {
        let nothing = Map::new();
        let Some(extra) = self.extra else {
            return is_extra_of(&nothing, offer);
        };
        if extra.get() == offer.extra_text() {
            return true;
        }
        match serde_json::from_str::<Option<Map<String, Value>>>(extra.get()) {
            Ok(Some(extra)) => {
                let adds =
                    |key: &&str| extra.contains_key(*key) && !offer.extra().contains_key(*key);
                is_extra_of(&extra, offer) && !OURS_TO_SAY.iter().any(adds)
            }
            Ok(None) => is_extra_of(&nothing, offer),
            Err(_) => false,
        }
    }

    /// The quote that it brings back: the buyer's word. Nothing long is looked at.
    pub(crate) fn quote(&self) -> Option<Box<str>> {
        #[derive(Deserialize)]
        struct Quoted<'a> {
            #[serde(borrow)]
            quote: Cow<'a, str>,
        }
        let extra = self.extra.map(RawValue::get);
        let extra = extra.filter(|json| json.starts_with('{'))?;
        let Quoted { quote } = serde_json::from_str(extra).ok()?;
        (quote.len() <= MAX_QUOTE).then(|| quote.into())
    }
}

/// Letters of the longest quote that is opened.
const MAX_QUOTE: usize = 4 * 1024;

/// Whether an echo has what the offer asks for in `extra`.
fn is_extra_of(extra: &Map<String, Value>, offer: &Offer) -> bool {
    let of_body = |digest| extra.get(BODY_DIGEST).and_then(Value::as_str) == Some(digest);
    contains(extra, offer.extra()) && offer.body_digest().is_none_or(of_body)
}

/// Whether a JSON number, `60` or `60.0`, is this whole number.
fn is_whole(number: &Number, expected: u64) -> bool {
    if let Some(whole) = number.as_u64() {
        return whole == expected;
    }
    let text = number.to_string();
    text.strip_suffix(".0").and_then(|whole| whole.parse().ok()) == Some(expected)
}

/// Whether all of `wanted` is in `have`, to any depth. Lists must be equal.
fn contains(have: &Map<String, Value>, wanted: &Map<String, Value>) -> bool {
    wanted
        .iter()
        .all(|(key, wanted)| match (have.get(key), wanted) {
            (Some(Value::Object(have)), Value::Object(wanted)) => contains(have, wanted),
            (Some(have), wanted) => have == wanted,
            (None, _) => false,
        })
}

#[cfg(test)]
mod tests;
