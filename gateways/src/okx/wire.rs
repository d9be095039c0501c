//! What goes to the SA-API and what comes from it, member by member.

use std::fmt;

use alloy_primitives::{Address, B256, U256};
use mpp_core::EchoedChallenge;
use mpp_evm::session::ChannelId;
use payment_evm::wire as evm;
use payment_evm::{Authorization, EvmSignature};
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The body of `charge/settle` and `charge/verifyHash`: a credential.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ChargeRequest<'a> {
    /// The challenge that is answered, ours to the letter.
    pub challenge: &'a EchoedChallenge<'a>,
    /// Whose money it is.
    pub source: Source,
    /// What moves it, or has moved it.
    pub payload: ChargePayload,
}

impl<'a> ChargeRequest<'a> {
    /// The credential of these parts.
    #[must_use]
    pub const fn new(
        challenge: &'a EchoedChallenge<'a>,
        source: Source,
        payload: ChargePayload,
    ) -> Self {
        Self {
            challenge,
            source,
            payload,
        }
    }
}

/// What pays a charge.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChargePayload {
    /// Authorizations that OKX brings to the token.
    Transaction {
        /// One for the recipient, and one for each split.
        authorization: Box<ChargeAuthorization>,
    },
    /// A transfer that the payer has made.
    Hash {
        /// Its transaction.
        #[serde(with = "evm::word")]
        hash: B256,
    },
}

/// The transfers that make up a charge.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "eip-3009")]
#[non_exhaustive]
pub struct ChargeAuthorization {
    /// What the recipient gets.
    #[serde(flatten)]
    pub first: Transfer,
    /// What others get, in the order of the challenge.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Transfer>,
}

impl ChargeAuthorization {
    /// So much for the recipient, and so much for others.
    #[must_use]
    pub const fn new(first: Transfer, splits: Vec<Transfer>) -> Self {
        Self { first, splits }
    }
}

/// A signed `TransferWithAuthorization`.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Transfer {
    /// What was signed.
    #[serde(flatten)]
    pub authorization: Authorization,
    /// The payer's signature.
    pub signature: EvmSignature,
}

impl Transfer {
    /// A transfer and its signature.
    #[must_use]
    pub const fn new(authorization: Authorization, signature: EvmSignature) -> Self {
        Self {
            authorization,
            signature,
        }
    }
}

/// The body of `session/open` and `session/topUp`: a credential without its voucher.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct DepositRequest<'a> {
    /// The challenge that is answered, ours to the letter.
    pub challenge: &'a EchoedChallenge<'a>,
    /// Whose deposit it is.
    pub source: Source,
    /// The deposit.
    pub payload: DepositPayload,
}

impl<'a> DepositRequest<'a> {
    /// The credential of these parts.
    #[must_use]
    pub const fn new(
        challenge: &'a EchoedChallenge<'a>,
        source: Source,
        payload: DepositPayload,
    ) -> Self {
        Self {
            challenge,
            source,
            payload,
        }
    }
}

/// What a deposit is for.
#[derive(Debug, Serialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum DepositPayload {
    /// A new channel.
    Open {
        /// Its name.
        channel_id: ChannelId,
        /// Chosen by the payer.
        #[serde(with = "evm::word")]
        salt: B256,
        /// Who signs vouchers, where it is not the payer.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "address")]
        authorized_signer: Option<Address>,
        /// What moves it.
        #[serde(flatten)]
        deposit: Deposit,
    },
    /// More for a channel that is there.
    TopUp {
        /// Its name.
        channel_id: ChannelId,
        /// How many base units.
        #[serde(serialize_with = "decimal")]
        additional_deposit: u128,
        /// What the nonce was made with; not where the payer has sent the transaction.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "word")]
        top_up_salt: Option<B256>,
        /// What moves it.
        #[serde(flatten)]
        deposit: Deposit,
    },
}

/// What moves a deposit, or has moved it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Deposit {
    /// An authorization that OKX brings to the escrow.
    Transaction {
        /// What was signed (`ReceiveWithAuthorization`).
        authorization: Box<Eip3009>,
        /// The payer's signature.
        signature: EvmSignature,
    },
    /// A transaction that the payer has sent.
    Hash {
        /// Its hash.
        #[serde(with = "evm::word")]
        hash: B256,
    },
}

/// An authorization that says of what kind it is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename = "eip-3009")]
#[non_exhaustive]
pub struct Eip3009 {
    /// The authorization.
    #[serde(flatten)]
    pub authorization: Authorization,
}

impl From<Authorization> for Eip3009 {
    fn from(authorization: Authorization) -> Self {
        Self { authorization }
    }
}

/// The body of `session/settle` and `session/close`.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct PayoutRequest {
    /// Its only member.
    pub payload: Payout,
}

/// What is paid out of a channel. Every member is a text.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Payout {
    /// Whether the channel ends.
    pub action: PayoutAction,
    /// Its name.
    pub channel_id: ChannelId,
    /// Base units since the channel was opened; 0 with no voucher.
    #[serde(serialize_with = "decimal")]
    pub cumulative_amount: u128,
    /// The voucher's signature; none to close with what is settled, and empty on the wire.
    #[serde(serialize_with = "signature_or_nothing")]
    pub voucher_signature: Option<EvmSignature>,
    /// The payee's signature over channel, amount, nonce and deadline.
    pub payee_signature: EvmSignature,
    /// Used once for each channel.
    #[serde(with = "evm::decimal")]
    pub nonce: U256,
    /// Until when the payee's signature is good, in seconds since the epoch.
    #[serde(with = "evm::decimal")]
    pub deadline: U256,
}

/// Which of the two a payout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PayoutAction {
    /// Pays a voucher.
    Settle,
    /// Pays a voucher, or nothing more, and ends the channel.
    Close,
}

/// An account on a chain, `did:pkh:eip155:<chain>:<address>` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The chain.
    pub chain_id: u64,
    /// The account.
    pub account: Address,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.to_checksum(None);
        write!(f, "did:pkh:eip155:{}:{account}", self.chain_id)
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What `charge/settle` and `charge/verifyHash` answer. Proves nothing before it is compared with
/// what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChargeReceipt {
    /// The payment method, where it is said.
    pub method: Option<ReceiptMethod>,
    /// Whether it is done.
    pub status: ReceiptStatus,
    /// The transaction; `None` also for what is no transaction.
    #[serde(default, deserialize_with = "hash_or_none")]
    pub reference: Option<B256>,
    /// The chain.
    #[serde(default, deserialize_with = "number_or_text")]
    pub chain_id: Option<u64>,
    /// The challenge, where it is said.
    pub challenge_id: Option<String>,
}

/// What `session/open`, `topUp`, `settle` and `close` answer. Proves nothing before it is compared
/// with what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionReceipt {
    /// The payment method, where it is said.
    pub method: Option<ReceiptMethod>,
    /// Whether it is done.
    pub status: ReceiptStatus,
    /// The channel.
    pub channel_id: Option<ChannelId>,
    /// The transaction; `None` also for what is no transaction.
    #[serde(default, deserialize_with = "hash_or_none")]
    pub reference: Option<B256>,
    /// The chain.
    #[serde(default, deserialize_with = "number_or_text")]
    pub chain_id: Option<u64>,
    /// All base units that the channel holds now.
    #[serde(default, deserialize_with = "number_or_text")]
    pub deposit: Option<u128>,
}

/// The method of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptMethod {
    /// `evm`.
    Evm,
    /// Any other.
    Other,
}

/// The status of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptStatus {
    /// `success`.
    Success,
    /// Any other.
    Other,
}

/// What `session/status` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionStatus {
    /// The channel.
    pub channel_id: ChannelId,
    /// Whose deposit it is.
    #[serde(with = "evm::address")]
    pub payer: Address,
    /// Who is paid.
    #[serde(with = "evm::address")]
    pub payee: Address,
    /// What it is paid in.
    #[serde(with = "evm::address")]
    pub token: Address,
    /// All base units ever deposited.
    #[serde(deserialize_with = "amount")]
    pub deposit: u128,
    /// Base units paid out to the payee.
    #[serde(deserialize_with = "amount")]
    pub settled_on_chain: u128,
    /// How far it is.
    pub session_status: ChannelStage,
}

/// How far a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelStage {
    /// `OPEN`.
    Open,
    /// `CLOSING`: the payer has asked to close without the payee.
    Closing,
    /// `CLOSED`, for good.
    Closed,
}

impl<'de> Deserialize<'de> for ReceiptMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "evm" => Self::Evm,
            _ => Self::Other,
        })
    }
}

impl<'de> Deserialize<'de> for ReceiptStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "success" => Self::Success,
            _ => Self::Other,
        })
    }
}

impl<'de> Deserialize<'de> for ChannelStage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let stages = [
            ("OPEN", Self::Open),
            ("CLOSING", Self::Closing),
            ("CLOSED", Self::Closed),
        ];
        let found = stages
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name));
        let unknown = || serde::de::Error::custom("a stage that is not known");
        found.map(|(_, stage)| *stage).ok_or_else(unknown)
    }
}

fn decimal<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn word<S: Serializer>(value: &Option<B256>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(word) => evm::word::serialize(word, serializer),
        None => serializer.serialize_none(),
    }
}

fn address<S: Serializer>(value: &Option<Address>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(address) => evm::address::serialize(address, serializer),
        None => serializer.serialize_none(),
    }
}

fn signature_or_nothing<S: Serializer>(
    value: &Option<EvmSignature>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(signature) => signature.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

/// A text that is no hash is as good as none.
fn hash_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<B256>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| evm::word::parse(&text).ok()))
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let read = number_or_text(deserializer)?;
    read.ok_or_else(|| serde::de::Error::custom("no amount"))
}

/// A whole number, as a number or as a decimal text. Nothing else, and never a fraction.
fn number_or_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u128>,
{
    let whole = deserializer.deserialize_any(WholeNumber)?;
    let narrow = |whole| T::try_from(whole).map_err(|_| serde::de::Error::custom("too large"));
    whole.map(narrow).transpose()
}

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = Option<u128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, as a number or as a decimal text")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.into()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let number = evm::decimal::parse(text).ok();
        let number = number.and_then(|number| u128::try_from(number).ok());
        let odd = || E::invalid_value(Unexpected::Other("another text"), &self);
        number.map(Some).ok_or_else(odd)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
