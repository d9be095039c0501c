//! Canonical Permit2 on this chain.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolStruct, SolValue, sol};
use devnet::{ITollToken, PERMIT2};
use support::*;

sol! {
    #[derive(Debug)]
    struct TokenPermissions { address token; uint256 amount; }
    struct Witness { address to; uint256 validAfter; }
    struct PermitWitnessTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; Witness witness; }

    struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
    struct TransferDetails { address to; uint256 requestedAmount; }

    interface IPermit2 {
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function permitWitnessTransferFrom(PermitTransferFrom memory permit, TransferDetails calldata transferDetails, address owner, bytes32 witness, string calldata witnessTypeString, bytes calldata signature) external;
    }
}

const WITNESS_TYPE: &str = "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)";

/// Permit2's domain has no version.
fn separator(chain_id: u64) -> B256 {
    let kind = keccak256("EIP712Domain(string name,uint256 chainId,address verifyingContract)");
    keccak256((kind, keccak256("Permit2"), U256::from(chain_id), PERMIT2).abi_encode())
}

#[test]
fn domain_follows_the_chain_id() {
    for chain_id in [1, 196, 84532] {
        let net = devnet::Devnet::builder()
            .chain_id(chain_id)
            .build()
            .unwrap();
        let on_chain = net
            .chain
            .read(PERMIT2, &IPermit2::DOMAIN_SEPARATORCall {})
            .unwrap();
        assert_eq!(on_chain, separator(chain_id));
    }
}

#[test]
fn witness_transfer_moves_tokens_once() {
    let net = still();
    let (buyer, token) = (&net.buyers[0], net.token.address);
    let amount = U256::from(10_000);
    let approve = ITollToken::approveCall {
        spender: PERMIT2,
        value: amount * U256::from(3),
    };
    assert!(
        net.chain
            .send(buyer, token, approve.abi_encode())
            .unwrap()
            .status()
    );

    let message = PermitWitnessTransferFrom {
        permitted: TokenPermissions { token, amount },
        spender: net.settler.address,
        nonce: U256::from(7),
        deadline: U256::from(net.chain.now() + 60),
        witness: Witness {
            to: net.seller.address,
            validAfter: U256::ZERO,
        },
    };
    let call = |signature: [u8; 65], to| {
        IPermit2::permitWitnessTransferFromCall {
            permit: PermitTransferFrom {
                permitted: TokenPermissions { token, amount },
                nonce: message.nonce,
                deadline: message.deadline,
            },
            transferDetails: TransferDetails {
                to,
                requestedAmount: amount,
            },
            owner: buyer.address,
            witness: message.witness.eip712_hash_struct(),
            witnessTypeString: WITNESS_TYPE.into(),
            signature: signature.to_vec().into(),
        }
        .abi_encode()
    };
    let signature = buyer.sign_digest(in_domain(separator(84532), &message));
    let elsewhere = buyer.sign_digest(in_domain(separator(8453), &message));
    let data = call(signature, net.seller.address);

    assert!(
        !net.chain
            .send(&net.settler, PERMIT2, call(elsewhere, net.seller.address))
            .unwrap()
            .status()
    );
    // The spender is who calls Permit2.
    assert!(
        !net.chain
            .send(&net.seller, PERMIT2, data.clone())
            .unwrap()
            .status()
    );
    assert!(
        net.chain
            .send(&net.settler, PERMIT2, data.clone())
            .unwrap()
            .status()
    );
    assert!(
        !net.chain
            .send(&net.settler, PERMIT2, data)
            .unwrap()
            .status()
    );
    assert_eq!(net.chain.balance_of(token, net.seller.address), amount);
}
