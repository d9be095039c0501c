//! One transaction of ours on one channel, and what is to be seen on the chain after it.

use alloy_primitives::{Address, B256, Bytes};
use payment_evm::{CallFault, ChainFault, Mined, SendFault, Settler};

use super::revert::Revert;
use crate::session::ChainState;

/// What the contract holds once a transaction has done what it was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// There is a channel.
    Opened,
    /// There is at least so much in it.
    Deposited(u128),
    /// At least so much was paid out.
    Settled(u128),
    /// It is closed for good.
    Closed,
}

impl Effect {
    /// Whether it can be seen. A node that lags behind does not show what is done.
    pub(super) fn shows(self, chain: &ChainState) -> bool {
        match self {
            Self::Opened => true,
            Self::Deposited(least) => chain.deposit >= least,
            Self::Settled(least) => chain.settled >= least,
            Self::Closed => chain.finalized,
        }
    }
}

/// Why a transaction is not known to have succeeded.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was not sent, for it would fail.
    WouldFail(Revert),
    /// It was not sent.
    NotSent(ChainFault),
    /// It was mined and failed.
    Failed(B256),
    /// It may be mined.
    Unknown(Option<B256>, SendFault),
}

/// Runs a call, and sends it if it does not fail.
pub(super) async fn transact(
    settler: &Settler,
    contract: Address,
    data: Bytes,
) -> Result<Mined, Failure> {
    let tried = settler.simulate(contract, data.clone()).await;
    tried.map_err(|fault| match fault {
        CallFault::Reverted(data) => Failure::WouldFail(Revert::of(&data)),
        CallFault::Unavailable(fault) => Failure::NotSent(fault),
        other => Failure::NotSent(ChainFault::Unavailable(other.into())),
    })?;
    let sent = settler.send(contract, data).await;
    sent.map_err(|fault| match fault {
        SendFault::NotSent(ChainFault::Reverted { data }) => Failure::WouldFail(Revert::of(&data)),
        SendFault::NotSent(fault) => Failure::NotSent(fault),
        SendFault::Reverted { hash } => Failure::Failed(hash),
        SendFault::Unknown { hash } => Failure::Unknown(Some(hash), fault),
        other => Failure::Unknown(None, other),
    })
}
