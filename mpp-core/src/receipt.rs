use http::HeaderName;
use payment_core::{JsonLimits, Timestamp, strict_json};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::challenge::is_method;
use crate::{Settled, encode, time};

/// The response header that carries a receipt.
pub const PAYMENT_RECEIPT: HeaderName = HeaderName::from_static("payment-receipt");

/// Largest receipt that is read, in characters.
const MAX_READ: usize = 16 * 1024;

/// What a buyer gets for a payment. There are none for payments that failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Receipt {
    /// The payment method.
    pub method: String,
    /// When it was paid, RFC 3339, as written by the server.
    pub timestamp: String,
    /// What names the settlement, such as a transaction hash.
    pub reference: String,
    /// All other members, kept as they came.
    pub members: Map<String, Value>,
}

/// A text that is not a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt of a successful payment")]
pub struct ReceiptError;

impl Receipt {
    /// The receipt of a settlement under this challenge.
    #[must_use]
    pub fn of(settled: Settled, method: &str, challenge_id: &str, now: Timestamp) -> Self {
        let Settled {
            reference,
            members,
            at,
            ..
        } = settled;
        let members = members
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value));
        let mut members: Map<_, _> = members.collect();
        members.insert(CHALLENGE_ID.to_owned(), challenge_id.into());
        let timestamp = time::format(at.unwrap_or(now));
        Self {
            method: method.to_owned(),
            timestamp,
            reference,
            members,
        }
    }

    /// The header value of [`Receipt::of`], written without what it is made of.
    pub(crate) fn value_of(
        settled: &Settled,
        method: &str,
        challenge_id: &str,
        now: Timestamp,
    ) -> String {
        let timestamp = time::format(settled.at.unwrap_or(now));
        let own = own(method, &timestamp, &settled.reference);
        let members = settled.members.iter();
        let members = members
            .map(|(name, value)| (&**name, Member::Given(value)))
            .filter(|(name, _)| *name != CHALLENGE_ID)
            .chain([(CHALLENGE_ID, Member::Text(challenge_id))]);
        write(own, members)
    }

    /// Reads the header value.
    ///
    /// # Errors
    ///
    /// `ReceiptError` unless it is base64 of a JSON object with status `success` and the members
    /// that every receipt has.
    pub fn parse(value: &str) -> Result<Self, ReceiptError> {
        if value.len() > MAX_READ {
            return Err(ReceiptError);
        }
        let json = encode::from_base64(value.trim().as_bytes()).ok_or(ReceiptError)?;
        strict_json(&json, JsonLimits::default()).map_err(|_| ReceiptError)?;
        let mut members: Map<String, Value> =
            serde_json::from_slice(&json).map_err(|_| ReceiptError)?;
        let mut text = |name| match members.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(ReceiptError),
        };
        let status = text("status")?;
        let (method, timestamp, reference) =
            (text("method")?, text("timestamp")?, text("reference")?);
        let sound = status == "success" && is_method(&method) && time::parse(&timestamp).is_some();
        if !sound {
            return Err(ReceiptError);
        }
        Ok(Self {
            method,
            timestamp,
            reference,
            members,
        })
    }

    /// All members, as an event of a stream carries them. The method's own can't replace those
    /// that every receipt has.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        let mut members = self.members.clone();
        let own = own(&self.method, &self.timestamp, &self.reference);
        members.extend(own.map(|(name, text)| (name.to_owned(), text.into())));
        members
    }

    /// Writes the header value.
    #[must_use]
    pub fn format(&self) -> String {
        let own = own(&self.method, &self.timestamp, &self.reference);
        let members = self.members.iter();
        write(
            own,
            members.map(|(name, value)| (name.as_str(), Member::Given(value))),
        )
    }

    /// When it was paid.
    #[must_use]
    pub fn paid_at(&self) -> Option<Timestamp> {
        time::parse(&self.timestamp)
    }
}

const CHALLENGE_ID: &str = "challengeId";

type Own<'a> = [(&'static str, &'a str); 4];

/// The members that every receipt has.
const fn own<'a>(method: &'a str, timestamp: &'a str, reference: &'a str) -> Own<'a> {
    [
        ("status", "success"),
        ("method", method),
        ("timestamp", timestamp),
        ("reference", reference),
    ]
}

/// One member of a receipt.
#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(&'a str),
    Given(&'a Value),
}

/// Writes the header value. Of two members of one name, that counts which every receipt has.
fn write<'a>(own: Own<'a>, members: impl Iterator<Item = (&'a str, Member<'a>)>) -> String {
    let others = members.filter(|(name, _)| own.iter().all(|(known, _)| known != name));
    let all = own.map(|(name, text)| (name, Member::Text(text)));
    let mut json = Vec::with_capacity(512);
    let written = serde_json::Serializer::new(&mut json).collect_map(all.into_iter().chain(others));
    // Texts and values always serialize, and a vector takes all that is written to it.
    debug_assert!(written.is_ok());
    encode::to_base64url(&json)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn object(receipt: &Receipt) -> Value {
        let json = encode::from_base64(receipt.format().as_bytes()).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn only_receipts_of_success_are_read() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("receipt_parse");
        for case in vectors::cases(&file, "/receipt_parse") {
            let read = Receipt::parse(vectors::text(case, "header"));
            assert_eq!(read.is_ok(), case["recommended"] == "accept", "{case}");
            if let Ok(receipt) = read {
                assert_eq!(object(&receipt), case["decoded"]);
                assert!(receipt.paid_at().is_some());
            }
            tally.ran();
        }
        assert_eq!(tally.count(), 18);
    }

    #[test]
    fn a_receipt_reads_back() {
        let file = vectors::load("mpp_core.json");
        let exchange = &file["evm"]["charge_exchange"];
        let receipt = Receipt::parse(vectors::text(exchange, "payment_receipt")).unwrap();
        assert_eq!(object(&receipt), exchange["receipt"]);
        assert_eq!(Receipt::parse(&receipt.format()), Ok(receipt));
    }

    #[test]
    fn a_method_cannot_replace_what_every_receipt_has() {
        let settled = Settled::new("0xab")
            .member("status", "failed")
            .member("method", "x")
            .member("timestamp", "never")
            .member("reference", "0xcd")
            .member("challengeId", "z")
            .member("chainId", 1);
        let now = Timestamp::from_seconds(1_768_478_698);
        let value = Receipt::value_of(&settled, "evm", "id", now);
        let receipt = Receipt::of(settled, "evm", "id", now);
        let expected = serde_json::json!({
            "status": "success", "method": "evm", "timestamp": "2026-01-15T12:04:58Z",
            "reference": "0xab", "challengeId": "id", "chainId": 1,
        });
        assert_eq!(object(&receipt), expected);
        assert_eq!(Value::Object(receipt.to_object()), expected);
        assert_eq!(Receipt::parse(&value), Receipt::parse(&receipt.format()));
    }

    #[test]
    fn the_time_of_the_settlement_goes_before_that_of_the_request() {
        let settled = Settled::new("0xab").at(Timestamp::from_seconds(5));
        let value = Receipt::value_of(&settled, "evm", "id", Timestamp::from_seconds(1));
        let read = Receipt::parse(&value).unwrap();
        assert_eq!(read.paid_at(), Some(Timestamp::from_seconds(5)));
        let receipt = Receipt::of(settled, "evm", "id", Timestamp::from_seconds(1));
        assert_eq!(receipt.paid_at(), Some(Timestamp::from_seconds(5)));
    }

    #[test]
    fn long_receipts_are_not_read() {
        let mut receipt = Receipt::of(Settled::new("x"), "evm", "id", Timestamp::default());
        receipt
            .members
            .insert("pad".into(), "x".repeat(MAX_READ).into());
        assert_eq!(Receipt::parse(&receipt.format()), Err(ReceiptError));
    }
}
