use std::fmt;
use std::time::Duration;

use alloy_primitives::Address;
use http::StatusCode;
use mpp_evm::buyer::BillError;
use payment_core::Money;

use super::{ChannelFileError, Difference, SessionReply, Unanswered};
use crate::error::{BuyerError, Trouble};

/// Why a session has no answer to hand back.
///
/// Only [`OutcomeUnknown`](Self::OutcomeUnknown), [`Refused`](Self::Refused),
/// [`DepositUnknown`](Self::DepositUnknown) and those of a stream come after something was shown to
/// the seller. The session stays usable after each of them, as far as the channel is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// As for a single payment; nothing was paid for this call.
    #[error(transparent)]
    Unpaid(#[from] BuyerError),
    /// The budget can't be held exactly.
    #[error("the budget of the session cannot be held exactly")]
    InexactBudget,
    /// The channel file can't be used.
    #[error("no channel file")]
    File(#[from] ChannelFileError),
    /// The request goes to another seller than the one the channel is with.
    #[error("the channel is with another seller")]
    OtherSeller,
    /// The challenge is not one that the channel can answer.
    #[error("the challenge differs from the channel in its {0}")]
    OtherChannel(Difference),
    /// The escrow is none of those that were named.
    #[error("the escrow {escrow} on chain {chain_id} is not among those that were named")]
    UnknownEscrow {
        /// The chain.
        chain_id: u64,
        /// The contract.
        escrow: Address,
    },
    /// One voucher would add more than the limit of one payment.
    #[error("a voucher would add {step}, above the limit of one payment")]
    AboveLimit {
        /// What it would add to what was spent.
        step: Money,
    },
    /// The budget of the session does not cover the deposit.
    #[error("a deposit of {needed} is needed and {left} is left of the budget")]
    BudgetReached {
        /// What is needed.
        needed: Money,
        /// What may be deposited yet.
        left: Money,
    },
    /// The channel is being closed, and pays for nothing more.
    #[error("the session is closing")]
    Closing,
    /// The seller refused.
    #[error("the seller refused the {action}")]
    Refused {
        /// What it refused.
        action: Action,
        /// The status of the refusal.
        status: StatusCode,
        /// The reason, where it is one of MPP's.
        code: Option<&'static str>,
    },
    /// The seller says that the channel is not there or is closed for good.
    #[error("the seller says that the channel is gone")]
    Gone {
        /// The reason, where it is one of MPP's.
        code: Option<&'static str>,
    },
    /// The request never left: no connection came about.
    #[error("the seller could not be reached")]
    NotSent(#[source] Trouble),
    /// A deposit, a voucher beside a call, or the closing got no answer. The next call, or
    /// [`Session::close`](super::Session::close), sends the same again first.
    #[error("it is not known whether the {action} was taken")]
    DepositUnknown {
        /// What got no answer.
        action: Action,
        /// How the last try ended.
        #[source]
        last: Trouble,
    },
    /// The call may have been served and there is no answer. [`Session::resume`](super::Session::resume)
    /// sends the same again; without it, the next call first asks what was charged, or assumes that
    /// all of it was where the seller can't be asked.
    #[error("it is not known whether the call was charged")]
    OutcomeUnknown {
        /// All that is needed to ask again.
        unanswered: Box<Unanswered>,
        /// How the last try ended.
        #[source]
        last: Trouble,
        /// When the seller asked to be asked again.
        retry_after: Option<Duration>,
    },
    /// The answer is no stream of events. It may have been charged.
    #[error("the answer is not a stream of events")]
    NotAStream(Box<SessionReply>),
    /// The stream ended in a way that it should not.
    #[error("the stream failed")]
    Stream(#[from] StreamFault),
}

/// What ends a stream before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamFault {
    /// The connection broke off.
    #[error("the connection broke off")]
    Broken(#[source] reqwest::Error),
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    Idle,
    /// An event is larger than is read.
    #[error("an event is too large")]
    TooLarge,
    /// The seller's demand for a voucher can't be read, or is for another channel.
    #[error("a demand that is not of this channel")]
    OddDemand,
    /// The seller demands more than what was delivered and the next unit cost.
    #[error("{required} base units are demanded where {due} are due")]
    Overcharged {
        /// What is demanded.
        required: u128,
        /// What was delivered so far costs at most this, the next unit included.
        due: u128,
    },
    /// The seller demands vouchers again and again without delivering.
    #[error("vouchers are demanded and nothing is delivered")]
    Stalled,
}

/// What a session sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// The first deposit.
    Open,
    /// A further deposit.
    TopUp,
    /// A voucher that pays for no call by itself.
    Voucher,
    /// A voucher with a call.
    Call,
    /// The end of the channel.
    Close,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "deposit",
            Self::TopUp => "further deposit",
            Self::Voucher => "voucher",
            Self::Call => "call",
            Self::Close => "closing",
        })
    }
}

impl From<BillError> for SessionError {
    fn from(error: BillError) -> Self {
        Self::Unpaid(match error {
            BillError::Signer(error) => BuyerError::Signer(error),
            BillError::Expired => BuyerError::TooSlow,
            _ => BuyerError::Credential,
        })
    }
}
