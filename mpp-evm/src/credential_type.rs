use serde::{Deserialize, Serialize};

/// A way to pay a charge: the `type` of a payload and an entry of `credentialTypes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CredentialType {
    /// An EIP-3009 authorization, bound to the challenge by its nonce. The seller sends it and
    /// pays the gas.
    Authorization,
    /// OKX's form of the same: one EIP-3009 authorization for each leg of the payment, under the
    /// word `transaction`. It has no word of its own in `credentialTypes`: a challenge that says
    /// `feePayer` invites it.
    ///
    /// Nothing binds the authorizations to the challenge. They pay whichever unpaid challenge of
    /// the same terms they are shown to first, and once: each of their nonces is used once, by
    /// whatever protocol and in whatever form it comes.
    #[serde(skip)]
    Transfers,
    /// A Permit2 signature with the challenge as witness. The seller sends it and pays the gas.
    /// The only type of the draft that can split a payment.
    Permit2,
    /// A signed transaction, not yet broadcast. The buyer pays the gas. Nothing binds it to the
    /// challenge; its hash is used once.
    #[cfg(feature = "onchain")]
    Transaction,
    /// The hash of a transfer that the buyer has made. The weakest type: nothing binds it to the
    /// challenge but its sender, its age, and being used once.
    ///
    /// Transfers are public: who sees one and holds a challenge older than it can show it before
    /// its sender does. And no chain refuses it the second time, so that a replay guard that
    /// forgets at a restart lets one be shown again.
    Hash,
}

impl CredentialType {
    pub(crate) const ALL: &'static [Self] = &[
        Self::Authorization,
        Self::Permit2,
        #[cfg(feature = "onchain")]
        Self::Transaction,
        Self::Hash,
    ];

    /// What a seller takes who names no types.
    pub(crate) const UNNAMED: &'static [Self] = &[
        #[cfg(feature = "onchain")]
        Self::Transaction,
        Self::Hash,
    ];

    /// Whether the draft has it, so that `credentialTypes` can name it.
    pub(crate) const fn is_drafts(self) -> bool {
        !matches!(self, Self::Transfers)
    }

    /// Whether it is signed for the token contract itself.
    pub(crate) const fn is_eip3009(self) -> bool {
        matches!(self, Self::Authorization | Self::Transfers)
    }

    /// Whether one credential of it can pay several accounts.
    pub(crate) const fn can_split(self) -> bool {
        matches!(self, Self::Permit2 | Self::Transfers)
    }

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Transfers => "transaction",
            Self::Permit2 => "permit2",
            #[cfg(feature = "onchain")]
            Self::Transaction => "transaction",
            Self::Hash => "hash",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_word_is_what_serde_writes() {
        for kind in CredentialType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
