use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The answer of `/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VerifyResponse {
    /// Whether the payment is good.
    pub is_valid: bool,
    /// The code when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<String>,
    /// The same in prose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_message: Option<String>,
    /// Who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// Data of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
}

impl VerifyResponse {
    /// A payment that is good.
    #[must_use]
    pub const fn valid(payer: Option<String>) -> Self {
        Self {
            is_valid: true,
            invalid_reason: None,
            invalid_message: None,
            payer,
            extra: None,
        }
    }

    /// A payment that is not, with its code.
    #[must_use]
    pub fn invalid(reason: impl Into<String>, payer: Option<String>) -> Self {
        Self {
            is_valid: false,
            invalid_reason: Some(reason.into()),
            ..Self::valid(payer)
        }
    }
}

/// The answer of `/settle`, and the content of `PAYMENT-RESPONSE` and `X-PAYMENT-RESPONSE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SettleResponse {
    /// Whether the money has moved.
    pub success: bool,
    /// The code when it has not. `settlement_pending` means that it may yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// The same in prose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The transaction hash; empty when there is none.
    #[serde(default)]
    pub transaction: String,
    /// CAIP-2 in v2, a name in v1.
    #[serde(default)]
    pub network: String,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// What moved, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// How far it is, where a facilitator says: `success`, `pending`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Data of the scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
    /// Data of extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Map<String, Value>>,
}

impl SettleResponse {
    /// Money that has moved.
    #[must_use]
    pub fn success(
        transaction: impl Into<String>,
        network: impl Into<String>,
        payer: Option<String>,
    ) -> Self {
        Self {
            success: true,
            error_reason: None,
            error_message: None,
            transaction: transaction.into(),
            network: network.into(),
            payer,
            amount: None,
            status: None,
            extra: None,
            extensions: None,
        }
    }

    /// Money that has not moved, or not yet, with the code.
    #[must_use]
    pub fn failure(
        reason: impl Into<String>,
        transaction: impl Into<String>,
        network: impl Into<String>,
        payer: Option<String>,
    ) -> Self {
        Self {
            success: false,
            error_reason: Some(reason.into()),
            ..Self::success(transaction, network, payer)
        }
    }
}

/// The answer of `/supported`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SupportedResponse {
    /// What is supported, by version, scheme and network.
    #[serde(default)]
    pub kinds: Vec<SupportedKind>,
    /// Keys of extensions.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Addresses that sign, by network pattern.
    #[serde(default)]
    pub signers: BTreeMap<String, Vec<String>>,
}

impl SupportedResponse {
    /// Support of these kinds.
    #[must_use]
    pub fn new(kinds: Vec<SupportedKind>) -> Self {
        Self {
            kinds,
            ..Self::default()
        }
    }
}

/// One thing that a facilitator supports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SupportedKind {
    /// 1 or 2.
    #[serde(rename = "x402Version")]
    pub x402_version: u8,
    /// `exact`, …
    pub scheme: String,
    /// CAIP-2 in v2, a name in v1; v2 may say `eip155:*`.
    pub network: String,
    /// Data that offers of this kind need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Map<String, Value>>,
}

impl SupportedKind {
    /// A kind without data of its own.
    #[must_use]
    pub fn new(version: u8, scheme: impl Into<String>, network: impl Into<String>) -> Self {
        Self {
            x402_version: version,
            scheme: scheme.into(),
            network: network.into(),
            extra: None,
        }
    }
}
