use alloy_primitives::B256;
use mpp_core::Receipt;
use payment_core::{JsonLimits, Units, strict_json};
use payment_evm::wire;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::session::ChannelId;

/// What a seller says of a channel after it was used (evm-session, Receipt). The buyer believes it
/// only within bounds that it knows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionReceipt {
    /// The channel.
    pub channel: ChannelId,
    /// The challenge that was answered.
    pub challenge_id: String,
    /// The chain.
    pub chain_id: u64,
    /// The highest voucher that the seller has.
    pub accepted: u128,
    /// What was charged for service since the channel was opened.
    pub spent: u128,
    /// How many units the channel has paid for by now, where the seller counts them.
    pub units: Option<u64>,
    /// The transaction, where one was sent.
    pub transaction: Option<B256>,
}

/// A text that is not the receipt of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt of a session")]
pub struct SessionReceiptError;

/// What the stream of a seller says when it is out of balance (evm-session, Streaming): the data of
/// the event `payment-need-voucher`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NeedVoucher {
    /// The channel.
    pub channel: ChannelId,
    /// What must be promised in all for the stream to go on.
    pub required: u128,
    /// The highest voucher that the seller has.
    pub accepted: u128,
    /// What the seller knows to be deposited.
    pub deposit: u128,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    channel_id: ChannelId,
    challenge_id: String,
    chain_id: u64,
    accepted_cumulative: Units,
    spent: Units,
    units: Option<u64>,
    tx_hash: Option<Word>,
}

#[derive(Deserialize)]
struct Word(#[serde(with = "wire::word")] B256);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Demand {
    channel_id: ChannelId,
    required_cumulative: Units,
    accepted_cumulative: Units,
    deposit: Units,
}

impl SessionReceipt {
    /// Reads the header `Payment-Receipt`.
    ///
    /// # Errors
    ///
    /// `SessionReceiptError` unless it is of a session of this method that succeeded.
    pub fn from_header(value: &str) -> Result<Self, SessionReceiptError> {
        let receipt = Receipt::parse(value).map_err(|_| SessionReceiptError)?;
        if receipt.method != "evm" {
            return Err(SessionReceiptError);
        }
        Self::of(receipt.members, &receipt.reference)
    }

    /// Reads the data of the event `payment-receipt`.
    ///
    /// # Errors
    ///
    /// `SessionReceiptError` unless it is of a session of this method that succeeded.
    pub fn from_event(data: &str) -> Result<Self, SessionReceiptError> {
        let members: Map<String, Value> = read(data).ok_or(SessionReceiptError)?;
        let says = |name: &str, text: &str| members.get(name).and_then(Value::as_str) == Some(text);
        let reference = members.get("reference").and_then(Value::as_str);
        let reference = reference.ok_or(SessionReceiptError)?.to_owned();
        if !says("method", "evm") || !says("status", "success") {
            return Err(SessionReceiptError);
        }
        Self::of(members, &reference)
    }

    fn of(members: Map<String, Value>, reference: &str) -> Result<Self, SessionReceiptError> {
        let intent = members.get("intent").and_then(Value::as_str);
        if intent.is_none_or(|intent| !intent.eq_ignore_ascii_case("session")) {
            return Err(SessionReceiptError);
        }
        let members: Members =
            serde_json::from_value(Value::Object(members)).map_err(|_| SessionReceiptError)?;
        let amount = |units: Units| u128::try_from(units.get()).map_err(|_| SessionReceiptError);
        if reference.parse() != Ok(members.channel_id) {
            return Err(SessionReceiptError);
        }
        Ok(Self {
            channel: members.channel_id,
            challenge_id: members.challenge_id,
            chain_id: members.chain_id,
            accepted: amount(members.accepted_cumulative)?,
            spent: amount(members.spent)?,
            units: members.units,
            transaction: members.tx_hash.map(|word| word.0),
        })
    }
}

impl NeedVoucher {
    /// Reads the data of the event.
    ///
    /// # Errors
    ///
    /// `SessionReceiptError` for anything else.
    pub fn from_event(data: &str) -> Result<Self, SessionReceiptError> {
        let demand: Demand = read(data).ok_or(SessionReceiptError)?;
        let amount = |units: Units| u128::try_from(units.get()).map_err(|_| SessionReceiptError);
        Ok(Self {
            channel: demand.channel_id,
            required: amount(demand.required_cumulative)?,
            accepted: amount(demand.accepted_cumulative)?,
            deposit: amount(demand.deposit)?,
        })
    }
}

fn read<'a, T: Deserialize<'a>>(data: &'a str) -> Option<T> {
    /// Both are a few hundred characters.
    const MAX_READ: usize = 16 * 1024;
    if data.len() > MAX_READ {
        return None;
    }
    strict_json(data.as_bytes(), JsonLimits::default()).ok()?;
    serde_json::from_str(data).ok()
}
