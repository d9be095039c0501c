use alloy_json_rpc::{ErrorPayload, RpcError};
use alloy_primitives::{Address, B256, Bytes};
use alloy_provider::transport::{TransportError, TransportErrorKind};

use crate::SignerError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The chain cannot be used, or does not do what was asked. Never shown to buyers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// The node's URL is none, or is neither https nor loopback.
    #[error("the node must be reached by https, or by http on loopback")]
    Url,
    /// The HTTP client could not be made.
    #[error("no HTTP client")]
    Client(#[source] Cause),
    /// No connection: the request has not left.
    #[error("the node cannot be reached")]
    Unreachable(#[source] Cause),
    /// No answer, or none to make sense of. The request may have arrived.
    #[error("the node gave no usable answer")]
    Unavailable(#[source] Cause),
    /// The node said no.
    #[error("the node refused with code {code}: {message}")]
    Rejected {
        /// The code of the JSON-RPC error.
        code: i64,
        /// What it said, cut to a length fit for a log.
        message: String,
    },
    /// What is to be done can't be done by one transaction.
    #[error("not one transaction")]
    Several,
    /// The call would fail on the chain.
    #[error("the call reverts")]
    Reverted {
        /// What the contract returned; empty when the node does not tell.
        data: Bytes,
    },
    /// There is no contract where one was expected: a call there succeeds and does nothing.
    #[error("no contract at {address}")]
    NoContract {
        /// Where it was looked for.
        address: Address,
    },
    /// The node does not have this block.
    #[error("no block {number}")]
    NoBlock {
        /// Which one.
        number: u64,
    },
    /// The chain asks for a higher fee than the seller allows.
    #[error("a fee of {wei_per_gas} wei per gas is above the limit")]
    FeeTooHigh {
        /// What it would take.
        wei_per_gas: u128,
    },
    /// Permissions and transfers of a permit don't match.
    #[error("as many transfers as permissions are needed")]
    Transfers,
    /// The transaction could not be signed.
    #[error("the transaction could not be signed")]
    Signer(#[from] SignerError),
}

/// Why a simulated call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallFault {
    /// The call would fail; what the contract returned.
    #[error("the call reverts")]
    Reverted(Bytes),
    /// Nothing is known.
    #[error(transparent)]
    Unavailable(ChainFault),
}

/// Why a transaction is not known to have succeeded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendFault {
    /// A definite no: no node has taken it.
    #[error("the transaction was not sent")]
    NotSent(#[source] ChainFault),
    /// A definite no: it was mined and failed, so that nothing moved.
    #[error("transaction {hash} failed on the chain")]
    Reverted {
        /// The transaction.
        hash: B256,
    },
    /// It may be mined, now or later. Look for its receipt before anything else is done.
    #[error("the outcome of transaction {hash} is not known")]
    Unknown {
        /// The transaction.
        hash: B256,
    },
}

const LONGEST_MESSAGE: usize = 200;

impl From<TransportError> for ChainFault {
    fn from(error: TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => Self::from(payload),
            RpcError::Transport(TransportErrorKind::Custom(cause)) => {
                match cause.downcast_ref::<reqwest::Error>() {
                    Some(cause_of) if cause_of.is_connect() => Self::Unreachable(cause),
                    _ => Self::Unavailable(cause),
                }
            }
            other => Self::Unavailable(Box::new(other)),
        }
    }
}

impl From<ErrorPayload> for ChainFault {
    fn from(payload: ErrorPayload) -> Self {
        let data = payload.as_revert_data();
        // Code 3 is what nodes give for a revert; some give only words.
        if data.is_some() || payload.code == 3 || payload.message.contains("revert") {
            return Self::Reverted {
                data: data.unwrap_or_default(),
            };
        }
        let message = payload.message.chars().take(LONGEST_MESSAGE).collect();
        Self::Rejected {
            code: payload.code,
            message,
        }
    }
}

impl From<ChainFault> for CallFault {
    fn from(fault: ChainFault) -> Self {
        match fault {
            ChainFault::Reverted { data } => Self::Reverted(data),
            other => Self::Unavailable(other),
        }
    }
}
