use std::fmt;

use alloy_primitives::{Address, B256};
use mpp_core::CredentialError;
use payment_evm::{Authorization, EvmSignature, wire};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::CredentialType;
use crate::session::ChannelId;

/// The method's part of a credential of a session. The same payload may answer several challenges:
/// what it promises is in it, not in the challenge.
#[derive(Clone)]
pub struct SessionPayload {
    json: Box<RawValue>,
    source: Option<Address>,
}

impl SessionPayload {
    pub(super) fn of(payload: &impl Serialize) -> Result<Self, CredentialError> {
        let json = to_raw_value(payload).map_err(|_| CredentialError::Shape)?;
        Ok(Self { json, source: None })
    }

    /// Says who has paid, where the payload does not.
    pub(super) const fn from(mut self, payer: Address) -> Self {
        self.source = Some(payer);
        self
    }

    pub(super) const fn source(&self) -> Option<Address> {
        self.source
    }
}

impl Serialize for SessionPayload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl fmt::Debug for SessionPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionPayload([redacted])")
    }
}

/// evm-session, Credential Payload: `open` by `authorization`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "open")]
pub(super) struct Open {
    #[serde(rename = "type")]
    pub(super) kind: CredentialType,
    pub(super) channel_id: ChannelId,
    pub(super) authorization: WireAuthorization,
    pub(super) signature: EvmSignature,
    pub(super) cumulative_amount: Decimal,
    pub(super) voucher_signature: EvmSignature,
    #[serde(with = "wire::word")]
    pub(super) salt: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorized_signer: Option<LowerHex>,
}

/// evm-session, Credential Payload: `open` by `hash`. Here `signature` is that of the voucher.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "open")]
pub(super) struct Opened {
    #[serde(rename = "type")]
    pub(super) kind: CredentialType,
    pub(super) channel_id: ChannelId,
    #[serde(with = "wire::word")]
    pub(super) hash: B256,
    pub(super) cumulative_amount: Decimal,
    pub(super) signature: EvmSignature,
    #[serde(with = "wire::word")]
    pub(super) salt: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorized_signer: Option<LowerHex>,
}

/// evm-session, Credential Payload: `topUp` by `authorization`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "topUp")]
pub(super) struct TopUp {
    #[serde(rename = "type")]
    pub(super) kind: CredentialType,
    pub(super) channel_id: ChannelId,
    pub(super) authorization: WireAuthorization,
    pub(super) signature: EvmSignature,
    pub(super) additional_deposit: Decimal,
    #[serde(with = "wire::word")]
    pub(super) salt: B256,
}

/// evm-session, Credential Payload: `topUp` by `hash`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "topUp")]
pub(super) struct ToppedUp {
    #[serde(rename = "type")]
    pub(super) kind: CredentialType,
    pub(super) channel_id: ChannelId,
    #[serde(with = "wire::word")]
    pub(super) hash: B256,
    pub(super) additional_deposit: Decimal,
}

/// `open` in OKX's words (mpp, 17).
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "open")]
pub(super) struct OkxOpen {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) channel_id: ChannelId,
    #[serde(with = "wire::word")]
    pub(super) salt: B256,
    pub(super) authorization: OkxAuthorization,
    pub(super) signature: EvmSignature,
    pub(super) cumulative_amount: Decimal,
    pub(super) voucher_signature: EvmSignature,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorized_signer: Option<LowerHex>,
}

/// `topUp` in OKX's words (mpp, 17).
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "action", rename = "topUp")]
pub(super) struct OkxTopUp {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) channel_id: ChannelId,
    pub(super) additional_deposit: Decimal,
    #[serde(with = "wire::word")]
    pub(super) top_up_salt: B256,
    pub(super) authorization: OkxAuthorization,
    pub(super) signature: EvmSignature,
}

/// evm-session, Credential Payload: `voucher` and `close`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promise {
    pub(super) action: &'static str,
    pub(super) channel_id: ChannelId,
    pub(super) cumulative_amount: Decimal,
    pub(super) signature: EvmSignature,
}

/// The authorization as the recorded exchange spells it: addresses in lower case.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAuthorization {
    from: LowerHex,
    to: LowerHex,
    value: String,
    valid_after: String,
    valid_before: String,
    #[serde(with = "wire::word")]
    nonce: B256,
}

impl From<&Authorization> for WireAuthorization {
    fn from(authorization: &Authorization) -> Self {
        Self {
            from: LowerHex(authorization.from),
            to: LowerHex(authorization.to),
            value: authorization.value.to_string(),
            valid_after: authorization.valid_after.to_string(),
            valid_before: authorization.valid_before.to_string(),
            nonce: authorization.nonce,
        }
    }
}

/// The same as OKX's buyers spell it: with its kind, and addresses with their checksum.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OkxAuthorization {
    #[serde(rename = "type")]
    kind: &'static str,
    from: String,
    to: String,
    value: String,
    valid_after: String,
    valid_before: String,
    #[serde(with = "wire::word")]
    nonce: B256,
}

impl From<&Authorization> for OkxAuthorization {
    fn from(authorization: &Authorization) -> Self {
        Self {
            kind: "eip-3009",
            from: authorization.from.to_checksum(None),
            to: authorization.to.to_checksum(None),
            value: authorization.value.to_string(),
            valid_after: authorization.valid_after.to_string(),
            valid_before: authorization.valid_before.to_string(),
            nonce: authorization.nonce,
        }
    }
}

pub(super) struct LowerHex(pub(super) Address);

impl Serialize for LowerHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Base units as a decimal text.
pub(super) struct Decimal(pub(super) u128);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
