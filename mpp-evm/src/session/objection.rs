use mpp_core::{ProblemType, refuse};
use payment_core::{Denied, Fault, Refusal};
use payment_evm::SignatureError;

use super::{ChannelError, LedgerError, StoreFault};

/// Why a session payload is not taken. One row each: problem type and words, none of them the
/// buyer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// Not the members, or not of the form, that its action has; or members of two shapes.
    Shape,
    /// An action that this intent does not know.
    Action,
    /// A type of deposit that this intent does not know.
    Type,
    /// A type of deposit that is not taken on this route.
    NotOffered,
    /// An amount that no contract holds.
    Amount,
    /// No signature where there must be one.
    NoSignature,
    /// A signature of a form that contracts don't take.
    SignatureForm,
    /// A signature that no key has made.
    Signature,
    /// Somebody else than the channel's signer has signed.
    Signer,
    /// No `source`, or none that is an EVM account on this chain.
    Source,
    /// The deposit goes to another contract than the escrow.
    Escrow,
    /// The deposit is in another token.
    Token,
    /// The witness of a permit names other things than the payload.
    Witness,
    /// The deposit is not the amount that the payload says.
    DepositAmount,
    /// The deposit is below what is taken here.
    DepositTooSmall,
    /// The channel id is not the hash of what it is opened with.
    ChannelId,
    /// The nonce of the authorization is not the one that the contract computes.
    Nonce,
    /// The deposit is somebody else's than the payer's of the channel.
    Payer,
    /// The authorization is not valid yet.
    NotYet,
    /// The authorization has expired, or is about to.
    Expired,
    /// There is no such channel for this route.
    UnknownChannel,
}

impl Objection {
    #[cfg(test)]
    pub(crate) const ALL: &'static [Self] = &[
        Self::Shape,
        Self::Action,
        Self::Type,
        Self::NotOffered,
        Self::Amount,
        Self::NoSignature,
        Self::SignatureForm,
        Self::Signature,
        Self::Signer,
        Self::Source,
        Self::Escrow,
        Self::Token,
        Self::Witness,
        Self::DepositAmount,
        Self::DepositTooSmall,
        Self::ChannelId,
        Self::Nonce,
        Self::Payer,
        Self::NotYet,
        Self::Expired,
        Self::UnknownChannel,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Shape => "the payload does not have the members of one action",
            Self::Action => "the action is not known",
            Self::Type => "the type of deposit is not known",
            Self::NotOffered => "the type of deposit is not taken here",
            Self::Amount => "an amount is above 2^128-1",
            Self::NoSignature => "a signature is missing",
            Self::SignatureForm => "a signature is not 65 bytes with low s and v 27 or 28",
            Self::Signature => "the signature is not one over this voucher",
            Self::Signer => "the signature is not by the signer of the channel",
            Self::Source => "this type of deposit needs a source: a did:pkh on this chain",
            Self::Escrow => "the deposit goes to another contract than the escrow",
            Self::Token => "the deposit is in another token",
            Self::Witness => "the witness of the permit names something else",
            Self::DepositAmount => "the deposit is of another amount",
            Self::DepositTooSmall => "the deposit is too small",
            Self::ChannelId => "the channelId is not the hash of what the channel is opened with",
            Self::Nonce => "the nonce is not derived from what the deposit is for",
            Self::Payer => "the deposit is not the payer's of the channel",
            Self::NotYet => "the deposit is not valid yet",
            Self::Expired => "the deposit has expired, or is about to",
            Self::UnknownChannel => "there is no such channel here",
        }
    }

    const fn kind(self) -> ProblemType {
        match self {
            Self::Shape | Self::Action | Self::Type | Self::NotOffered | Self::Amount => {
                ProblemType::InvalidPayload
            }
            Self::NoSignature | Self::SignatureForm | Self::Signature => {
                ProblemType::SessionInvalidSignature
            }
            Self::Signer => ProblemType::SessionSignerMismatch,
            Self::Expired => ProblemType::PaymentExpired,
            Self::DepositTooSmall => ProblemType::PaymentInsufficient,
            Self::UnknownChannel => ProblemType::SessionChannelNotFound,
            Self::Source
            | Self::Escrow
            | Self::Token
            | Self::Witness
            | Self::DepositAmount
            | Self::ChannelId
            | Self::Nonce
            | Self::Payer
            | Self::NotYet => ProblemType::VerificationFailed,
        }
    }
}

impl From<Objection> for Refusal {
    fn from(objection: Objection) -> Self {
        objection.kind().refuse(objection.words())
    }
}

impl From<Objection> for Denied {
    fn from(objection: Objection) -> Self {
        Refusal::from(objection).into()
    }
}

/// What a checked signature turned out to be.
pub(crate) const fn signature(error: &SignatureError) -> Objection {
    match error {
        SignatureError::OtherSigner { .. } => Objection::Signer,
        _ => Objection::Signature,
    }
}

/// What the buyer reads of a step that the channel refused.
pub(crate) fn refused(error: ChannelError) -> Denied {
    let refusal = match error {
        ChannelError::Foreign | ChannelError::NoSigner => Objection::UnknownChannel.into(),
        ChannelError::Finalized => {
            refuse::session_channel_finalized("the channel is closed for good")
        }
        ChannelError::Closing => refuse::session_channel_finalized("the channel is closing"),
        ChannelError::DeltaTooSmall { .. } => {
            refuse::session_delta_too_small("the voucher adds less than minVoucherDelta")
        }
        ChannelError::ExceedsDeposit { .. } => {
            refuse::session_amount_exceeds_deposit("the voucher promises more than the deposit")
        }
        ChannelError::Insufficient { .. } => refuse::session_insufficient_balance(
            "what the vouchers authorize does not cover the cost",
        ),
        // A later stream of the same buyer: nothing that paying mends.
        ChannelError::Busy | ChannelError::Superseded | ChannelError::Overflow => {
            return Fault::unavailable("channel_busy", error).into();
        }
    };
    refusal.into()
}

/// The same for a step of the ledger.
pub(crate) fn not_taken(error: LedgerError) -> Denied {
    match error {
        LedgerError::Unknown => Objection::UnknownChannel.into(),
        LedgerError::Refused(error) => refused(error),
        LedgerError::Contended => Fault::unavailable("channel_busy", LedgerError::Contended).into(),
        LedgerError::Store(fault) => store(fault).into(),
    }
}

/// The books can't be read or written.
pub(crate) fn store(fault: StoreFault) -> Fault {
    match fault {
        StoreFault::Full => Fault::unavailable("channel_store_full", fault),
        fault => Fault::unavailable("channel_store_unavailable", fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_objection_has_words_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for objection in Objection::ALL {
            let refusal = Refusal::from(*objection);
            assert!(seen.insert(refusal.problem().detail.to_string()));
            let gone = *objection == Objection::UnknownChannel;
            assert_eq!(refusal.invites_payment(), !gone, "{objection:?}");
        }
    }

    #[test]
    fn every_objection_has_its_problem() {
        for objection in Objection::ALL {
            let code = match objection {
                Objection::Shape
                | Objection::Action
                | Objection::Type
                | Objection::NotOffered
                | Objection::Amount => "invalid_payload",
                Objection::NoSignature | Objection::SignatureForm | Objection::Signature => {
                    "session_invalid_signature"
                }
                Objection::Signer => "session_signer_mismatch",
                Objection::Expired => "payment_expired",
                Objection::DepositTooSmall => "payment_insufficient",
                Objection::UnknownChannel => "session_channel_not_found",
                _ => "verification_failed",
            };
            let refusal = Refusal::from(*objection);
            assert_eq!(refusal.problem().code, code, "{objection:?}");
            let status = if code == "session_channel_not_found" {
                410
            } else {
                402
            };
            assert_eq!(refusal.problem().status.as_u16(), status, "{objection:?}");
        }
    }

    #[test]
    fn what_a_channel_refuses_has_its_problem() {
        let (delta, least, cumulative, deposit, available, cost) = (1, 2, 3, 2, 1, 2);
        for (error, status, code) in [
            (ChannelError::Foreign, 410, "session_channel_not_found"),
            (ChannelError::NoSigner, 410, "session_channel_not_found"),
            (ChannelError::Finalized, 410, "session_channel_finalized"),
            (ChannelError::Closing, 410, "session_channel_finalized"),
            (
                ChannelError::DeltaTooSmall { delta, least },
                402,
                "session_delta_too_small",
            ),
            (
                ChannelError::ExceedsDeposit {
                    cumulative,
                    deposit,
                },
                402,
                "session_amount_exceeds_deposit",
            ),
            (
                ChannelError::Insufficient { available, cost },
                402,
                "session_insufficient_balance",
            ),
            (ChannelError::Busy, 503, "channel_busy"),
            (ChannelError::Superseded, 503, "channel_busy"),
            (ChannelError::Overflow, 503, "channel_busy"),
        ] {
            let found = |denied| match denied {
                Denied::Refused(refusal) => {
                    let problem = refusal.problem();
                    (problem.status.as_u16(), problem.code.to_string())
                }
                Denied::Failed(fault) => (fault.status().as_u16(), fault.code().to_owned()),
                denied => panic!("{denied:?}"),
            };
            let expected = (status, code.to_owned());
            assert_eq!(found(refused(error)), expected, "{error:?}");
            assert_eq!(found(not_taken(error.into())), expected, "{error:?}");
        }
    }

    #[test]
    fn books_that_cannot_be_kept_are_our_fault() {
        let unavailable = || StoreFault::Unavailable("gone".into());
        for (error, code) in [
            (LedgerError::Contended, "channel_busy"),
            (StoreFault::Full.into(), "channel_store_full"),
            (unavailable().into(), "channel_store_unavailable"),
            (
                StoreFault::Corrupt("torn".into()).into(),
                "channel_store_unavailable",
            ),
        ] {
            match not_taken(error) {
                Denied::Failed(fault) => {
                    assert_eq!((fault.status().as_u16(), fault.code()), (503, code));
                }
                denied => panic!("{denied:?}"),
            }
        }
        let unknown = not_taken(LedgerError::Unknown);
        assert!(matches!(unknown, Denied::Refused(_)), "{unknown:?}");
    }

    #[test]
    fn what_recovery_finds_tells_who_is_wrong() {
        let [declared, recovered] = [1, 2].map(alloy_primitives::Address::repeat_byte);
        let other = SignatureError::OtherSigner {
            declared,
            recovered,
        };
        assert_eq!(signature(&other), Objection::Signer);
        assert_eq!(
            signature(&SignatureError::Unrecoverable),
            Objection::Signature
        );
    }
}
