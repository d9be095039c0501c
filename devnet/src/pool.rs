use alloy_consensus::transaction::Recovered;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256};

use crate::error::SubmitError;

const ROOM: usize = 4096;

/// Transactions that wait: for mining to go on, or for a nonce before theirs. Oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pool(Vec<Recovered<TxEnvelope>>);

impl Pool {
    pub(crate) fn insert(&mut self, transaction: Recovered<TxEnvelope>) -> Result<(), SubmitError> {
        let rival = self.0.iter_mut().find(|other| {
            other.signer() == transaction.signer() && other.nonce() == transaction.nonce()
        });
        if let Some(rival) = rival {
            // A tenth more is what nodes ask for before they replace.
            let least = rival
                .max_fee_per_gas()
                .saturating_add(rival.max_fee_per_gas() / 10);
            if transaction.max_fee_per_gas() < least {
                return Err(SubmitError::Underpriced);
            }
            *rival = transaction;
            return Ok(());
        }
        if self.0.len() >= ROOM {
            return Err(SubmitError::PoolFull);
        }
        self.0.push(transaction);
        Ok(())
    }

    /// Takes out the oldest transaction that carries its sender's next nonce.
    pub(crate) fn take_ready(
        &mut self,
        next_nonce: impl Fn(Address) -> u64,
    ) -> Option<Recovered<TxEnvelope>> {
        let place = self
            .0
            .iter()
            .position(|waiting| waiting.nonce() == next_nonce(waiting.signer()))?;
        Some(self.0.remove(place))
    }

    pub(crate) fn find(&self, hash: B256) -> Option<&Recovered<TxEnvelope>> {
        self.0.iter().find(|waiting| *waiting.tx_hash() == hash)
    }

    /// The first nonce that neither the chain nor a waiting transaction has used.
    pub(crate) fn free_nonce(&self, sender: Address, next: u64) -> u64 {
        let used = |nonce| {
            self.0
                .iter()
                .any(|other| other.signer() == sender && other.nonce() == nonce)
        };
        (next..).find(|nonce| !used(*nonce)).unwrap_or(next)
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::Signature;

    use super::*;

    fn waiting(nonce: u64) -> Recovered<TxEnvelope> {
        let transaction = TxEip1559 {
            nonce,
            ..TxEip1559::default()
        };
        let signed = transaction.into_signed(Signature::test_signature());
        Recovered::new_unchecked(signed.into(), Address::repeat_byte(1))
    }

    #[test]
    fn pool_has_an_end() {
        let mut pool = Pool((0..ROOM as u64).map(waiting).collect());
        assert_eq!(
            pool.insert(waiting(ROOM as u64)),
            Err(SubmitError::PoolFull)
        );
        pool.take_ready(|_| 0);
        assert_eq!(pool.insert(waiting(ROOM as u64)), Ok(()));
    }

    #[test]
    fn free_nonce_is_the_first_gap() {
        let pool = Pool([4, 5, 7].map(waiting).into());
        let sender = Address::repeat_byte(1);
        assert_eq!(pool.free_nonce(sender, 4), 6);
        assert_eq!(pool.free_nonce(Address::ZERO, 4), 4);
    }
}
