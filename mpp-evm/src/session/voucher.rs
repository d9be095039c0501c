use alloy_primitives::{Address, B256, U256, b256, keccak256};
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
        // As the library encodes it, without hashing its type each time.
        let mut text = [0; 96];
        text[..32].copy_from_slice(VOUCHER_TYPE.as_slice());
        text[32..64].copy_from_slice(self.channel.word().as_slice());
        text[80..].copy_from_slice(&self.cumulative.to_be_bytes());
        domain.digest(keccak256(text))
    }
}

/// The hash of `Voucher(bytes32 channelId,uint128 cumulativeAmount)`.
const VOUCHER_TYPE: B256 =
    b256!("0xe97c93f01d3ef8eaba1586553df13308f236815bf4ea49c7b696895d8f5ea68a");

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    alloy_sol_types::sol! {
        struct Voucher {
            bytes32 channelId;
            uint128 cumulativeAmount;
        }
    }

    proptest! {
        #[test]
        fn a_voucher_is_hashed_as_the_library_hashes_it(
            channel: [u8; 32],
            cumulative: u128,
            chain_id: u64,
        ) {
            let domain = escrow_domain(chain_id, Address::repeat_byte(7));
            let typed = Voucher {
                channelId: channel.into(),
                cumulativeAmount: cumulative,
            };
            let voucher = super::Voucher {
                channel: ChannelId::new(channel.into()),
                cumulative,
            };
            prop_assert_eq!(voucher.digest(&domain), domain.digest_of(&typed));
        }
    }

    #[test]
    fn digests_and_signatures_are_those_of_the_vectors() {
        let file = vectors::load("mpp_core.json");
        let escrow = vectors::text(&file["evm"]["domain"], "verifyingContract");
        let domain = escrow_domain(196, escrow.parse().unwrap());
        let mut tally = vectors::Tally::new("session_voucher");
        for case in vectors::cases(&file, "/evm/voucher") {
            let voucher = super::Voucher {
                channel: vectors::text(case, "channelId").parse().unwrap(),
                cumulative: vectors::text(case, "cumulativeAmount").parse().unwrap(),
            };
            let digest = voucher.digest(&domain);
            assert_eq!(digest.to_string(), vectors::text(case, "digest"));
            let signature = EvmSignature::from_hex(vectors::text(case, "signature")).unwrap();
            let signer = vectors::text(case, "signer").parse().unwrap();
            CheckedVoucher::recover(voucher, signature, &domain, signer).unwrap();
            tally.ran();
        }
        assert!(tally.count() > 1);
    }
}
