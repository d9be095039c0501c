use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::SolValue;
use payment_evm::wire::{self, HexError};
use serde::{Deserialize, Serialize};

/// The name of a payment channel: the same on chain, in vouchers and in every store.
///
/// Read to its 32 bytes before anything is looked up, so that no spelling names another record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelId(#[serde(with = "wire::word")] B256);

impl ChannelId {
    /// The channel of this name.
    #[must_use]
    pub const fn new(word: B256) -> Self {
        Self(word)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn word(&self) -> B256 {
        self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex::Buffer::<32, true>::new().format(&self.0))
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelId({}…)", hex::encode_prefixed(&self.0[..6]))
    }
}

impl FromStr for ChannelId {
    type Err = HexError;

    /// # Errors
    ///
    /// `HexError` for anything but `0x` and 64 hex digits of any case.
    fn from_str(text: &str) -> Result<Self, HexError> {
        wire::fixed_hex::<32>(text).map(|word| Self(word.into()))
    }
}

/// What a channel is opened with. Its id is the hash of all of it (evm-session, Channel
/// Identifier).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whose deposit it is.
    pub payer: Address,
    /// Who is paid out of it.
    pub payee: Address,
    /// What it is paid in.
    pub token: Address,
    /// Chosen by the payer, so that there may be several channels of the same parties.
    pub salt: B256,
    /// Who signs vouchers; the zero address stands for the payer.
    pub authorized_signer: Address,
    /// The contract that holds the deposit.
    pub escrow: Address,
    /// Its chain.
    pub chain_id: u64,
}

impl Opening {
    /// The id of the channel.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        let parts = (
            self.payer,
            self.payee,
            self.token,
            self.salt,
            self.authorized_signer,
            self.escrow,
            U256::from(self.chain_id),
        );
        ChannelId(keccak256(parts.abi_encode()))
    }

    /// The EIP-3009 nonce of the deposit, which the contract computes again.
    #[must_use]
    pub fn nonce(&self) -> B256 {
        let parts = (
            self.payer,
            self.payee,
            self.token,
            self.salt,
            self.authorized_signer,
        );
        keccak256(parts.abi_encode())
    }

    /// Who signs vouchers.
    #[must_use]
    pub fn signer(&self) -> Address {
        signer(self.payer, self.authorized_signer)
    }
}

/// Who signs vouchers: the zero address stands for the payer.
pub(crate) fn signer(payer: Address, authorized_signer: Address) -> Address {
    if authorized_signer.is_zero() {
        payer
    } else {
        authorized_signer
    }
}

/// The EIP-3009 nonce of a further deposit, which the contract computes again.
#[must_use]
pub fn top_up_nonce(channel: ChannelId, additional: u128, from: Address, salt: B256) -> B256 {
    keccak256((channel.word(), U256::from(additional), from, salt).abi_encode())
}
