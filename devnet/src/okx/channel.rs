use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use alloy_sol_types::{SolCall, SolError, SolEvent};

use super::challenge::UNFIT;
use super::desk::Desk;
use super::refusal::Refusal;
use crate::CallError;
use crate::escrow::IPaymentChannelEscrow::{self, Channel, ChannelOpened, TopUp, getChannelCall};
use crate::token::ITollToken::Transfer;

/// What the escrow knows of a channel that was opened.
pub(super) fn known(desk: &Desk, id: B256) -> Result<Channel, Refusal> {
    let channel = desk
        .chain
        .read(desk.escrow, &getChannelCall { channelId: id });
    let channel = channel.map_err(|_| Refusal::of(8000, "internal error"))?;
    if channel.payer.is_zero() {
        return Err(Refusal::of(70010, "no such channel"));
    }
    Ok(channel)
}

/// The same, where it must not have ended.
pub(super) fn live(desk: &Desk, id: B256) -> Result<Channel, Refusal> {
    let channel = known(desk, id)?;
    if channel.finalized {
        return Err(Refusal::of(70008, "channel closed"));
    }
    Ok(channel)
}

/// Whether the escrow would do what is asked of it now.
pub(super) fn rehearse(desk: &Desk, call: &impl SolCall) -> Result<Bytes, Refusal> {
    let call = Bytes::from(call.abi_encode());
    let tried = desk
        .chain
        .call_as(desk.settler.address, desk.escrow, call.clone());
    match tried {
        Ok(_) => Ok(call),
        Err(CallError::Reverted { reason, data }) => Err(refusal(reason.as_deref(), &data)),
        Err(_) => Err(Refusal::of(8000, "internal error")),
    }
}

/// The transfers of a token in a transaction: from, to, value.
pub(super) fn transfers(
    receipt: &TransactionReceipt,
    token: Address,
) -> Vec<(Address, Address, U256)> {
    let transfers = events::<Transfer>(receipt, token);
    transfers
        .map(|moved| (moved.from, moved.to, moved.value))
        .collect()
}

/// The opening of a channel in a transaction.
pub(super) fn opening(
    desk: &Desk,
    receipt: &TransactionReceipt,
    id: B256,
) -> Option<ChannelOpened> {
    events::<ChannelOpened>(receipt, desk.escrow).find(|opened| opened.channelId == id)
}

/// The additions to a channel's deposit in a transaction.
pub(super) fn raise(desk: &Desk, receipt: &TransactionReceipt, id: B256) -> Option<TopUp> {
    events::<TopUp>(receipt, desk.escrow).find(|raised| raised.channelId == id)
}

fn events<E: SolEvent>(receipt: &TransactionReceipt, contract: Address) -> impl Iterator<Item = E> {
    let logs = receipt.inner.logs().iter();
    logs.filter(move |log| log.address() == contract)
        .filter_map(|log| E::decode_log(&log.inner).ok())
        .map(|log| log.data)
}

/// The SA-API's word for what the escrow, or the token below it, reverts with.
fn refusal(reason: Option<&str>, data: &[u8]) -> Refusal {
    let selector: Option<[u8; 4]> = data.get(..4).and_then(|bytes| bytes.try_into().ok());
    match selector {
        Some(IPaymentChannelEscrow::InvalidSignature::SELECTOR) => {
            Refusal::of(70004, "signature invalid")
        }
        Some(IPaymentChannelEscrow::ChannelNotFound::SELECTOR) => {
            Refusal::of(70010, "no such channel")
        }
        Some(IPaymentChannelEscrow::ChannelFinalized::SELECTOR) => {
            Refusal::of(70008, "channel closed")
        }
        Some(IPaymentChannelEscrow::AmountExceedsDeposit::SELECTOR) => {
            Refusal::of(70012, "amount above deposit")
        }
        Some(IPaymentChannelEscrow::AmountNotIncreasing::SELECTOR) => {
            Refusal::of(70013, "voucher step too small")
        }
        // The token's texts: only those about the signature itself speak of one.
        _ if reason.is_some_and(|text| text.contains("signature")) => {
            Refusal::of(70004, "signature invalid")
        }
        _ => UNFIT,
    }
}
