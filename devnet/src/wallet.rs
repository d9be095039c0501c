use std::fmt;

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, U256, b256, keccak256};
use k256::ecdsa::SigningKey;

/// A key that everybody knows, and its address. Never for real money.
#[derive(Clone)]
#[non_exhaustive]
pub struct Wallet {
    /// The private key.
    pub key: B256,
    /// The account of that key.
    pub address: Address,
    signer: SigningKey,
}

/// The first ten keys of the mnemonic "test test … junk", which every development chain uses.
const DEVELOPMENT_KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

impl Wallet {
    /// The wallet of a private key; `None` where the number is not one (zero, or too large).
    #[must_use]
    pub fn from_key(key: B256) -> Option<Self> {
        let signer = SigningKey::from_slice(key.as_slice()).ok()?;
        let point = signer.verifying_key().to_sec1_point(false);
        let digest = keccak256(&point.as_bytes()[1..]);
        Some(Self {
            key,
            address: Address::from_slice(&digest[12..]),
            signer,
        })
    }

    /// A development wallet. The first ten are the usual ones; the others come from their number.
    #[must_use]
    pub fn development(index: usize) -> Self {
        DEVELOPMENT_KEYS
            .get(index)
            .and_then(|key| Self::from_key(*key))
            .unwrap_or_else(|| Self::named(&format!("development wallet {index}")))
    }

    /// The wallet that belongs to a name: the same name, the same key.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let mut key = keccak256(name);
        loop {
            if let Some(wallet) = Self::from_key(key) {
                return wallet;
            }
            key = keccak256(key);
        }
    }

    /// Signs a 32-byte digest: r, s, v with low s and v of 27 or 28, as token contracts want it.
    #[must_use]
    pub fn sign_digest(&self, digest: B256) -> [u8; 65] {
        self.signature(digest).as_bytes()
    }

    /// Signs a transaction; the bytes for `eth_sendRawTransaction` are its EIP-2718 encoding.
    pub fn sign_transaction<T>(&self, transaction: T) -> TxEnvelope
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signature(transaction.signature_hash());
        transaction.into_signed(signature).into()
    }

    fn signature(&self, digest: B256) -> Signature {
        let (signature, recovery) = self.signer.sign_prehash_recoverable(digest.as_slice());
        let bytes = signature.to_bytes();
        let r = U256::from_be_slice(&bytes[..32]);
        let s = U256::from_be_slice(&bytes[32..]);
        Signature::new(r, s, recovery.is_y_odd())
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloy_primitives::address;

    use super::*;

    #[test]
    fn development_wallets_are_the_usual_ones() {
        assert_eq!(
            Wallet::development(0).address,
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert_eq!(
            Wallet::development(9).address,
            address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720")
        );
        let all: std::collections::BTreeSet<_> =
            (0..12).map(|i| Wallet::development(i).address).collect();
        assert_eq!(all.len(), 12);
    }

    #[test]
    fn signatures_recover_and_have_low_s() {
        let wallet = Wallet::named("anybody");
        for seed in 0..32u8 {
            let digest = keccak256([seed]);
            let bytes = wallet.sign_digest(digest);
            assert!(bytes[64] == 27 || bytes[64] == 28);
            let signature = Signature::from_raw_array(&bytes).unwrap();
            assert!(signature.normalize_s().is_none());
            assert_eq!(
                signature.recover_address_from_prehash(&digest).unwrap(),
                wallet.address
            );
        }
    }

    #[test]
    fn debug_hides_the_key() {
        let text = format!("{:?}", Wallet::development(0));
        assert!(!text.to_lowercase().contains("ac0974"));
    }
}
