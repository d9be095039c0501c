use alloy_primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use alloy_sol_types::{SolCall, SolStruct, sol};

use super::desk::Desk;
use super::field::{Malformed, Object};
use crate::CallError;
use crate::token::{ITollToken, Token};

sol! {
    struct TransferWithAuthorization { address from; address to; uint256 value; uint256 validAfter; uint256 validBefore; bytes32 nonce; }
}

/// What an EIP-3009 authorization says, whoever signed it and with which kind of key.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) value: U256,
    pub(super) valid_after: U256,
    pub(super) valid_before: U256,
    pub(super) nonce: B256,
}

impl Authorization {
    pub(super) fn read(object: Object<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            from: object.address("from")?,
            to: object.address("to")?,
            value: object.units("value")?,
            valid_after: object.units("validAfter")?,
            valid_before: object.units("validBefore")?,
            nonce: object.word("nonce")?,
        })
    }

    /// What is signed to transfer by it.
    pub(super) fn digest(&self, token: &Token) -> B256 {
        let message = TransferWithAuthorization {
            from: self.from,
            to: self.to,
            value: self.value,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            nonce: self.nonce,
        };
        let (domain, message) = (token.domain_separator(), message.eip712_hash_struct());
        keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat())
    }

    /// Calldata of the transfer.
    pub(super) fn transfer(&self, signature: Bytes) -> Bytes {
        ITollToken::transferWithAuthorization_1Call {
            from: self.from,
            to: self.to,
            value: self.value,
            validAfter: self.valid_after,
            validBefore: self.valid_before,
            nonce: self.nonce,
            signature,
        }
        .abi_encode()
        .into()
    }

    /// What of it, apart from the signature, would keep the token from moving now.
    pub(super) fn flaw(&self, desk: &Desk, token: &Token) -> Option<Flaw> {
        let now = U256::from(desk.chain.now());
        if now <= self.valid_after {
            return Some(Flaw::NotYetValid);
        }
        if now >= self.valid_before {
            return Some(Flaw::Expired);
        }
        let used = ITollToken::authorizationStateCall {
            authorizer: self.from,
            nonce: self.nonce,
        };
        if desk.chain.read(token.address, &used).unwrap_or(true) {
            return Some(Flaw::NonceUsed);
        }
        if desk.chain.balance_of(token.address, self.from) < self.value {
            return Some(Flaw::TooPoor);
        }
        None
    }

    /// Why the transfer would not succeed now; the token itself has the last word.
    pub(super) fn obstacle(&self, desk: &Desk, token: &Token, signature: &Bytes) -> Option<Flaw> {
        if !is_canonical(signature) {
            return Some(Flaw::Signature);
        }
        if let Some(flaw) = self.flaw(desk, token) {
            return Some(flaw);
        }
        let call = self.transfer(signature.clone());
        match desk
            .chain
            .call_as(desk.settler.address, token.address, call)
        {
            Ok(_) => None,
            Err(CallError::Reverted { .. }) => Some(Flaw::Signature),
            Err(_) => Some(Flaw::Chain),
        }
    }
}

/// Why an authorization moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    NotYetValid,
    Expired,
    NonceUsed,
    TooPoor,
    Signature,
    Chain,
}

/// 65 bytes, v of 27 or 28, r and s not zero, s in the lower half.
pub(super) fn is_canonical(signature: &[u8]) -> bool {
    let Some((&[27 | 28], words)) = signature.split_last_chunk::<1>().map(|(a, b)| (b, a)) else {
        return false;
    };
    if words.len() != 64 {
        return false;
    }
    let Ok(signature) = Signature::from_raw(signature) else {
        return false;
    };
    !signature.r().is_zero() && !signature.s().is_zero() && signature.normalize_s().is_none()
}

/// Whose key made a canonical signature.
pub(super) fn signer(signature: &[u8], digest: B256) -> Option<Address> {
    if !is_canonical(signature) {
        return None;
    }
    let signature = Signature::from_raw(signature).ok()?;
    signature.recover_address_from_prehash(&digest).ok()
}
