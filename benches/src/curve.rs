//! The bare operations on the curve.

use std::hint::black_box;
use std::time::Instant;

use crate::Failure;
use crate::number::each;
use alloy_primitives::B256;
use payment_evm::{EvmSignature, LocalSigner, PublicKey};

/// Which operation a request can't do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To recover who has signed.
    Recover,
    /// To verify by a key that is known.
    Verify,
    /// None.
    Nothing,
}

/// Digests that one key has signed.
#[derive(Debug)]
pub struct Curve {
    signed: Vec<(B256, EvmSignature)>,
    key: PublicKey,
}

impl Curve {
    /// So many of them, or one.
    ///
    /// # Errors
    ///
    /// Without randomness.
    pub fn new(batch: usize) -> Result<Self, Failure> {
        let signer = LocalSigner::random()?;
        let sign = |_| -> Result<_, Failure> {
            let digest = payment_evm::random_word()?;
            Ok((digest, signer.sign(&digest)?))
        };
        let signed = (0..batch.max(1)).map(sign).collect::<Result<Vec<_>, _>>()?;
        let (digest, signature) = signed[0];
        let (_, key) = signature.recover_key(&digest)?;
        Ok(Self { signed, key })
    }

    /// Time of one operation in picoseconds.
    ///
    /// # Errors
    ///
    /// A signature that is none.
    pub fn turn(&self, operation: Operation) -> Result<u64, Failure> {
        if operation == Operation::Nothing {
            return Ok(0);
        }
        let start = Instant::now();
        for (digest, signature) in &self.signed {
            match operation {
                Operation::Recover => {
                    black_box(signature.recover_key(black_box(digest))?);
                }
                _ => self.key.verify(black_box(digest), black_box(signature))?,
            }
        }
        Ok(each(start.elapsed(), self.signed.len()))
    }
}
