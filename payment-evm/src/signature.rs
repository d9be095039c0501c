use std::fmt;

use alloy_primitives::{Address, B256, hex, keccak256};
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::PublicKey;
use crate::wire::{self, HexError};

/// A signature by an account with a key, in the only form that token contracts take:
/// 65 bytes `r‖s‖v`, `r` and `s` in range, `s` not above half the order, `v` 27 or 28.
///
/// Other spellings of the same signature (`v` 0/1 or by EIP-155, the high-`s` twin, EIP-2098)
/// are refused rather than put right: what we forward must be what the contract accepts, and one
/// signature must have one spelling. Signatures of contract wallets (ERC-1271, ERC-6492) are not
/// of this kind.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvmSignature([u8; 65]);

/// Why bytes are not a signature, or not the signature asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not `0x` and 130 hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// Not 65 bytes.
    #[error("a signature of {0} bytes instead of 65")]
    Length(usize),
    /// The last byte is neither 27 nor 28.
    #[error("v is {0} instead of 27 or 28")]
    V(u8),
    /// `r` or `s` is zero or not below the order of the curve.
    #[error("r or s is out of range")]
    OutOfRange,
    /// `s` is above half the order: the malleable twin of another signature.
    #[error("s is above half the order of the curve")]
    HighS,
    /// No key makes this signature over this digest.
    #[error("no key has made this signature")]
    Unrecoverable,
    /// Another key has signed than was declared.
    #[error("signed by {recovered} instead of {declared}")]
    OtherSigner {
        /// Who should have signed.
        declared: Address,
        /// Whose key it was, if the digest was the same.
        recovered: Address,
    },
}

/// The order of secp256k1.
const ORDER: [u8; 32] = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
const HALF_ORDER: [u8; 32] =
    hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

impl EvmSignature {
    /// Checks the form; no curve operation yet.
    ///
    /// # Errors
    ///
    /// `SignatureError` says which rule of the form is broken.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        let bytes: [u8; 65] = bytes
            .try_into()
            .map_err(|_| SignatureError::Length(bytes.len()))?;
        let (r, s, v) = (&bytes[..32], &bytes[32..64], bytes[64]);
        if !matches!(v, 27 | 28) {
            return Err(SignatureError::V(v));
        }
        // Big-endian integers of one length compare as their bytes do.
        for scalar in [r, s] {
            if scalar >= &ORDER[..] || scalar.iter().all(|byte| *byte == 0) {
                return Err(SignatureError::OutOfRange);
            }
        }
        if s > &HALF_ORDER[..] {
            return Err(SignatureError::HighS);
        }
        Ok(Self(bytes))
    }

    /// Reads `0x` and 130 hex digits of any case.
    ///
    /// # Errors
    ///
    /// `SignatureError` says which rule of the form is broken.
    pub fn from_hex(text: &str) -> Result<Self, SignatureError> {
        Self::from_bytes(&wire::fixed_hex::<65>(text)?)
    }

    /// Whose key signed this digest. One curve operation, about 70 µs.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` when no key makes this signature.
    pub fn recover(&self, digest: &B256) -> Result<Address, SignatureError> {
        self.recovered(digest).map(|key| address_of(&key))
    }

    /// The key that signed this digest, for checking further signatures of the same account.
    /// Costs what [`Self::recover`] does.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` when no key makes this signature.
    pub fn recover_key(&self, digest: &B256) -> Result<(Address, PublicKey), SignatureError> {
        let key = self.recovered(digest)?;
        Ok((address_of(&key), PublicKey::of(&key)))
    }

    /// The same signature with the `v` by which a contract recovers this account; `None` when
    /// neither does. For signatures that were checked against a key, where `v` does not count.
    #[must_use]
    pub fn spelled_for(&self, digest: &B256, signer: Address) -> Option<Self> {
        let mut twin = *self;
        twin.0[64] = if self.v() == 27 { 28 } else { 27 };
        [*self, twin]
            .into_iter()
            .find(|spelling| spelling.recover(digest) == Ok(signer))
    }

    fn recovered(&self, digest: &B256) -> Result<VerifyingKey, SignatureError> {
        let unrecoverable = |_| SignatureError::Unrecoverable;
        let signature = Signature::from_slice(&self.0[..64]).map_err(unrecoverable)?;
        let odd = self.v() == 28;
        VerifyingKey::recover_from_prehash(
            digest.as_slice(),
            &signature,
            RecoveryId::new(odd, false),
        )
        .map_err(unrecoverable)
    }

    /// Checks that the declared account signed this digest.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` or `OtherSigner`.
    pub fn check(&self, digest: &B256, declared: Address) -> Result<(), SignatureError> {
        match self.recover(digest)? {
            recovered if recovered == declared => Ok(()),
            recovered => Err(SignatureError::OtherSigner {
                declared,
                recovered,
            }),
        }
    }

    /// The 65 bytes, as a contract's `bytes` overload takes them.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 65] {
        self.0
    }

    /// Lower-case hex with `0x`, as it goes on the wire.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode_prefixed(self.0)
    }

    /// The first word.
    #[must_use]
    pub fn r(&self) -> B256 {
        B256::from_slice(&self.0[..32])
    }

    /// The second word.
    #[must_use]
    pub fn s(&self) -> B256 {
        B256::from_slice(&self.0[32..64])
    }

    /// 27 or 28.
    #[must_use]
    pub const fn v(&self) -> u8 {
        self.0[64]
    }
}

/// The account of a key: the end of the hash of its uncompressed point.
pub(crate) fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    Address::from_word(keccak256(&point.as_bytes()[1..]))
}

impl fmt::Debug for EvmSignature {
    // Whole signatures don't belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvmSignature({}…)", hex::encode_prefixed(&self.0[..4]))
    }
}

impl Serialize for EvmSignature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for EvmSignature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        wire::read_text(
            deserializer,
            "a signature of 65 bytes in hex",
            Self::from_hex,
        )
    }
}
