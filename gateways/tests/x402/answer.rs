use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::kitchen::MEAL;
use crate::words::is_telling;

/// What the buyer sees.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

/// That the payment was used.
pub const SPENT: &str = "invalid_exact_evm_nonce_already_used";

const RECEIPT: &str = "payment-response";

impl Answer {
    /// The answer, in which nothing is told that is OKX's or the seller's alone.
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let answer = Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        assert!(!is_telling(&answer.body), "{answer:?}");
        for value in answer.headers.values() {
            let decoded = STANDARD.decode(value).unwrap_or_default();
            assert!(!is_telling(value.as_bytes()), "{answer:?}");
            assert!(!is_telling(&decoded), "{answer:?}");
        }
        answer
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON in a base64 header.
    pub fn message(&self, name: &str) -> Value {
        serde_json::from_slice(&STANDARD.decode(self.header(name)).unwrap()).unwrap()
    }

    /// A meal, and the receipt that goes with it.
    #[track_caller]
    pub fn served(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.body, MEAL);
        assert!(self.header("cache-control").contains("private"));
        assert_eq!(self.headers.get_all(RECEIPT).iter().count(), 1);
        let receipt = self.message(RECEIPT);
        assert_eq!(receipt["success"], true);
        assert_eq!(receipt["network"], "eip155:196");
        receipt
    }

    /// The gate's own answer: this status and code, kept by no cache, with no proof of payment
    /// and no meal. Only a 402 asks for a payment.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let said = (self.status.as_u16(), &*self.code());
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(said, (status, code), "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(!body.contains(MEAL));
        assert_eq!(self.headers.contains_key("payment-required"), status == 402);
        if let Some(said) = self.failure() {
            assert_eq!(said["success"], false);
        }
        if matches!(status, 503 | 409) {
            assert!(self.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }

    /// The receipt of a settlement that did not succeed, or not yet.
    fn failure(&self) -> Option<Value> {
        let there = self.headers.contains_key(RECEIPT);
        there.then(|| self.message(RECEIPT))
    }

    /// The settlement may have happened: nobody is asked to pay again.
    #[track_caller]
    pub fn pending(&self) {
        self.refused(503, "settlement_pending");
        let said = self.failure().unwrap();
        assert_eq!(said["errorReason"], "settlement_pending");
        assert_eq!(said["network"], "eip155:196");
    }

    /// The payment was used: there is a fresh offer, and no meal.
    #[track_caller]
    pub fn spent(&self) {
        self.refused(402, SPENT);
    }
}
