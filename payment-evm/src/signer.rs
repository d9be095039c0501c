use std::fmt;
use std::future::Future;

use alloy_primitives::{Address, B256, hex};
use k256::ecdsa::SigningKey;
use payment_core::Secret;
use zeroize::Zeroizing;

use crate::signature::address_of;
use crate::{EvmSignature, SignatureError};

/// Something that signs digests for one account: a key in memory, or one kept elsewhere.
pub trait Signer: Send + Sync {
    /// The account that signs.
    fn address(&self) -> Address;

    /// Signs an EIP-712 digest as it is.
    ///
    /// # Errors
    ///
    /// `SignerError` when the key cannot be used; nothing was signed then.
    fn sign_digest(
        &self,
        digest: &B256,
    ) -> impl Future<Output = Result<EvmSignature, SignerError>> + Send;
}

/// No key, or no signature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Not 32 bytes, or not a scalar of the curve.
    #[error("not a private key")]
    Key,
    /// The machine has no randomness to give.
    #[error("no randomness")]
    Randomness(#[source] getrandom::Error),
    /// What came out of signing is not a signature that contracts take.
    #[error("the signature is not of the accepted form")]
    Form(#[source] SignatureError),
    /// A signer elsewhere did not sign.
    #[error("the signer is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A key in this process. Signs deterministically (RFC 6979); wiped when dropped.
#[derive(Clone)]
pub struct LocalSigner {
    key: SigningKey,
    address: Address,
}

impl LocalSigner {
    /// Reads a private key of 64 hex digits, with `0x` or without.
    ///
    /// # Errors
    ///
    /// `SignerError::Key` for anything else, and for a number that is no key.
    pub fn from_hex(text: &str) -> Result<Self, SignerError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut bytes = Zeroizing::new([0; 32]);
        if digits.len() != 64 {
            return Err(SignerError::Key);
        }
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_| SignerError::Key)?;
        Self::from_key_bytes(&*bytes)
    }

    /// Takes the key out of a secret that holds its 32 bytes, or the text [`Self::from_hex`]
    /// reads.
    ///
    /// # Errors
    ///
    /// `SignerError::Key` for anything else, and for a number that is no key.
    pub fn from_secret(secret: &Secret) -> Result<Self, SignerError> {
        match secret.expose() {
            bytes if bytes.len() == 32 => Self::from_key_bytes(bytes),
            text => Self::from_hex(std::str::from_utf8(text).map_err(|_| SignerError::Key)?),
        }
    }

    /// A fresh key from the machine's randomness.
    ///
    /// # Errors
    ///
    /// `SignerError::Randomness` when the machine has none.
    pub fn random() -> Result<Self, SignerError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(&mut *bytes).map_err(SignerError::Randomness)?;
            // One draw in 2^128 is not below the order.
            if let Ok(signer) = Self::from_key_bytes(&*bytes) {
                return Ok(signer);
            }
        }
    }

    fn from_key_bytes(bytes: &[u8]) -> Result<Self, SignerError> {
        let key = SigningKey::from_slice(bytes).map_err(|_| SignerError::Key)?;
        let address = address_of(key.verifying_key());
        Ok(Self { key, address })
    }

    /// The account of the key.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a digest at once.
    ///
    /// # Errors
    ///
    /// `SignerError::Form` if the result broke a rule of [`EvmSignature`]; no digest is known
    /// that does.
    pub fn sign(&self, digest: &B256) -> Result<EvmSignature, SignerError> {
        // Deterministic, and `s` is brought below half the order with the recovery id to match.
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        let mut bytes = [0; 65];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        EvmSignature::from_bytes(&bytes).map_err(SignerError::Form)
    }
}

impl Signer for LocalSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_digest(&self, digest: &B256) -> Result<EvmSignature, SignerError> {
        self.sign(digest)
    }
}

impl<S: Signer> Signer for std::sync::Arc<S> {
    fn address(&self) -> Address {
        (**self).address()
    }

    async fn sign_digest(&self, digest: &B256) -> Result<EvmSignature, SignerError> {
        (**self).sign_digest(digest).await
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalSigner({})", self.address)
    }
}

/// A word that nobody can guess, for the nonce of an authorization.
///
/// # Errors
///
/// `SignerError::Randomness` when the machine has none.
pub fn random_word() -> Result<B256, SignerError> {
    let mut word = B256::ZERO;
    getrandom::fill(word.as_mut_slice()).map_err(SignerError::Randomness)?;
    Ok(word)
}
