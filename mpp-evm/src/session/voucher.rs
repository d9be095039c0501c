use alloy_primitives::{Address, B256, U256};
use payment_evm::{Domain, EvmSignature, PublicKey, SignatureError};

use super::ChannelId;

/// The domain in which an escrow contract checks vouchers and authorizations (evm-session,
/// EIP-712 Domain).
#[must_use]
pub fn escrow_domain(chain_id: u64, escrow: Address) -> Domain {
    Domain::new("EVM Payment Channel", Some("1"), chain_id, escrow)
}

/// The promise that the payee may take this much out of a channel, all earlier vouchers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher {
    /// The channel.
    pub channel: ChannelId,
    /// Base units since the channel was opened.
    pub cumulative: u128,
}

impl Voucher {
    /// What the channel's signer signs.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest_of(&typed::Voucher {
            channelId: self.channel.word(),
            cumulativeAmount: self.cumulative,
        })
    }
}

/// An amount and the signature that promises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedVoucher {
    /// Base units since the channel was opened.
    pub cumulative: u128,
    /// By the channel's signer.
    pub signature: EvmSignature,
}

/// A voucher whose signature was checked against the signer of its channel. Only this crate makes
/// one.
#[derive(Clone, Copy, Debug)]
pub struct CheckedVoucher {
    channel: ChannelId,
    signed: SignedVoucher,
    key: PublicKey,
}

impl CheckedVoucher {
    /// Recovers who signed.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` or `OtherSigner`.
    pub(super) fn recover(
        voucher: Voucher,
        signature: EvmSignature,
        domain: &Domain,
        declared: Address,
    ) -> Result<Self, SignatureError> {
        match signature.recover_key(&voucher.digest(domain))? {
            (recovered, key) if recovered == declared => Ok(Self::known(voucher, signature, key)),
            (recovered, _) => Err(SignatureError::OtherSigner {
                declared,
                recovered,
            }),
        }
    }

    /// Verifies against the key of the signer.
    ///
    /// # Errors
    ///
    /// `Unrecoverable` or `OtherSigner`.
    pub(super) fn verify(
        voucher: Voucher,
        signature: EvmSignature,
        domain: &Domain,
        key: PublicKey,
        declared: Address,
    ) -> Result<Self, SignatureError> {
        match key.verify(&voucher.digest(domain), &signature) {
            Ok(()) => Ok(Self::known(voucher, signature, key)),
            // Says which of the two it is, as it would of a channel's first voucher.
            Err(_) => Self::recover(voucher, signature, domain, declared),
        }
    }

    /// A voucher that was checked before, byte for byte.
    pub(super) const fn known(voucher: Voucher, signature: EvmSignature, key: PublicKey) -> Self {
        Self {
            channel: voucher.channel,
            signed: SignedVoucher {
                cumulative: voucher.cumulative,
                signature,
            },
            key,
        }
    }

    /// The channel it is drawn on.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Amount and signature.
    #[must_use]
    pub const fn signed(&self) -> SignedVoucher {
        self.signed
    }

    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }
}

/// What the payee signs to let somebody else bring a voucher to the contract (evm-session,
/// Relayed Settlement).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayeeAuthorization {
    /// The channel.
    pub channel: ChannelId,
    /// The amount of the voucher.
    pub cumulative: u128,
    /// Any number not used for this channel before, by settling or closing.
    pub nonce: U256,
    /// Valid until then, in seconds since the epoch.
    pub deadline: U256,
}

impl PayeeAuthorization {
    /// What is signed to settle.
    #[must_use]
    pub fn settle_digest(&self, domain: &Domain) -> B256 {
        domain.digest_of(&typed::SettleAuthorization {
            channelId: self.channel.word(),
            cumulativeAmount: self.cumulative,
            nonce: self.nonce,
            deadline: self.deadline,
        })
    }

    /// What is signed to close.
    #[must_use]
    pub fn close_digest(&self, domain: &Domain) -> B256 {
        domain.digest_of(&typed::CloseAuthorization {
            channelId: self.channel.word(),
            cumulativeAmount: self.cumulative,
            nonce: self.nonce,
            deadline: self.deadline,
        })
    }
}

/// The types as contracts hash them.
pub(crate) mod typed {
    alloy_sol_types::sol! {
        struct Voucher {
            bytes32 channelId;
            uint128 cumulativeAmount;
        }

        struct SettleAuthorization {
            bytes32 channelId;
            uint128 cumulativeAmount;
            uint256 nonce;
            uint256 deadline;
        }

        struct CloseAuthorization {
            bytes32 channelId;
            uint128 cumulativeAmount;
            uint256 nonce;
            uint256 deadline;
        }
    }
}
