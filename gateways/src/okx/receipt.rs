use alloy_primitives::B256;
use mpp_evm::session::ChannelId;

use super::wire::{ChargeReceipt, ReceiptMethod, ReceiptStatus, SessionReceipt};

/// Why a receipt does not prove what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    #[error("a receipt that does not say success")]
    Status,
    #[error("a receipt of another method")]
    Method,
    #[error("a receipt of another chain, or of none")]
    Chain,
    #[error("a receipt of another challenge")]
    Challenge,
    #[error("a receipt of another channel, or of none")]
    Channel,
    #[error("a receipt without the transaction")]
    Reference,
}

impl ChargeReceipt {
    /// The transaction, if this is the receipt of a success on this chain, for this challenge.
    pub(super) fn proven(&self, chain_id: u64, challenge: &str) -> Result<B256, Unproven> {
        succeeded(self.status, self.method, self.chain_id, chain_id)?;
        if self.challenge_id.as_ref().is_some_and(|id| id != challenge) {
            return Err(Unproven::Challenge);
        }
        self.reference.ok_or(Unproven::Reference)
    }
}

impl SessionReceipt {
    /// The receipt again, if it is of a success on this chain, for this channel.
    pub(super) fn proven(self, chain_id: u64, id: ChannelId) -> Result<Self, Unproven> {
        succeeded(self.status, self.method, self.chain_id, chain_id)?;
        match self.channel_id == Some(id) {
            true => Ok(self),
            false => Err(Unproven::Channel),
        }
    }
}

fn succeeded(
    status: ReceiptStatus,
    method: Option<ReceiptMethod>,
    said: Option<u64>,
    chain_id: u64,
) -> Result<(), Unproven> {
    if status != ReceiptStatus::Success {
        return Err(Unproven::Status);
    }
    if method.is_some_and(|method| method != ReceiptMethod::Evm) {
        return Err(Unproven::Method);
    }
    match said == Some(chain_id) {
        true => Ok(()),
        false => Err(Unproven::Chain),
    }
}
