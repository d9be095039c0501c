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
        ChannelError::Foreign => Objection::UnknownChannel.into(),
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
}
