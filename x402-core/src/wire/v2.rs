//! Messages of version 2.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What a 402 says: the content of `PAYMENT-REQUIRED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentRequired {
    /// Always 2.
    #[serde(rename = "x402Version")]
    pub x402_version: u8,
    /// Why; free text or a code. Not to be parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is sold.
    pub resource: ResourceInfo,
    /// The ways to pay, at least one.
    pub accepts: Vec<PaymentRequirements>,
    /// Extensions by key; passed on, not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

/// What is sold, in words and as a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceInfo {
    /// The URL. In a payment it is the buyer's echo and proves nothing.
    pub url: String,
    /// For a human.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media type of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Name of the service, for catalogues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Tags, for catalogues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// An icon, for catalogues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
}

impl ResourceInfo {
    /// A resource known by its URL alone.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }
}

/// One way to pay, as a client or a facilitator reads it. What a seller offers is an
/// [`Offer`](crate::Offer).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentRequirements {
    /// `exact`, `upto`, …
    pub scheme: String,
    /// CAIP-2.
    pub network: String,
    /// Base units, decimal.
    pub amount: String,
    /// Token address, or what else names the asset.
    pub asset: String,
    /// Account to be paid, or a role word.
    pub pay_to: String,
    /// How long the payment may be good for, in seconds.
    pub max_timeout_seconds: u64,
    /// Data of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
}

impl PaymentRequirements {
    /// One way to pay, without scheme data.
    #[must_use]
    pub fn new(
        scheme: impl Into<String>,
        network: impl Into<String>,
        amount: impl Into<String>,
        asset: impl Into<String>,
        pay_to: impl Into<String>,
        max_timeout_seconds: u64,
    ) -> Self {
        Self {
            scheme: scheme.into(),
            network: network.into(),
            amount: amount.into(),
            asset: asset.into(),
            pay_to: pay_to.into(),
            max_timeout_seconds,
            extra: None,
        }
    }

    /// A text of `extra`, such as `name`.
    #[must_use]
    pub fn extra_text(&self, key: &str) -> Option<&str> {
        self.extra.as_ref()?.get(key)?.as_str()
    }
}

/// A payment: the content of `PAYMENT-SIGNATURE`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PaymentPayload {
    /// Always 2.
    #[serde(rename = "x402Version")]
    pub x402_version: u8,
    /// Echo of what is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceInfo>,
    /// Echo of the chosen offer.
    pub accepted: PaymentRequirements,
    /// What the scheme needs, such as a signature. A credential.
    pub payload: Box<RawValue>,
    /// Echo of extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

impl PaymentPayload {
    /// A payment for this offer.
    #[must_use]
    pub const fn new(
        resource: Option<ResourceInfo>,
        accepted: PaymentRequirements,
        payload: Box<RawValue>,
    ) -> Self {
        Self {
            x402_version: 2,
            resource,
            accepted,
            payload,
            extensions: None,
        }
    }
}

impl fmt::Debug for PaymentPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentPayload")
            .field("resource", &self.resource)
            .field("accepted", &self.accepted)
            .field("payload", &"[redacted]")
            .finish_non_exhaustive()
    }
}
