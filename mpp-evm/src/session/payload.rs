//! The payload of a session credential: what each action carries on the wire, told apart by shape.

use std::borrow::Cow;

use alloy_primitives::{Address, B256, U256};
use payment_core::Units;
use payment_evm::{Authorization, EvmSignature, wire};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::objection::Objection;
use super::{ChannelId, SignedVoucher};
use crate::CredentialType;
use crate::payload::{Object, Text};

/// A payload whose members fit one action. Nothing in it has been compared with anything.
pub(crate) enum Payload {
    Open(Box<Open>),
    TopUp(Box<TopUp>),
    Voucher(VoucherPayload),
    Close(Signed),
}

/// An amount on a channel, and the signature that promises it.
#[derive(Clone, Copy)]
pub(crate) struct Signed {
    pub(crate) channel: ChannelId,
    pub(crate) cumulative: u128,
    pub(crate) signature: EvmSignature,
}

pub(crate) struct Open {
    pub(crate) channel: ChannelId,
    /// The first voucher. OKX's buyers may leave it for later.
    pub(crate) voucher: Option<SignedVoucher>,
    pub(crate) deposit: Deposit,
    pub(crate) salt: B256,
    pub(crate) authorized_signer: Address,
}

pub(crate) struct TopUp {
    pub(crate) channel: ChannelId,
    pub(crate) additional: u128,
    pub(crate) deposit: Deposit,
    pub(crate) salt: Option<B256>,
}

pub(crate) struct VoucherPayload {
    pub(crate) voucher: Signed,
    /// A deposit to make before the voucher is looked at.
    pub(crate) first: Option<Box<First>>,
}

pub(crate) enum First {
    Open {
        deposit: Deposit,
        salt: B256,
        authorized_signer: Address,
    },
    TopUp {
        deposit: Deposit,
        salt: Option<B256>,
    },
}

pub(crate) enum Deposit {
    Hash(B256),
    Authorization {
        authorization: Authorization,
        signature: EvmSignature,
    },
    Permit2 {
        permit: Permit,
        signature: EvmSignature,
    },
}

impl Deposit {
    pub(crate) const fn kind(&self) -> CredentialType {
        match self {
            Self::Hash(_) => CredentialType::Hash,
            Self::Authorization { .. } => CredentialType::Authorization,
            Self::Permit2 { .. } => CredentialType::Permit2,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Permit {
    #[serde(with = "wire::address")]
    pub(crate) from: Address,
    pub(crate) permitted: Object<Permitted>,
    #[serde(with = "wire::decimal")]
    pub(crate) nonce: U256,
    #[serde(with = "wire::decimal")]
    pub(crate) deadline: U256,
    pub(crate) witness: Object<Witness>,
}

#[derive(Deserialize)]
pub(crate) struct Permitted {
    #[serde(with = "wire::address")]
    pub(crate) token: Address,
    pub(crate) amount: Units,
}

/// The members of both witnesses. Which of them are there tells the purpose.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Witness {
    pub(crate) payee: Option<HexAddress>,
    pub(crate) salt: Option<Hex32>,
    pub(crate) authorized_signer: Option<HexAddress>,
    pub(crate) channel_id: Option<ChannelId>,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct HexAddress(#[serde(with = "wire::address")] pub(crate) Address);

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Hex32(#[serde(with = "wire::word")] pub(crate) B256);

/// Every member of every action, and of a deposit inside a voucher. Which of them are there tells
/// the shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    channel_id: Option<ChannelId>,
    cumulative_amount: Option<Units>,
    additional_deposit: Option<Units>,
    hash: Option<Hex32>,
    #[serde(borrow)]
    authorization: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    voucher_signature: Option<Text<'a>>,
    salt: Option<Hex32>,
    top_up_salt: Option<Hex32>,
    #[serde(borrow)]
    authorized_signer: Option<Text<'a>>,
    #[serde(borrow)]
    deposit: Option<&'a RawValue>,
}

impl Payload {
    /// Reads a payload. (mpp, 12.6 and 17.1)
    pub(crate) fn read(json: &str) -> Result<Self, Objection> {
        let members: Members<'_> = serde_json::from_str(json).map_err(|_| Objection::Shape)?;
        let channel = members.channel_id.ok_or(Objection::Shape)?;
        match &*members.action {
            "open" => members.open(channel).map(Box::new).map(Self::Open),
            "topUp" => members.top_up(channel).map(Box::new).map(Self::TopUp),
            "voucher" => members.voucher(channel).map(Self::Voucher),
            "close" => members.close(channel).map(Self::Close),
            _ => Err(Objection::Action),
        }
    }
}

impl Members<'_> {
    fn open(&self, channel: ChannelId) -> Result<Open, Objection> {
        let deposit = self.deposit()?;
        // The same member is the voucher's signature where the deposit needs none.
        let signature = match deposit {
            Deposit::Hash(_) => &self.signature,
            _ => &self.voucher_signature,
        };
        let alone = self.additional_deposit.is_none()
            && self.top_up_salt.is_none()
            && self.deposit.is_none();
        alone.then_some(()).ok_or(Objection::Shape)?;
        Ok(Open {
            channel,
            voucher: self.first_voucher(signature)?,
            deposit,
            salt: self.salt.ok_or(Objection::Shape)?.0,
            authorized_signer: self.signer()?,
        })
    }

    /// The voucher of an opening. Without a signature there is none, and no amount counts: what
    /// nobody has signed is no credit. Some buyers send an empty text for none. (okx, 10.2)
    fn first_voucher(
        &self,
        signature: &Option<Text<'_>>,
    ) -> Result<Option<SignedVoucher>, Objection> {
        if signature.as_ref().is_none_or(|text| text.0.is_empty()) {
            let claimed = self.cumulative_amount.unwrap_or(Units::ZERO);
            let claims_nothing = claimed.is_zero().then_some(None);
            return claims_nothing.ok_or(Objection::NoSignature);
        }
        Ok(Some(SignedVoucher {
            cumulative: amount(self.cumulative_amount)?,
            signature: read_signature(signature)?,
        }))
    }

    fn top_up(&self, channel: ChannelId) -> Result<TopUp, Objection> {
        let alone = self.cumulative_amount.is_none()
            && self.voucher_signature.is_none()
            && self.authorized_signer.is_none()
            && self.deposit.is_none();
        alone.then_some(()).ok_or(Objection::Shape)?;
        Ok(TopUp {
            channel,
            additional: amount(self.additional_deposit)?,
            deposit: self.deposit()?,
            salt: self.one_salt()?,
        })
    }

    fn voucher(&self, channel: ChannelId) -> Result<VoucherPayload, Objection> {
        self.bare()?;
        let first = match self.deposit {
            Some(json) => Some(Box::new(First::read(json)?)),
            None => None,
        };
        let voucher = self.signed(channel)?;
        Ok(VoucherPayload { voucher, first })
    }

    fn close(&self, channel: ChannelId) -> Result<Signed, Objection> {
        self.bare()?;
        self.deposit
            .is_none()
            .then_some(())
            .ok_or(Objection::Shape)?;
        self.signed(channel)
    }

    fn signed(&self, channel: ChannelId) -> Result<Signed, Objection> {
        Ok(Signed {
            channel,
            cumulative: amount(self.cumulative_amount)?,
            signature: read_signature(&self.signature)?,
        })
    }

    /// Whether no member of a deposit is there: what has members of two shapes is neither.
    fn bare(&self) -> Result<(), Objection> {
        let bare = self.kind.is_none()
            && self.hash.is_none()
            && self.authorization.is_none()
            && self.voucher_signature.is_none()
            && self.salt.is_none()
            && self.top_up_salt.is_none()
            && self.authorized_signer.is_none()
            && self.additional_deposit.is_none();
        bare.then_some(()).ok_or(Objection::Shape)
    }

    fn deposit(&self) -> Result<Deposit, Objection> {
        let kind = self.kind.as_ref().map(|kind| &*kind.0);
        match (kind, self.hash, self.authorization) {
            (Some("hash"), Some(hash), None) if self.voucher_signature.is_none() => {
                Ok(Deposit::Hash(hash.0))
            }
            // Some buyers say `transaction` for the same.
            (Some("authorization" | "transaction"), None, Some(json)) => {
                Ok(Deposit::Authorization {
                    authorization: object(json)?,
                    signature: read_signature(&self.signature)?,
                })
            }
            (Some("permit2"), None, Some(json)) => Ok(Deposit::Permit2 {
                permit: object(json)?,
                signature: read_signature(&self.signature)?,
            }),
            (Some("hash" | "authorization" | "transaction" | "permit2") | None, ..) => {
                Err(Objection::Shape)
            }
            _ => Err(Objection::Type),
        }
    }

    /// The salt, by either of its names, not by both.
    fn one_salt(&self) -> Result<Option<B256>, Objection> {
        match (self.salt, self.top_up_salt) {
            (Some(_), Some(_)) => Err(Objection::Shape),
            (one, other) => Ok(one.or(other).map(|salt| salt.0)),
        }
    }

    /// Who is to sign vouchers; the zero address stands for the payer, and so does an empty text.
    /// (okx, 10.2)
    fn signer(&self) -> Result<Address, Objection> {
        match &self.authorized_signer {
            Some(text) if !text.0.is_empty() => {
                wire::address::parse(&text.0).map_err(|_| Objection::Shape)
            }
            _ => Ok(Address::ZERO),
        }
    }
}

impl First {
    fn read(json: &RawValue) -> Result<Self, Objection> {
        let members: Members<'_> = object(json)?;
        let deposit = members.deposit()?;
        let bare = members.channel_id.is_none()
            && members.cumulative_amount.is_none()
            && members.voucher_signature.is_none()
            && members.deposit.is_none();
        match &*members.action {
            "open" if bare && members.top_up_salt.is_none() => Ok(Self::Open {
                salt: members.salt.ok_or(Objection::Shape)?.0,
                authorized_signer: members.signer()?,
                deposit,
            }),
            "topUp" if bare && members.authorized_signer.is_none() => Ok(Self::TopUp {
                salt: members.one_salt()?,
                deposit,
            }),
            "open" | "topUp" => Err(Objection::Shape),
            _ => Err(Objection::Action),
        }
    }
}

/// An object and nothing else: the library takes a list of its members for one.
fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, Objection> {
    let object: Object<T> = serde_json::from_str(json.get()).map_err(|_| Objection::Shape)?;
    Ok(object.0)
}

/// An amount that the contract can hold. (evm-session, Voucher Verification: reject before
/// recovery)
fn amount(units: Option<Units>) -> Result<u128, Objection> {
    let units = units.ok_or(Objection::Shape)?;
    u128::try_from(units.get()).map_err(|_| Objection::Amount)
}

/// The form of a signature, before any curve work.
fn read_signature(text: &Option<Text<'_>>) -> Result<EvmSignature, Objection> {
    let text = text.as_ref().ok_or(Objection::NoSignature)?;
    EvmSignature::from_hex(&text.0).map_err(|_| Objection::SignatureForm)
}

#[cfg(test)]
mod tests;
