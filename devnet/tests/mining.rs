//! What the chain takes, refuses and keeps waiting.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{
    SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use alloy_rpc_types_eth::{BlockTransactionsKind, TransactionRequest};
use devnet::{Artifact, CallError, Devnet, SendError, SubmitError, Wallet};
use support::*;

fn plain(net: &Devnet, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: net.chain.chain_id(),
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(net.seller.address),
        value: U256::from(5),
        ..TxEip1559::default()
    }
}

fn submit(net: &Devnet, wallet: &Wallet, transaction: TxEip1559) -> Result<B256, SubmitError> {
    net.chain
        .submit(&wallet.sign_transaction(transaction).encoded_2718())
}

#[test]
fn start_takes_no_transaction() {
    let net = still();
    assert_eq!(net.chain.height(), 0);
    assert_eq!(net.chain.nonce(Wallet::development(0).address), 0);
}

#[test]
fn every_transaction_has_its_block() {
    let net = still();
    let first = submit(&net, &net.buyers[0], plain(&net, 0)).unwrap();
    let second = submit(&net, &net.buyers[0], plain(&net, 1)).unwrap();
    assert_eq!(net.chain.height(), 2);
    let block = net.chain.block(2, BlockTransactionsKind::Hashes).unwrap();
    assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), [second]);
    let parent = net.chain.block(1, BlockTransactionsKind::Full).unwrap();
    assert_eq!(block.header.parent_hash, parent.header.hash);
    assert_eq!(net.chain.receipt(first).unwrap().block_number, Some(1));
    net.chain.mine();
    assert!(
        net.chain
            .block(3, BlockTransactionsKind::Hashes)
            .unwrap()
            .transactions
            .is_empty()
    );
}

#[test]
fn older_transaction_types_are_mined() {
    let net = still();
    let buyer = &net.buyers[0];
    let legacy = TxLegacy {
        chain_id: Some(84532),
        nonce: 0,
        gas_price: 1_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(net.seller.address),
        value: U256::from(1),
        input: Bytes::new(),
    };
    let listed = TxEip2930 {
        chain_id: 84532,
        nonce: 1,
        gas_price: 1_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(net.seller.address),
        value: U256::from(1),
        ..TxEip2930::default()
    };
    let before = net.chain.native_balance(net.seller.address);
    for encoded in [
        buyer.sign_transaction(legacy).encoded_2718(),
        buyer.sign_transaction(listed).encoded_2718(),
    ] {
        let hash = net.chain.submit(&encoded).unwrap();
        assert!(net.chain.receipt(hash).unwrap().status());
    }
    assert_eq!(
        net.chain.native_balance(net.seller.address) - before,
        U256::from(2)
    );
}

#[test]
fn transaction_for_another_chain_is_refused() {
    let net = still();
    let other = TxEip1559 {
        chain_id: 8453,
        ..plain(&net, 0)
    };
    let refused = submit(&net, &net.buyers[0], other);
    assert_eq!(
        refused,
        Err(SubmitError::WrongChain {
            have: Some(8453),
            want: 84532
        })
    );
    let none = TxLegacy {
        chain_id: None,
        gas_limit: 21_000,
        gas_price: 2_000_000_000,
        ..TxLegacy::default()
    };
    let encoded = net.buyers[0].sign_transaction(none).encoded_2718();
    assert_eq!(
        net.chain.submit(&encoded),
        Err(SubmitError::WrongChain {
            have: None,
            want: 84532
        })
    );
}

#[test]
fn spent_nonce_is_refused() {
    let net = still();
    submit(&net, &net.buyers[0], plain(&net, 0)).unwrap();
    let again = TxEip1559 {
        value: U256::from(6),
        ..plain(&net, 0)
    };
    assert_eq!(
        submit(&net, &net.buyers[0], again),
        Err(SubmitError::NonceTooLow { have: 0, next: 1 })
    );
    let same = submit(&net, &net.buyers[0], plain(&net, 0));
    assert!(
        matches!(same, Err(SubmitError::AlreadyKnown(_))),
        "{same:?}"
    );
}

#[test]
fn sender_must_afford_the_greatest_cost() {
    let net = still();
    let poor = Wallet::named("poor");
    let want = U256::from(21_000_u64 * 2_000_000_000 + 5);
    net.chain
        .set_native_balance(poor.address, want - U256::from(1));
    let refused = submit(&net, &poor, plain(&net, 0));
    assert!(
        matches!(refused, Err(SubmitError::InsufficientFunds { .. })),
        "{refused:?}"
    );
    net.chain.set_native_balance(poor.address, want);
    assert!(submit(&net, &poor, plain(&net, 0)).is_ok());
}

#[test]
fn what_the_machine_would_not_start_is_refused_and_not_mined() {
    let net = still();
    let cheap = TxEip1559 {
        max_fee_per_gas: 999_999_999,
        ..plain(&net, 0)
    };
    net.chain.pause_mining(true);
    let refused = submit(&net, &net.buyers[0], cheap.clone());
    assert!(
        matches!(refused, Err(SubmitError::Invalid(_))),
        "{refused:?}"
    );
    net.chain.pause_mining(false);
    for wrong in [
        cheap,
        TxEip1559 {
            gas_limit: 20_999,
            ..plain(&net, 0)
        },
        TxEip1559 {
            gas_limit: 30_000_001,
            ..plain(&net, 0)
        },
        TxEip1559 {
            max_priority_fee_per_gas: 2_000_000_001,
            ..plain(&net, 0)
        },
    ] {
        let refused = submit(&net, &net.buyers[0], wrong);
        assert!(
            matches!(refused, Err(SubmitError::Invalid(_))),
            "{refused:?}"
        );
    }
    assert_eq!(
        (net.chain.height(), net.chain.nonce(net.buyers[0].address)),
        (0, 0)
    );
}

#[test]
fn spoiled_bytes_and_signatures_are_refused() {
    let net = still();
    let good = net.buyers[0]
        .sign_transaction(plain(&net, 0))
        .encoded_2718();
    for bytes in [
        &good[..good.len() - 1],
        &[good.as_slice(), &[0]].concat(),
        b"",
        b"\x05\x01",
    ] {
        let refused = net.chain.submit(bytes);
        assert!(
            matches!(refused, Err(SubmitError::Undecodable(_))),
            "{refused:?}"
        );
    }
    // The twin with a high s recovers the same account, and no node takes it.
    let order = U256::from_str_radix(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        16,
    )
    .unwrap();
    let signed = net.buyers[0].sign_transaction(plain(&net, 0));
    let low = *signed.signature();
    let high = Signature::new(low.r(), order - low.s(), !low.v());
    let twin = TxEnvelope::new_unhashed(plain(&net, 0).into(), high);
    assert_eq!(
        net.chain.submit(&twin.encoded_2718()),
        Err(SubmitError::BadSignature)
    );
}

#[test]
fn blob_transactions_are_refused() {
    let net = still();
    let blob = TxEip4844 {
        chain_id: 84532,
        ..TxEip4844::default()
    };
    let signature = Signature::test_signature();
    let encoded = TxEnvelope::Eip4844(blob.into_signed(signature).into()).encoded_2718();
    assert_eq!(
        net.chain.submit(&encoded),
        Err(SubmitError::UnsupportedType(3))
    );
}

#[test]
fn calls_say_how_they_failed() {
    let net = still();
    let at = Address::repeat_byte(0x55);
    let call = |code: &'static [u8]| {
        net.chain.place_code(at, Bytes::from_static(code));
        net.chain.call(at, Bytes::new())
    };
    // INVALID; REVERT of nothing; STOP.
    assert!(matches!(call(&[0xfe]), Err(CallError::Halted(_))));
    let bare = CallError::Reverted {
        reason: None,
        data: Bytes::new(),
    };
    assert_eq!(call(&[0x5f, 0x5f, 0xfd]), Err(bare));
    assert_eq!(call(&[0x00]), Ok(Bytes::new()));
}

#[test]
fn later_nonce_waits_for_the_gap_to_close() {
    let net = still();
    let buyer = &net.buyers[0];
    let second = submit(&net, buyer, plain(&net, 1)).unwrap();
    assert_eq!((net.chain.waiting(), net.chain.height()), (1, 0));
    assert!(net.chain.receipt(second).is_none());
    assert!(
        net.chain
            .transaction(second)
            .unwrap()
            .block_number
            .is_none()
    );
    submit(&net, buyer, plain(&net, 0)).unwrap();
    assert_eq!((net.chain.waiting(), net.chain.height()), (0, 2));
    assert!(net.chain.receipt(second).unwrap().status());
}

#[test]
fn paused_chain_mines_when_told() {
    let net = still();
    let buyer = &net.buyers[0];
    net.chain.pause_mining(true);
    let hash = submit(&net, buyer, plain(&net, 0)).unwrap();
    assert!(net.chain.receipt(hash).is_none());
    assert_eq!(
        (
            net.chain.nonce(buyer.address),
            net.chain.pending_nonce(buyer.address)
        ),
        (0, 1)
    );
    let waiting = net
        .chain
        .transfer(net.token.address, buyer, net.seller.address, U256::from(1));
    assert!(matches!(waiting, Err(SendError::Waiting(_))), "{waiting:?}");
    net.chain.mine();
    assert!(net.chain.receipt(hash).is_some());
    assert_eq!(
        net.chain.balance_of(net.token.address, net.seller.address),
        U256::from(1)
    );
    let last = submit(&net, buyer, plain(&net, 2)).unwrap();
    net.chain.pause_mining(false);
    assert!(net.chain.receipt(last).is_some());
}

#[test]
fn waiting_transaction_is_replaced_only_for_a_better_fee() {
    let net = still();
    net.chain.pause_mining(true);
    let first = submit(&net, &net.buyers[0], plain(&net, 0)).unwrap();
    let cheap = TxEip1559 {
        value: U256::from(6),
        ..plain(&net, 0)
    };
    assert_eq!(
        submit(&net, &net.buyers[0], cheap.clone()),
        Err(SubmitError::Underpriced)
    );
    let dear = TxEip1559 {
        max_fee_per_gas: 2_200_000_000,
        ..cheap
    };
    let second = submit(&net, &net.buyers[0], dear).unwrap();
    net.chain.mine();
    assert!(net.chain.receipt(first).is_none());
    assert!(net.chain.receipt(second).is_some());
}

#[test]
fn held_receipts_hide_what_was_mined() {
    let net = still();
    net.chain.hold_receipts(true);
    let hash = submit(&net, &net.buyers[0], plain(&net, 0)).unwrap();
    assert_eq!(net.chain.height(), 1);
    assert!(net.chain.receipt(hash).is_none());
    assert!(net.chain.transaction(hash).is_none());
    net.chain.hold_receipts(false);
    assert!(net.chain.receipt(hash).is_some());
    assert!(net.chain.transaction(hash).is_some());
}

#[test]
fn blocks_and_calls_carry_the_clock() {
    let net = still();
    net.chain.advance(Duration::from_secs(90));
    assert_eq!(net.chain.now(), 1_800_000_090);
    net.chain.mine();
    let time = |number| {
        net.chain
            .block(number, BlockTransactionsKind::Hashes)
            .unwrap()
            .header
            .timestamp
    };
    assert_eq!(time(1), 1_800_000_090);
    net.chain.set_next_block_time(1_800_001_000).unwrap();
    net.chain.mine();
    assert_eq!(time(2), 1_800_001_000);
    assert_eq!(
        net.chain.set_next_block_time(1_800_000_999),
        Err(1_800_001_000)
    );
    // TIMESTAMP, MSTORE at 0, RETURN of one word.
    let teller = Address::repeat_byte(0x77);
    net.chain.place_code(
        teller,
        Bytes::from_static(&[0x42, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]),
    );
    net.chain.advance(Duration::from_secs(1));
    let told = U256::from_be_slice(&net.chain.call(teller, Bytes::new()).unwrap());
    assert_eq!(told, U256::from(1_800_001_001));
}

#[test]
fn estimate_is_enough_and_close() {
    let net = still();
    let message = payment(&net, 1);
    let data = split_call(&message, &sign(&net, &net.buyers[0], &message));
    let request = TransactionRequest::default()
        .from(net.settler.address)
        .to(net.token.address)
        .input(data.clone().into());
    let estimate = net.chain.estimate_gas(&request).unwrap();
    let exact = TxEip1559 {
        gas_limit: estimate,
        to: TxKind::Call(net.token.address),
        value: U256::ZERO,
        input: data,
        ..plain(&net, 0)
    };
    let receipt = net
        .chain
        .receipt(submit(&net, &net.settler, exact).unwrap())
        .unwrap();
    assert!(receipt.status());
    assert!(
        estimate < receipt.gas_used + receipt.gas_used / 10,
        "{estimate} for {}",
        receipt.gas_used
    );
    assert!(net.chain.estimate_gas(&request).is_err());
}

#[test]
fn two_tasks_may_share_a_wallet() {
    let net = Arc::new(still());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let net = Arc::clone(&net);
            std::thread::spawn(move || {
                for _ in 0..5 {
                    net.chain
                        .transfer(
                            net.token.address,
                            &net.buyers[0],
                            net.seller.address,
                            U256::from(1),
                        )
                        .unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(
        net.chain.balance_of(net.token.address, net.seller.address),
        U256::from(20)
    );
}

#[test]
fn delegated_account_is_asked_and_not_recovered() {
    let net = still();
    let buyer = &net.buyers[0];
    let code = net
        .chain
        .deploy(
            &net.settler,
            Artifact::smart_wallet().with_arguments(&(buyer.address,)),
        )
        .unwrap();
    let authorization = Authorization {
        chain_id: U256::from(84532),
        address: code,
        nonce: 0,
    };
    let signature =
        Signature::from_raw_array(&buyer.sign_digest(authorization.signature_hash())).unwrap();
    let delegation = TxEip7702 {
        chain_id: 84532,
        nonce: net.chain.nonce(net.settler.address),
        gas_limit: 100_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: net.seller.address,
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    };
    let message = payment(&net, 1);
    let data = split_call(&message, &sign(&net, buyer, &message));
    assert!(net.chain.call(net.token.address, data.clone()).is_ok());
    let hash = net
        .chain
        .submit(&net.settler.sign_transaction(delegation).encoded_2718())
        .unwrap();
    assert!(net.chain.receipt(hash).unwrap().status());
    assert_eq!(net.chain.code_at(buyer.address).len(), 23);
    // The owner of the code's account is a word of storage, which this account has not set.
    assert!(refusal(&net, net.token.address, data).contains("not the account's"));
}
