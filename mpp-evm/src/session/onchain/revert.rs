//! What a call that fails says, in words that may go on the wire: never a raw selector.

use alloy_sol_types::SolInterface;
use mpp_core::refuse;
use payment_core::Refusal;

use super::calls::IEscrow::IEscrowErrors;

/// Why a call of the contract fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revert {
    ExceedsDeposit,
    NotFound,
    Finalized,
    Signature,
    /// Another error of the contract.
    Contract,
    /// No error of the contract: the token's or Permit2's own, passed on.
    Token,
    /// The node does not tell.
    Silent,
}

impl Revert {
    pub(super) fn of(data: &[u8]) -> Self {
        if data.is_empty() {
            return Self::Silent;
        }
        match IEscrowErrors::abi_decode(data) {
            Ok(IEscrowErrors::AmountExceedsDeposit(_)) => Self::ExceedsDeposit,
            Ok(IEscrowErrors::ChannelNotFound(_)) => Self::NotFound,
            Ok(IEscrowErrors::ChannelFinalized(_)) => Self::Finalized,
            Ok(IEscrowErrors::InvalidSignature(_)) => Self::Signature,
            Ok(_) => Self::Contract,
            Err(_) => Self::Token,
        }
    }

    /// What the payer is told (evm-session, Error Mapping).
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::ExceedsDeposit => {
                refuse::session_amount_exceeds_deposit("the channel does not hold as much")
            }
            Self::NotFound => refuse::session_channel_not_found("there is no such channel"),
            Self::Finalized => refuse::session_channel_finalized("the channel is closed"),
            Self::Signature => {
                refuse::session_invalid_signature("the contract refuses a signature")
            }
            Self::Contract | Self::Token | Self::Silent => {
                refuse::session_transaction_reverted("the transaction would fail on the chain")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::SolError;

    use super::super::calls::IEscrow;
    use super::*;

    #[test]
    fn every_revert_has_a_problem_of_its_own_name_or_is_a_reverted_transaction() {
        let cases: [(&[u8], &str); 9] = [
            (
                &IEscrow::AmountExceedsDeposit::SELECTOR,
                "session/amount-exceeds-deposit",
            ),
            (
                &IEscrow::ChannelNotFound::SELECTOR,
                "session/channel-not-found",
            ),
            (
                &IEscrow::ChannelFinalized::SELECTOR,
                "session/channel-finalized",
            ),
            (
                &IEscrow::InvalidSignature::SELECTOR,
                "session/invalid-signature",
            ),
            (
                &IEscrow::NonceMismatch::SELECTOR,
                "session/transaction-reverted",
            ),
            (&IEscrow::NotPayer::SELECTOR, "session/transaction-reverted"),
            (&[1, 2, 3, 4], "session/transaction-reverted"),
            (&[1], "session/transaction-reverted"),
            (&[], "session/transaction-reverted"),
        ];
        for (data, kind) in cases {
            let refusal = Revert::of(data).refusal();
            let problem = refusal.problem();
            assert!(problem.kind.ends_with(kind), "{data:?}: {}", problem.kind);
            assert!(!problem.detail.contains("0x"));
        }
    }
}
