//! Messages of version 1. Texts are kept ASCII by escaping: clients of this version read base64
//! as Latin-1.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The JSON body of a 402.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PaymentRequired {
    /// Always 1.
    #[serde(rename = "x402Version")]
    pub x402_version: u8,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The ways to pay.
    pub accepts: Vec<PaymentRequirements>,
}

/// One way to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentRequirements {
    /// `exact`.
    pub scheme: String,
    /// A name such as `base-sepolia`.
    pub network: String,
    /// Base units, decimal.
    pub max_amount_required: String,
    /// Token address.
    pub asset: String,
    /// Account to be paid.
    pub pay_to: String,
    /// The URL of what is sold.
    pub resource: String,
    /// For a human; may be empty.
    #[serde(default)]
    pub description: String,
    /// Media type of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Shape of the answer; passed on, not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// How long the payment may be good for, in seconds.
    pub max_timeout_seconds: u64,
    /// Data of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
}

impl PaymentRequirements {
    /// A text of `extra`, such as `name`.
    #[must_use]
    pub fn extra_text(&self, key: &str) -> Option<&str> {
        self.extra.as_ref()?.get(key)?.as_str()
    }
}

/// A payment: the content of `X-PAYMENT`.
#[derive(Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PaymentPayload {
    /// Always 1.
    #[serde(rename = "x402Version")]
    pub x402_version: u8,
    /// The scheme of the chosen offer.
    pub scheme: String,
    /// The network of the chosen offer, by name.
    pub network: String,
    /// What the scheme needs, such as a signature. A credential.
    pub payload: Box<RawValue>,
}

impl PaymentPayload {
    /// A payment on this network.
    #[must_use]
    pub fn new(
        scheme: impl Into<String>,
        network: impl Into<String>,
        payload: Box<RawValue>,
    ) -> Self {
        Self {
            x402_version: 1,
            scheme: scheme.into(),
            network: network.into(),
            payload,
        }
    }
}

impl fmt::Debug for PaymentPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentPayload")
            .field("scheme", &self.scheme)
            .field("network", &self.network)
            .field("payload", &"[redacted]")
            .finish_non_exhaustive()
    }
}
