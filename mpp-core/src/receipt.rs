use http::HeaderName;
use payment_core::{JsonLimits, Timestamp, strict_json};
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
            mut members,
            at,
            ..
        } = settled;
        members.insert("challengeId".to_owned(), challenge_id.into());
        let timestamp = time::format(at.unwrap_or(now));
        Self {
            method: method.to_owned(),
            timestamp,
            reference,
            members,
        }
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
        let own = [
            ("status", "success"),
            ("method", &self.method),
            ("timestamp", &self.timestamp),
            ("reference", &self.reference),
        ];
        members.extend(own.map(|(name, text)| (name.to_owned(), text.into())));
        members
    }

    /// Writes the header value.
    #[must_use]
    pub fn format(&self) -> String {
        encode::to_base64url(Value::Object(self.to_object()).to_string().as_bytes())
    }

    /// When it was paid.
    #[must_use]
    pub fn paid_at(&self) -> Option<Timestamp> {
        time::parse(&self.timestamp)
    }
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
        let receipt = Receipt::of(settled, "evm", "id", Timestamp::from_seconds(1_768_478_698));
        let expected = serde_json::json!({
            "status": "success", "method": "evm", "timestamp": "2026-01-15T12:04:58Z",
            "reference": "0xab", "challengeId": "id", "chainId": 1,
        });
        assert_eq!(object(&receipt), expected);
    }

    #[test]
    fn the_time_of_the_settlement_goes_before_that_of_the_request() {
        let settled = Settled::new("0xab").at(Timestamp::from_seconds(5));
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
