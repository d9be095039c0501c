use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// Reads an EIP-3009 payload that an account with a key has signed. Members that are not read
/// are left out of what is sent on.
pub(crate) fn read(payload: &RawValue) -> Result<(Authorization, EvmSignature), Refusal> {
    let presented = Presented::read(payload)?;
    let authorization = presented.authorization()?;
    Ok((authorization, signature(&presented.signature()?)?))
}

/// Reads an EIP-3009 payload that is sent on as it came: it has no member that is not read, and
/// its signature is left to whoever knows what it is.
pub(crate) fn read_whole(payload: &RawValue) -> Result<(Authorization, Cow<'_, str>), Refusal> {
    let presented = Presented::read(payload)?;
    let authorization = presented.authorization()?;
    let members = count(payload)? + presented.authorization.map_or(Ok(0), count)?;
    if members != SIGNED + AUTHORIZED {
        return Err(refuse(Code::Malformed));
    }
    Ok((authorization, presented.signature()?))
}

/// Members of a payload: `signature` and `authorization`.
const SIGNED: usize = 2;
/// Members of an authorization. Each is required, so that no more than these are these.
const AUTHORIZED: usize = 6;

/// How many members an object has.
fn count(object: &RawValue) -> Result<usize, Refusal> {
    let members: BTreeMap<String, IgnoredAny> =
        serde_json::from_str(object.get()).map_err(|_| refuse(Code::Malformed))?;
    Ok(members.len())
}

impl<'a> Presented<'a> {
    fn read(payload: &'a RawValue) -> Result<Self, Refusal> {
        let presented: Self =
            serde_json::from_str(payload.get()).map_err(|_| refuse(Code::Malformed))?;
        // Two kinds at once would let the facilitator settle another than we check.
        if presented.permit2.is_some() || presented.delegation_manager.is_some() {
            return Err(refuse(Code::PayloadType));
        }
        Ok(presented)
    }

    fn authorization(&self) -> Result<Authorization, Refusal> {
        let object = self
            .authorization
            .map(RawValue::get)
            .filter(|json| json.starts_with('{'))
            .ok_or_else(|| refuse(Code::Malformed))?;
        serde_json::from_str(object).map_err(|_| refuse(Code::Malformed))
    }

    fn signature(self) -> Result<Cow<'a, str>, Refusal> {
        self.signature.ok_or_else(|| refuse(Code::Malformed))
    }
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
