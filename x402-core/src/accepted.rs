use std::borrow::Cow;

use payment_core::{Account, Asset};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::Offer;

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
    /// in the offer's `extra` there. Other members are not looked at and go nowhere.
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
        let Some(extra) = self.extra else {
            return offer.extra().is_empty();
        };
        if extra.get() == offer.extra_text() {
            return true;
        }
        match serde_json::from_str::<Option<Map<String, Value>>>(extra.get()) {
            Ok(Some(extra)) => {
                let adds =
                    |key: &&str| extra.contains_key(*key) && !offer.extra().contains_key(*key);
                contains(&extra, offer.extra()) && !OURS_TO_SAY.iter().any(adds)
            }
            Ok(None) => offer.extra().is_empty(),
            Err(_) => false,
        }
    }
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
