//! What the tests share: typed payloads, and the digest a payer signs.
#![allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub)]

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolStruct, sol};
use devnet::{Devnet, ITollToken, Token, Wallet};

sol! {
    struct TransferWithAuthorization { address from; address to; uint256 value; uint256 validAfter; uint256 validBefore; bytes32 nonce; }
    struct ReceiveWithAuthorization { address from; address to; uint256 value; uint256 validAfter; uint256 validBefore; bytes32 nonce; }
    struct CancelAuthorization { address authorizer; bytes32 nonce; }
    struct Permit { address owner; address spender; uint256 value; uint256 nonce; uint256 deadline; }
}

/// The digest of a typed message in a token's domain.
pub fn digest(token: &Token, message: &impl SolStruct) -> B256 {
    in_domain(token.domain_separator(), message)
}

pub fn in_domain(separator: B256, message: &impl SolStruct) -> B256 {
    keccak256(
        [
            &[0x19, 0x01][..],
            separator.as_slice(),
            message.eip712_hash_struct().as_slice(),
        ]
        .concat(),
    )
}

/// r, s and v of a 65-byte signature.
pub fn split(signature: &[u8; 65]) -> (u8, B256, B256) {
    (
        signature[64],
        B256::from_slice(&signature[..32]),
        B256::from_slice(&signature[32..64]),
    )
}

/// A payment of 10,000 units from the first buyer to the seller, good for a minute from now.
pub fn payment(net: &Devnet, nonce: u8) -> TransferWithAuthorization {
    TransferWithAuthorization {
        from: net.buyers[0].address,
        to: net.seller.address,
        value: U256::from(10_000),
        validAfter: U256::ZERO,
        validBefore: U256::from(net.chain.now() + 60),
        nonce: B256::repeat_byte(nonce),
    }
}

/// Calldata of the overload with v, r and s.
pub fn split_call(message: &TransferWithAuthorization, signature: &[u8; 65]) -> Bytes {
    use alloy_sol_types::SolCall;
    let (v, r, s) = split(signature);
    ITollToken::transferWithAuthorization_0Call {
        from: message.from,
        to: message.to,
        value: message.value,
        validAfter: message.validAfter,
        validBefore: message.validBefore,
        nonce: message.nonce,
        v,
        r,
        s,
    }
    .abi_encode()
    .into()
}

/// Calldata of the overload with one `bytes` signature.
pub fn bytes_call(message: &TransferWithAuthorization, signature: &[u8]) -> Bytes {
    use alloy_sol_types::SolCall;
    ITollToken::transferWithAuthorization_1Call {
        from: message.from,
        to: message.to,
        value: message.value,
        validAfter: message.validAfter,
        validBefore: message.validBefore,
        nonce: message.nonce,
        signature: signature.to_vec().into(),
    }
    .abi_encode()
    .into()
}

pub fn sign(net: &Devnet, wallet: &Wallet, message: &impl SolStruct) -> [u8; 65] {
    wallet.sign_digest(digest(&net.token, message))
}

/// A chain whose time stands at 1,800,000,000 until it is moved.
pub fn still() -> Devnet {
    Devnet::builder()
        .clock(std::sync::Arc::new(|| 1_800_000_000))
        .build()
        .unwrap()
}

/// The reason a call from the settler reverts with.
pub fn refusal(net: &Devnet, to: Address, data: impl Into<Bytes>) -> String {
    match net.chain.call_as(net.settler.address, to, data) {
        Err(devnet::CallError::Reverted { reason, .. }) => reason.unwrap_or_default(),
        other => panic!("expected a revert, got {other:?}"),
    }
}
