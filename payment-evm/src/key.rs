use std::fmt;

use alloy_primitives::{Address, B256, hex};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};

use crate::signature::address_of;
use crate::{EvmSignature, SignatureError};

/// The public key of an account, as it came out of a recovery: 33 bytes, compressed.
///
/// Who has it can check further signatures of the account by verification, which costs about
/// half of a recovery.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 33]);

impl PublicKey {
    /// Reads a compressed key.
    ///
    /// # Errors
    ///
    /// `SignatureError::Unrecoverable` for bytes that are no point of the curve.
    pub fn from_bytes(bytes: &[u8; 33]) -> Result<Self, SignatureError> {
        VerifyingKey::from_sec1_bytes(bytes)
            .map(|key| Self::of(&key))
            .map_err(|_| SignatureError::Unrecoverable)
    }

    pub(crate) fn of(key: &VerifyingKey) -> Self {
        let mut bytes = [0; 33];
        bytes.copy_from_slice(key.to_sec1_point(true).as_bytes());
        Self(bytes)
    }

    /// The 33 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 33] {
        self.0
    }

    /// The account of the key.
    ///
    /// # Errors
    ///
    /// None for a key that this type holds; it is read again from its bytes.
    pub fn address(&self) -> Result<Address, SignatureError> {
        Ok(address_of(&self.key()?))
    }

    /// Checks that this key signed the digest. `v` is not looked at: [`EvmSignature::spelled_for`]
    /// finds the one that a contract takes.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` when it did not.
    pub fn verify(&self, digest: &B256, signature: &EvmSignature) -> Result<(), SignatureError> {
        let parsed = Signature::from_slice(&signature.to_bytes()[..64])
            .map_err(|_| SignatureError::Unrecoverable)?;
        self.key()?
            .verify_prehash(digest.as_slice(), &parsed)
            .map_err(|_| SignatureError::Unrecoverable)
    }

    fn key(&self) -> Result<VerifyingKey, SignatureError> {
        VerifyingKey::from_sec1_bytes(&self.0).map_err(|_| SignatureError::Unrecoverable)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode_prefixed(self.0))
    }
}
