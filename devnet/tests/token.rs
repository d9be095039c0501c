//! The token's rules, on the real machine.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use alloy_primitives::{Address, B256, U256, address, b256};
use alloy_sol_types::{SolCall, SolEvent};
use devnet::{Artifact, Devnet, ITollToken, TokenSpec};
use support::*;

fn authorization_used(net: &Devnet, nonce: u8) -> bool {
    let authorizer = net.buyers[0].address;
    let call = ITollToken::authorizationStateCall {
        authorizer,
        nonce: B256::repeat_byte(nonce),
    };
    net.chain.read(net.token.address, &call).unwrap()
}

#[test]
fn default_token_is_the_usdc_that_buyers_know() {
    let net = still();
    assert_eq!(
        net.token.address,
        address!("036CbD53842c5426634e7929541eC2318f3dCF7e")
    );
    let on_chain: B256 = net
        .chain
        .read(net.token.address, &ITollToken::DOMAIN_SEPARATORCall {})
        .unwrap();
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/x402_assets.json")).unwrap();
    let usdc = vectors["evm"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["network"] == "eip155:84532" && row["symbol"] == "USDC")
        .unwrap();
    assert_eq!(
        on_chain.to_string(),
        usdc["domainSeparator"].as_str().unwrap()
    );
    assert_eq!(net.token.domain_separator(), on_chain);
}

#[test]
fn any_other_identity_can_be_asked_for() {
    let elsewhere = address!("779Ded0c9e1022225f8E0630b35a9b54bE713736");
    let long = "A token whose name is longer than one word of storage holds";
    let net = Devnet::builder()
        .chain_id(196)
        .token(TokenSpec::new("USD₮0", "1").symbol("USDT0").at(elsewhere))
        .token(TokenSpec::new(long, "7").decimals(18))
        .build()
        .unwrap();
    assert_eq!((net.chain.chain_id(), net.token.address), (196, elsewhere));
    assert_ne!(net.tokens[1].address, Address::ZERO);
    for token in &net.tokens {
        let separator: B256 = net
            .chain
            .read(token.address, &ITollToken::DOMAIN_SEPARATORCall {})
            .unwrap();
        assert_eq!(separator, token.domain_separator());
        assert_eq!(
            net.chain
                .read(token.address, &ITollToken::nameCall {})
                .unwrap(),
            token.name
        );
        assert_eq!(
            net.chain
                .read(token.address, &ITollToken::symbolCall {})
                .unwrap(),
            token.symbol
        );
        assert_eq!(
            net.chain
                .read(token.address, &ITollToken::decimalsCall {})
                .unwrap(),
            token.decimals
        );
        assert_eq!(
            net.chain.balance_of(token.address, net.buyers[6].address),
            U256::from(1_000_000_000)
        );
    }
}

#[test]
fn selectors_are_those_of_the_standards() {
    assert_eq!(
        ITollToken::transferWithAuthorization_0Call::SELECTOR,
        [0xe3, 0xee, 0x16, 0x0e]
    );
    assert_eq!(
        ITollToken::transferWithAuthorization_1Call::SELECTOR,
        [0xcf, 0x09, 0x29, 0x95]
    );
    assert_eq!(
        ITollToken::receiveWithAuthorization_0Call::SELECTOR,
        [0xef, 0x55, 0xbe, 0xc6]
    );
    assert_eq!(
        ITollToken::receiveWithAuthorization_1Call::SELECTOR,
        [0x88, 0xb7, 0xab, 0x63]
    );
    assert_eq!(ITollToken::permit_0Call::SELECTOR, [0xd5, 0x05, 0xac, 0xcf]);
}

#[test]
fn both_overloads_pay_and_say_so() {
    let net = still();
    let (buyer, token) = (&net.buyers[0], net.token.address);
    for nonce in [1, 2] {
        let message = payment(&net, nonce);
        let signature = sign(&net, buyer, &message);
        let data = if nonce == 1 {
            split_call(&message, &signature)
        } else {
            bytes_call(&message, &signature)
        };
        let receipt = net.chain.send(&net.settler, token, data).unwrap();
        assert!(receipt.status());
        let used = receipt
            .decoded_log::<ITollToken::AuthorizationUsed>()
            .unwrap();
        assert_eq!(
            (used.address, used.authorizer, used.nonce),
            (token, buyer.address, message.nonce)
        );
        let moved = receipt.decoded_log::<ITollToken::Transfer>().unwrap();
        assert_eq!(
            (moved.address, moved.from, moved.to, moved.value),
            (token, buyer.address, net.seller.address, U256::from(10_000))
        );
        assert!(authorization_used(&net, nonce));
    }
    assert_eq!(
        net.chain.balance_of(token, net.seller.address),
        U256::from(20_000)
    );
    assert_eq!(
        net.chain.balance_of(token, buyer.address),
        U256::from(1_000_000_000 - 20_000)
    );
}

#[test]
fn replay_reverts_and_moves_nothing() {
    let net = still();
    let message = payment(&net, 1);
    let signature = sign(&net, &net.buyers[0], &message);
    let data = split_call(&message, &signature);
    assert!(
        net.chain
            .send(&net.settler, net.token.address, data.clone())
            .unwrap()
            .status()
    );
    let again = net
        .chain
        .send(&net.settler, net.token.address, data)
        .unwrap();
    assert!(!again.status());
    assert!(again.logs().is_empty());
    assert_eq!(
        net.chain.balance_of(net.token.address, net.seller.address),
        U256::from(10_000)
    );
    // The other overload shares the nonce.
    assert!(refusal(&net, net.token.address, bytes_call(&message, &signature)).contains("spent"));
}

#[test]
fn time_bounds_are_exclusive_to_the_second() {
    let net = still();
    let mut message = payment(&net, 1);
    message.validAfter = U256::from(net.chain.now());
    message.validBefore = U256::from(net.chain.now() + 2);
    let data = split_call(&message, &sign(&net, &net.buyers[0], &message));
    assert!(refusal(&net, net.token.address, data.clone()).contains("not valid yet"));
    net.chain.advance(Duration::from_secs(1));
    assert!(net.chain.call(net.token.address, data.clone()).is_ok());
    net.chain.advance(Duration::from_secs(1));
    assert!(refusal(&net, net.token.address, data.clone()).contains("expired"));
    assert!(
        !net.chain
            .send(&net.settler, net.token.address, data)
            .unwrap()
            .status()
    );
    assert!(!authorization_used(&net, 1));
}

#[test]
fn high_s_is_refused() {
    const ORDER: U256 = U256::from_be_bytes(
        b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0,
    );
    let net = still();
    let message = payment(&net, 1);
    let mut signature = sign(&net, &net.buyers[0], &message);
    let high = ORDER - U256::from_be_slice(&signature[32..64]);
    signature[32..64].copy_from_slice(&high.to_be_bytes::<32>());
    signature[64] = if signature[64] == 27 { 28 } else { 27 };
    assert!(
        refusal(&net, net.token.address, split_call(&message, &signature)).contains("s is high")
    );
    assert!(
        refusal(&net, net.token.address, bytes_call(&message, &signature)).contains("s is high")
    );
}

#[test]
fn v_of_zero_or_one_is_refused() {
    let net = still();
    let message = payment(&net, 1);
    let mut signature = sign(&net, &net.buyers[0], &message);
    signature[64] -= 27;
    assert!(
        refusal(&net, net.token.address, split_call(&message, &signature)).contains("v is not")
    );
    assert!(
        refusal(&net, net.token.address, bytes_call(&message, &signature)).contains("v is not")
    );
}

#[test]
fn signature_of_another_length_is_refused() {
    let net = still();
    let message = payment(&net, 1);
    let signature = sign(&net, &net.buyers[0], &message);
    assert!(
        refusal(
            &net,
            net.token.address,
            bytes_call(&message, &signature[..64])
        )
        .contains("65 bytes")
    );
    let longer = [&signature[..], &[0]].concat();
    assert!(refusal(&net, net.token.address, bytes_call(&message, &longer)).contains("65 bytes"));
}

#[test]
fn signature_in_another_domain_is_refused() {
    let net = still();
    let message = payment(&net, 1);
    let mut others = vec![net.token.clone(); 4];
    others[0].name = "USD Coin".into();
    others[1].version = "1".into();
    others[2].chain_id = 8453;
    others[3].address = net.seller.address;
    for other in others {
        let signature = net.buyers[0].sign_digest(digest(&other, &message));
        assert!(
            refusal(&net, net.token.address, split_call(&message, &signature))
                .contains("not the account's")
        );
    }
}

#[test]
fn another_signer_is_refused() {
    let net = still();
    let message = payment(&net, 1);
    let signature = sign(&net, &net.buyers[1], &message);
    assert!(
        refusal(&net, net.token.address, split_call(&message, &signature))
            .contains("not the account's")
    );
}

#[test]
fn more_than_the_balance_is_refused_and_leaves_the_nonce() {
    let net = still();
    let mut message = payment(&net, 1);
    message.value = U256::from(1_000_000_001);
    let data = split_call(&message, &sign(&net, &net.buyers[0], &message));
    assert!(refusal(&net, net.token.address, data.clone()).contains("balance too small"));
    assert!(
        !net.chain
            .send(&net.settler, net.token.address, data)
            .unwrap()
            .status()
    );
    assert!(!authorization_used(&net, 1));
}

#[test]
fn only_the_payee_may_receive() {
    let net = still();
    let sent = payment(&net, 1);
    let message = ReceiveWithAuthorization {
        from: sent.from,
        to: sent.to,
        value: sent.value,
        validAfter: sent.validAfter,
        validBefore: sent.validBefore,
        nonce: sent.nonce,
    };
    let signature = sign(&net, &net.buyers[0], &message);
    let (v, r, s) = split(&signature);
    let ReceiveWithAuthorization {
        from,
        to,
        value,
        validAfter,
        validBefore,
        nonce,
    } = message;
    let whole = ITollToken::receiveWithAuthorization_1Call {
        from,
        to,
        value,
        validAfter,
        validBefore,
        nonce,
        signature: signature.to_vec().into(),
    }
    .abi_encode();
    let parts = ITollToken::receiveWithAuthorization_0Call {
        from,
        to,
        value,
        validAfter,
        validBefore,
        nonce,
        v,
        r,
        s,
    }
    .abi_encode();
    assert!(refusal(&net, net.token.address, whole.clone()).contains("only the payee"));
    assert!(refusal(&net, net.token.address, parts.clone()).contains("only the payee"));
    assert!(
        net.chain
            .call_as(net.seller.address, net.token.address, parts)
            .is_ok()
    );
    assert!(
        net.chain
            .send(&net.seller, net.token.address, whole)
            .unwrap()
            .status()
    );
    assert_eq!(
        net.chain.balance_of(net.token.address, net.seller.address),
        U256::from(10_000)
    );
    // What was signed for one purpose does not serve the other.
    let wrong = bytes_call(&payment(&net, 1), &signature);
    assert!(refusal(&net, net.token.address, wrong).contains("spent"));
    let other = payment(&net, 2);
    let crossed = sign(
        &net,
        &net.buyers[0],
        &ReceiveWithAuthorization {
            from: other.from,
            to: other.to,
            value: other.value,
            validAfter: other.validAfter,
            validBefore: other.validBefore,
            nonce: other.nonce,
        },
    );
    assert!(
        refusal(&net, net.token.address, split_call(&other, &crossed))
            .contains("not the account's")
    );
}

#[test]
fn cancelled_authorization_does_not_pay() {
    let net = still();
    let message = payment(&net, 1);
    let data = split_call(&message, &sign(&net, &net.buyers[0], &message));
    let cancel = CancelAuthorization {
        authorizer: message.from,
        nonce: message.nonce,
    };
    let forged = split(&sign(&net, &net.buyers[1], &cancel));
    let own = split(&sign(&net, &net.buyers[0], &cancel));
    let call = |(v, r, s)| {
        let CancelAuthorization { authorizer, nonce } = cancel;
        ITollToken::cancelAuthorization_0Call {
            authorizer,
            nonce,
            v,
            r,
            s,
        }
        .abi_encode()
    };
    assert!(refusal(&net, net.token.address, call(forged)).contains("not the account's"));
    let receipt = net
        .chain
        .send(&net.settler, net.token.address, call(own))
        .unwrap();
    assert!(
        receipt
            .decoded_log::<ITollToken::AuthorizationCanceled>()
            .is_some()
    );
    assert!(refusal(&net, net.token.address, data).contains("spent"));
    assert!(refusal(&net, net.token.address, call(own)).contains("spent"));
}

#[test]
fn permit_approves_once_and_until_its_deadline() {
    let net = still();
    let holder = &net.buyers[0];
    let message = Permit {
        owner: holder.address,
        spender: net.settler.address,
        value: U256::from(700),
        nonce: U256::ZERO,
        deadline: U256::from(net.chain.now()),
    };
    let (v, r, s) = split(&sign(&net, holder, &message));
    let Permit {
        spender,
        value,
        deadline,
        ..
    } = message;
    let call = ITollToken::permit_0Call {
        holder: holder.address,
        spender,
        value,
        deadline,
        v,
        r,
        s,
    }
    .abi_encode();
    let receipt = net
        .chain
        .send(&net.settler, net.token.address, call.clone())
        .unwrap();
    let approval = receipt.decoded_log::<ITollToken::Approval>().unwrap();
    assert_eq!(
        (approval.owner, approval.spender, approval.value),
        (holder.address, spender, value)
    );
    assert!(refusal(&net, net.token.address, call.clone()).contains("not the account's"));
    net.chain.advance(Duration::from_secs(1));
    assert!(refusal(&net, net.token.address, call).contains("permit expired"));

    let pull = |value| {
        let pull = ITollToken::transferFromCall {
            from: holder.address,
            to: net.settler.address,
            value: U256::from(value),
        };
        net.chain
            .send(&net.settler, net.token.address, pull.abi_encode())
            .unwrap()
            .status()
    };
    assert!(pull(600));
    assert!(!pull(101));
    assert!(pull(100));
}

#[test]
fn nobody_pays_or_approves_the_zero_address() {
    let net = still();
    let zero = Address::ZERO;
    let transfer = ITollToken::transferCall {
        to: zero,
        value: U256::ZERO,
    };
    let approve = ITollToken::approveCall {
        spender: zero,
        value: U256::ZERO,
    };
    let mut message = payment(&net, 1);
    message.to = zero;
    let signed = split_call(&message, &sign(&net, &net.buyers[0], &message));
    for data in [
        transfer.abi_encode().into(),
        approve.abi_encode().into(),
        signed,
    ] {
        assert!(refusal(&net, net.token.address, data).contains("zero address"));
    }
}

#[test]
fn signature_that_recovers_nobody_is_no_ones() {
    let net = still();
    let mut message = payment(&net, 1);
    message.from = Address::ZERO;
    message.value = U256::ZERO;
    let mut signature = [0; 65];
    signature[64] = 27;
    assert!(
        refusal(&net, net.token.address, split_call(&message, &signature))
            .contains("recovers nobody")
    );
}

#[test]
fn only_the_owner_mints() {
    let net = still();
    let mint = ITollToken::mintCall {
        to: net.seller.address,
        value: U256::from(1),
    }
    .abi_encode();
    assert!(refusal(&net, net.token.address, mint).contains("only the owner"));
    let receipt = net
        .chain
        .mint(net.token.address, net.seller.address, U256::from(5))
        .unwrap();
    assert_eq!(
        receipt.logs()[0].topics()[0],
        ITollToken::Transfer::SIGNATURE_HASH
    );
    let supply: U256 = net
        .chain
        .read(net.token.address, &ITollToken::totalSupplyCall {})
        .unwrap();
    assert_eq!(supply, U256::from(7_000_000_005_u64));
}

#[test]
fn payer_with_code_is_asked_in_both_overloads() {
    let net = still();
    let owner = &net.buyers[0];
    let creation = Artifact::smart_wallet().with_arguments(&(owner.address,));
    let account = net.chain.deploy(&net.settler, creation).unwrap();
    net.chain
        .mint(net.token.address, account, U256::from(50_000))
        .unwrap();
    for nonce in [1, 2] {
        let message = TransferWithAuthorization {
            from: account,
            ..payment(&net, nonce)
        };
        let signature = sign(&net, owner, &message);
        let stranger = sign(&net, &net.buyers[1], &message);
        assert!(
            refusal(&net, net.token.address, bytes_call(&message, &stranger))
                .contains("not the account's")
        );
        let data = if nonce == 1 {
            split_call(&message, &signature)
        } else {
            bytes_call(&message, &signature)
        };
        assert!(
            net.chain
                .send(&net.settler, net.token.address, data)
                .unwrap()
                .status()
        );
    }
    assert_eq!(
        net.chain.balance_of(net.token.address, account),
        U256::from(30_000)
    );
    // A contract that answers nothing is a no.
    let silent = net.token.address;
    let message = TransferWithAuthorization {
        from: silent,
        ..payment(&net, 3)
    };
    let signature = sign(&net, owner, &message);
    assert!(
        refusal(&net, net.token.address, bytes_call(&message, &signature))
            .contains("not the account's")
    );
}
