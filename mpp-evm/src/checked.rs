use std::fmt;
use std::sync::Arc;

#[cfg(feature = "onchain")]
use alloy_primitives::Bytes;
use alloy_primitives::{Address, B256};
use mpp_core::EchoedChallenge;
use payment_core::Timestamp;
use payment_evm::permit2::{ChargePermit, Spelling};
use payment_evm::{Authorization, EvmSignature};

use crate::{CredentialType, Due};

/// A charge whose payload was compared with what is due and whose signature was recovered. Only
/// this crate makes one, so a backend that holds it need not check again what can be known
/// without the chain.
#[derive(Clone, Debug)]
pub struct CheckedCharge {
    due: Arc<Due>,
    payer: Address,
    proof: Proof,
    challenge: Arc<EchoedChallenge<'static>>,
}

/// What moves, or has moved, the money. `Debug` shows no signature: who reads one could use it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Proof {
    /// An authorization for the token contract.
    Authorization {
        /// What was signed.
        authorization: Authorization,
        /// The payer's signature.
        signature: EvmSignature,
    },
    /// One authorization of the token contract for each leg, in the order of [`Due::legs`].
    Transfers(Vec<SignedTransfer>),
    /// A permit for the Permit2 contract.
    Permit2 {
        /// What was signed.
        permit: ChargePermit,
        /// How the witness type was spelled when it was signed.
        spelling: Spelling,
        /// The payer's signature.
        signature: EvmSignature,
    },
    /// A signed transaction that nobody has broadcast yet.
    #[cfg(feature = "onchain")]
    Transaction {
        /// The transaction as it goes to the chain.
        raw: Bytes,
        /// Its hash.
        hash: B256,
        /// Its place among the transactions of the payer.
        nonce: u64,
    },
    /// A transfer that the payer says to have made. The payer is a claim until the transfer has
    /// been looked up.
    Hash {
        /// The transaction.
        hash: B256,
        /// The transfer must not be older than the challenge.
        not_before: Timestamp,
    },
}

/// An authorization and its signature.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SignedTransfer {
    /// What was signed.
    pub authorization: Authorization,
    /// The payer's signature.
    pub signature: EvmSignature,
}

impl fmt::Debug for SignedTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedTransfer([redacted])")
    }
}

impl Proof {
    /// The one authorization that moves all of it, in whichever form it came.
    #[must_use]
    pub fn sole_authorization(&self) -> Option<(&Authorization, &EvmSignature)> {
        match self {
            Self::Authorization {
                authorization,
                signature,
            } => Some((authorization, signature)),
            Self::Transfers(transfers) => match transfers.as_slice() {
                [sole] => Some((&sole.authorization, &sole.signature)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The type of credential it came as.
    #[must_use]
    pub const fn kind(&self) -> CredentialType {
        match self {
            Self::Authorization { .. } => CredentialType::Authorization,
            Self::Transfers(_) => CredentialType::Transfers,
            Self::Permit2 { .. } => CredentialType::Permit2,
            #[cfg(feature = "onchain")]
            Self::Transaction { .. } => CredentialType::Transaction,
            Self::Hash { .. } => CredentialType::Hash,
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Proof").field(&self.kind()).finish()
    }
}

impl CheckedCharge {
    pub(crate) const fn new(
        due: Arc<Due>,
        payer: Address,
        proof: Proof,
        challenge: Arc<EchoedChallenge<'static>>,
    ) -> Self {
        Self {
            due,
            payer,
            proof,
            challenge,
        }
    }

    /// What is to be paid.
    #[must_use]
    pub fn due(&self) -> &Due {
        &self.due
    }

    /// Whose money it is.
    #[must_use]
    pub const fn payer(&self) -> Address {
        self.payer
    }

    /// The challenge that it answers: ours to the letter.
    #[must_use]
    pub fn challenge(&self) -> &EchoedChallenge<'static> {
        &self.challenge
    }

    /// What moves the money.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn debug_shows_no_signature() {
        let signature = EvmSignature::from_hex(
            "0x38dcc78a8a8bd834947e8421bb2b995c1ed07da953be15766260bc0fbc48759744d5d9887257c282212b13f6504c605ba31f1fe0b54e54a104940fcc6d961a621b",
        );
        let authorization = Authorization {
            from: Address::ZERO,
            to: Address::ZERO,
            value: alloy_primitives::U256::ZERO,
            valid_after: alloy_primitives::U256::ZERO,
            valid_before: alloy_primitives::U256::ZERO,
            nonce: B256::ZERO,
        };
        let proof = Proof::Authorization {
            authorization,
            signature: signature.unwrap(),
        };
        assert_eq!(format!("{proof:?}"), "Proof(Authorization)");
    }
}
