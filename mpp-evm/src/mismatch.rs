use mpp_core::refuse;
use payment_core::Refusal;
use payment_evm::Untimely;

/// Why a payload does not pay what is due. One row each: problem type and words, none of them
/// the buyer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Not the members, or not of the form, that its type has; or members of two types.
    Shape,
    /// A type that this method does not know.
    Type,
    /// A type that is not offered on this route.
    NotOffered,
    /// No `source`, where the type needs one to say who pays.
    NoSource,
    /// The `source` is no `did:pkh` of an EVM account.
    OddSource,
    /// The `source` is on another chain, or another account than the one that pays.
    OtherSource,
    /// A signature that token contracts don't take.
    SignatureForm,
    /// Somebody else signed, or something else was signed.
    Signer,
    /// Pays somebody else.
    Recipient,
    /// Pays more or less.
    Amount,
    /// Pays in another token.
    Token,
    /// Not the transfers that the splits ask for.
    Splits,
    /// Signed for another challenge.
    Challenge,
    /// Names another order of ours.
    ExternalId,
    /// Is valid only later.
    NotYet,
    /// Is no longer valid, or not for long enough.
    Expired,
    /// Stays valid long after the challenge has expired.
    FarFuture,
    /// Ends with the challenge, or soon after.
    TooShort,
    /// Transfers of different payers.
    Payers,
    /// Two transfers that can't both take place: they bear one nonce.
    SameNonce,
    /// Not a plain type 2 transfer of the token on this chain.
    #[cfg(feature = "onchain")]
    Transaction,
    /// A transaction with gas settings that no honest transfer has.
    #[cfg(feature = "onchain")]
    Gas,
}

impl Mismatch {
    #[cfg(test)]
    pub(crate) const ALL: &'static [Self] = &[
        Self::Shape,
        Self::Type,
        Self::NotOffered,
        Self::NoSource,
        Self::OddSource,
        Self::OtherSource,
        Self::SignatureForm,
        Self::Signer,
        Self::Recipient,
        Self::Amount,
        Self::Token,
        Self::Splits,
        Self::Challenge,
        Self::ExternalId,
        Self::NotYet,
        Self::Expired,
        Self::FarFuture,
        Self::TooShort,
        Self::Payers,
        Self::SameNonce,
        #[cfg(feature = "onchain")]
        Self::Transaction,
        #[cfg(feature = "onchain")]
        Self::Gas,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Shape => "the payload does not have the members of one credential type",
            Self::Type => "the credential type is not known",
            Self::NotOffered => "the credential type is not offered here",
            Self::NoSource => "this credential type needs a source",
            Self::OddSource => "the source is not a did:pkh of an EVM account",
            Self::OtherSource => "the source is not the payer on this chain",
            Self::SignatureForm => "the signature is not 65 bytes with low s and v 27 or 28",
            Self::Signer => "the signature is not the payer's over this payment",
            Self::Recipient => "the payment goes to another recipient",
            Self::Amount => "the payment is of another amount",
            Self::Token => "the payment is in another token",
            Self::Splits => "the transfers are not those that the splits ask for",
            Self::Challenge => "the payment is bound to another challenge",
            Self::ExternalId => "the payment names another externalId",
            Self::NotYet => "the payment is not valid yet",
            Self::Expired => "the payment has expired, or is about to",
            Self::FarFuture => "the payment stays valid for too long",
            Self::TooShort => "the payment must be valid for a minute after the challenge",
            Self::Payers => "the transfers are not all of one payer",
            Self::SameNonce => "two transfers bear the same nonce",
            #[cfg(feature = "onchain")]
            Self::Transaction => "the transaction is not a plain transfer of the token",
            #[cfg(feature = "onchain")]
            Self::Gas => "the gas settings of the transaction are out of bounds",
        }
    }

    /// What the buyer reads.
    pub(crate) fn refuse(self) -> Refusal {
        let words = self.words();
        match self {
            Self::Shape | Self::NoSource | Self::OddSource => refuse::malformed_credential(words),
            Self::Type | Self::NotOffered => refuse::invalid_payload(words),
            Self::Expired => refuse::payment_expired(words),
            _ => refuse::verification_failed(words),
        }
    }
}

impl From<Untimely> for Mismatch {
    fn from(untimely: Untimely) -> Self {
        match untimely {
            Untimely::NotYet => Self::NotYet,
            _ => Self::Expired,
        }
    }
}

impl From<Mismatch> for Refusal {
    fn from(mismatch: Mismatch) -> Self {
        mismatch.refuse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mismatch_invites_to_pay_again_in_words_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for mismatch in Mismatch::ALL {
            let refusal = mismatch.refuse();
            assert!(refusal.invites_payment(), "{mismatch:?}");
            assert!(
                seen.insert(refusal.problem().detail.to_string()),
                "{mismatch:?}"
            );
        }
    }
}
