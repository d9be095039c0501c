use std::borrow::Cow;

use payment_core::Refusal;
use payment_evm::{Authorization, EvmSignature};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use x402_core::{Code, refuse};

/// The `payload` of an exact payment by EIP-3009, as it is sent.
#[derive(Serialize)]
pub(crate) struct ExactPayload<'a> {
    pub(crate) signature: &'a EvmSignature,
    pub(crate) authorization: &'a Authorization,
}

impl ExactPayload<'_> {
    /// The JSON: addresses with their checksum, nothing but what was read.
    pub(crate) fn to_raw(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(self)
    }
}

/// The same as it comes in. The other kinds of payload are told apart by their members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presented<'a> {
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    authorization: Option<&'a RawValue>,
    #[serde(default, rename = "permit2Authorization")]
    permit2: Option<IgnoredAny>,
    #[serde(default)]
    delegation_manager: Option<IgnoredAny>,
}

/// Reads an EIP-3009 payload.
pub(crate) fn read(payload: &RawValue) -> Result<(Authorization, EvmSignature), Refusal> {
    let malformed = || refuse(Code::Malformed);
    let presented: Presented<'_> = serde_json::from_str(payload.get()).map_err(|_| malformed())?;
    // Two kinds at once would let the facilitator settle another than we check.
    if presented.permit2.is_some() || presented.delegation_manager.is_some() {
        return Err(refuse(Code::PayloadType));
    }
    let authorization = presented.authorization.ok_or_else(malformed)?;
    if !authorization.get().starts_with('{') {
        return Err(malformed());
    }
    let authorization = serde_json::from_str(authorization.get()).map_err(|_| malformed())?;
    let signature = signature(&presented.signature.ok_or_else(malformed)?)?;
    Ok((authorization, signature))
}

/// The end of a signature by ERC-6492.
const ERC6492: &str = "6492649264926492649264926492649264926492649264926492649264926492";

/// RULES.md, T30 and T32: one form for accounts with a key, a plain "no" for contracts.
fn signature(text: &str) -> Result<EvmSignature, Refusal> {
    match EvmSignature::from_hex(text) {
        Ok(signature) => Ok(signature),
        Err(_) => Err(refuse(match text.strip_prefix("0x") {
            Some(digits) if digits.len() > 130 && digits.ends_with(ERC6492) => {
                Code::UndeployedSignature
            }
            Some(digits) if digits.len() > 130 && is_bytes(digits) => Code::ContractSignature,
            _ => Code::Signature,
        })),
    }
}

fn is_bytes(digits: &str) -> bool {
    digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}
