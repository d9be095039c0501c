use std::fmt;

use alloy_primitives::{Address, B256, hex};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{Signature, VerifyingKey};

use crate::signature::address_of;
use crate::{EvmSignature, SignatureError};

/// The public key of an account, as it came out of a recovery: 33 bytes, compressed.
///
/// Who has it can check further signatures of the account by verification, which costs no more
/// than a recovery.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 33]);

impl PublicKey {
    /// Reads a compressed key.
    ///
    /// # Errors
    ///
    /// `SignatureError::Unrecoverable` for bytes that are no point of the curve.
    pub fn from_bytes(bytes: &[u8; 33]) -> Result<Self, SignatureError> {
        // There is a third form of 33 bytes, of another meaning.
        if !matches!(bytes[0], 2 | 3) {
            return Err(SignatureError::Unrecoverable);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalSigner;

    fn signed(digest: B256) -> (LocalSigner, EvmSignature, PublicKey) {
        let signer = LocalSigner::from_hex(&"01".repeat(32)).unwrap();
        let signature = signer.sign(&digest).unwrap();
        let (account, key) = signature.recover_key(&digest).unwrap();
        assert_eq!(account, signer.address());
        (signer, signature, key)
    }

    #[test]
    fn a_recovered_key_is_that_of_the_account() {
        let (signer, _, key) = signed(B256::repeat_byte(7));
        assert_eq!(key.address(), Ok(signer.address()));
        assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(key));
    }

    #[test]
    fn bytes_that_are_no_point_are_no_key() {
        let (.., key) = signed(B256::repeat_byte(7));
        let mut bytes = key.to_bytes();
        for lead in [0, 1, 4, 5, 255] {
            bytes[0] = lead;
            let refused = PublicKey::from_bytes(&bytes);
            assert_eq!(refused, Err(SignatureError::Unrecoverable), "{lead}");
        }
        // 5 is not the x of any point of the curve.
        let mut bytes = [0; 33];
        (bytes[0], bytes[32]) = (2, 5);
        assert!(PublicKey::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_key_verifies_what_it_signed_and_nothing_else() {
        let digest = B256::repeat_byte(7);
        let (_, signature, key) = signed(digest);
        assert_eq!(key.verify(&digest, &signature), Ok(()));
        let refused = Err(SignatureError::Unrecoverable);
        assert_eq!(key.verify(&B256::repeat_byte(8), &signature), refused);
        let other = LocalSigner::from_hex(&"02".repeat(32)).unwrap();
        let by_another = other.sign(&digest).unwrap();
        assert_eq!(key.verify(&digest, &by_another), refused);
        for at in [31, 63] {
            let mut bytes = signature.to_bytes();
            bytes[at] ^= 1;
            let spoilt = EvmSignature::from_bytes(&bytes).unwrap();
            assert_eq!(key.verify(&digest, &spoilt), refused, "{at}");
        }
    }

    /// A contract recovers by `v`, a key does not look at it: there is one spelling to send.
    #[test]
    fn a_flipped_v_verifies_and_is_spelled_right_for_the_contract() {
        for number in 0..8 {
            let digest = B256::repeat_byte(number);
            let (signer, signature, key) = signed(digest);
            let mut bytes = signature.to_bytes();
            bytes[64] = 27 + 28 - bytes[64];
            let flipped = EvmSignature::from_bytes(&bytes).unwrap();
            assert_eq!(key.verify(&digest, &flipped), Ok(()));
            assert_ne!(flipped.recover(&digest), Ok(signer.address()));
            for spelling in [signature, flipped] {
                let sent = spelling.spelled_for(&digest, signer.address());
                assert_eq!(sent, Some(signature));
            }
            assert_eq!(flipped.spelled_for(&digest, Address::ZERO), None);
        }
    }
}
