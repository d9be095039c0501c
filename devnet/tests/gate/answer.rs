use alloy_primitives::B256;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::kitchen::MEAL;

/// What the buyer sees.
#[derive(Clone, Debug)]
pub struct Answer {
    pub path: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

const RECEIPTS: [&str; 3] = ["payment-response", "x-payment-response", "payment-receipt"];

impl Answer {
    pub async fn of(path: String, response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            path,
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON in a base64 header.
    pub fn message(&self, name: &str) -> Value {
        let text = self.header(name);
        let bytes = STANDARD.decode(text);
        let bytes = bytes.or_else(|_| URL_SAFE_NO_PAD.decode(text)).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The gate's own answer: this status and code, kept by no cache, with no proof of payment,
    /// no meal, and with every way to pay on each 402.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), &*self.code()),
            (status, code),
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.is_the_gates();
    }

    #[track_caller]
    pub fn is_the_gates(&self) {
        assert!(!self.status.is_success());
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(self.header("vary").contains("PAYMENT-SIGNATURE"));
        assert_eq!(self.json()["status"], self.status.as_u16());
        assert!(!self.body.windows(MEAL.len()).any(|w| w == MEAL.as_bytes()));
        for name in RECEIPTS {
            if self.headers.contains_key(name) {
                assert_eq!(self.message(name)["success"], false, "{name}");
            }
        }
        if self.status == StatusCode::PAYMENT_REQUIRED {
            self.asks_for_payment();
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(self.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }

    #[track_caller]
    fn asks_for_payment(&self) {
        let x402 = self.path != "/mpp";
        let mpp = self.path != "/x402";
        assert_eq!(self.headers.contains_key("payment-required"), x402);
        assert_eq!(self.json()["accepts"].is_array(), x402);
        assert_eq!(self.headers.contains_key("www-authenticate"), mpp);
        if mpp {
            assert!(self.header("www-authenticate").starts_with("Payment id="));
        }
    }

    /// The settlement may have happened: nobody is asked to pay again.
    #[track_caller]
    pub fn pending(&self) {
        self.refused(503, "settlement_pending");
        assert!(!self.headers.contains_key("payment-required"));
        assert!(!self.headers.contains_key("www-authenticate"));
    }

    /// A meal and the receipt that this header holds, and no other: the hash of the settlement.
    #[track_caller]
    pub fn served(&self, receipt: &str) -> B256 {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.body, MEAL);
        let caching = self.header("cache-control");
        assert!(caching.contains("private") && !caching.contains("public"));
        for name in ["Authorization", "PAYMENT-SIGNATURE", "X-PAYMENT"] {
            assert!(self.header("vary").contains(name), "{name}");
        }
        for name in RECEIPTS {
            let receipts = self.headers.get_all(name).iter().count();
            assert_eq!(receipts, usize::from(name == receipt), "{name}");
        }
        let message = self.message(receipt);
        let hash = if receipt == "payment-receipt" {
            assert_eq!(message["status"], "success");
            &message["reference"]
        } else {
            assert_eq!(message["success"], true);
            &message["transaction"]
        };
        hash.as_str().unwrap().parse().unwrap()
    }
}
