use std::sync::OnceLock;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolStruct};
use payment_core::{ReplayKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Domain, EvmSignature, SignatureError, wire};

/// An EIP-3009 authorization to move tokens, as x402 and MPP carry it.
///
/// Numbers are decimal texts on the wire; members we don't know are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// Whose tokens move, and who signs.
    #[serde(with = "wire::address")]
    pub from: Address,
    /// Who gets them.
    #[serde(with = "wire::address")]
    pub to: Address,
    /// How many base units.
    #[serde(with = "wire::decimal")]
    pub value: U256,
    /// Valid in blocks later than this, in seconds since the epoch.
    #[serde(with = "wire::decimal")]
    pub valid_after: U256,
    /// Valid in blocks earlier than this, in seconds since the epoch.
    #[serde(with = "wire::decimal")]
    pub valid_before: U256,
    /// Chosen by the payer; the token takes each once.
    #[serde(with = "wire::word")]
    pub nonce: B256,
}

/// An authorization outside its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Untimely {
    /// Valid only later.
    #[error("the authorization is not valid yet")]
    NotYet,
    /// No longer valid, or not for long enough.
    #[error("the authorization has run out, or is about to")]
    Expired,
}

impl Authorization {
    /// What the payer signs to let anyone submit the transfer (`TransferWithAuthorization`).
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(self.struct_hash())
    }

    /// What the payer signs to let only the payee submit it (`ReceiveWithAuthorization`).
    #[must_use]
    pub fn receive_digest(&self, domain: &Domain) -> B256 {
        domain.digest_of(&typed::ReceiveWithAuthorization::from(self))
    }

    /// The struct hash of `TransferWithAuthorization`.
    #[must_use]
    pub fn struct_hash(&self) -> B256 {
        // The type's text is hashed once, not for every payment.
        static TYPE_HASH: OnceLock<B256> = OnceLock::new();
        let typed = typed::TransferWithAuthorization::from(self);
        let type_hash = TYPE_HASH.get_or_init(|| typed.eip712_type_hash());
        let mut text = Vec::with_capacity(7 * 32);
        text.extend_from_slice(type_hash.as_slice());
        text.extend_from_slice(&typed.eip712_encode_data());
        keccak256(text)
    }

    /// Checks that `from` has signed the transfer in this domain.
    ///
    /// # Errors
    ///
    /// `SignatureError::Unrecoverable` or `OtherSigner`.
    pub fn check_signature(
        &self,
        domain: &Domain,
        signature: &EvmSignature,
    ) -> Result<(), SignatureError> {
        signature.check(&self.digest(domain), self.from)
    }

    /// Checks the window on the safe side: open now, and for at least `margin_seconds` more.
    ///
    /// # Errors
    ///
    /// `Untimely` says on which side it is missed.
    pub fn in_time(&self, now: Timestamp, margin_seconds: u64) -> Result<(), Untimely> {
        let seconds = now.seconds();
        if self.valid_after > U256::from(seconds) {
            return Err(Untimely::NotYet);
        }
        if self.valid_before < U256::from(seconds.saturating_add(margin_seconds)) {
            return Err(Untimely::Expired);
        }
        Ok(())
    }

    /// The call of the token that moves the money (`transferWithAuthorization` with `v`, `r`,
    /// `s`).
    #[must_use]
    pub fn calldata(&self, signature: &EvmSignature) -> Bytes {
        let call = typed::transferWithAuthorizationCall {
            from: self.from,
            to: self.to,
            value: self.value,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            nonce: self.nonce,
            v: signature.v(),
            r: signature.r(),
            s: signature.s(),
        };
        call.abi_encode().into()
    }

    /// The moment it ends, for keeping its replay record; the end of time when it has none.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        Timestamp::from_seconds(u64::try_from(self.valid_before).unwrap_or(u64::MAX))
    }

    /// The name of its nonce: the same by whichever protocol, version or route it comes.
    #[must_use]
    pub fn replay_key(&self, chain_id: u64, token: Address) -> ReplayKey {
        ReplayKey::token_nonce(
            chain_id,
            token.into_array(),
            self.from.into_array(),
            self.nonce.0,
        )
    }
}

/// The typed data that is signed; the names are those of EIP-3009.
#[allow(missing_docs)]
mod typed {
    use alloy_sol_types::sol;

    use super::Authorization;

    sol! {
        struct TransferWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }

        struct ReceiveWithAuthorization {
            address from;
            address to;
            uint256 value;
            uint256 validAfter;
            uint256 validBefore;
            bytes32 nonce;
        }

        function transferWithAuthorization(
            address from,
            address to,
            uint256 value,
            uint256 validAfter,
            uint256 validBefore,
            bytes32 nonce,
            uint8 v,
            bytes32 r,
            bytes32 s
        );
    }

    macro_rules! from_authorization {
        ($name:ident) => {
            impl From<&Authorization> for $name {
                fn from(authorization: &Authorization) -> Self {
                    Self {
                        from: authorization.from,
                        to: authorization.to,
                        value: authorization.value,
                        validAfter: authorization.valid_after,
                        validBefore: authorization.valid_before,
                        nonce: authorization.nonce,
                    }
                }
            }
        };
    }

    from_authorization!(TransferWithAuthorization);
    from_authorization!(ReceiveWithAuthorization);
}
