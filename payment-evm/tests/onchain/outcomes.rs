use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{TxKind, U256, keccak256};
use alloy_sol_types::SolCall;
use devnet::{Fault, ITollToken, Rpc, Wallet};
use payment_evm::{ChainFault, SendFault, Settler};

use crate::scene::{Scene, approve, quick, signer};

#[tokio::test]
async fn a_missing_receipt_is_unknown_and_found_later() {
    let scene = Scene::with(quick().mined_within(Duration::from_millis(50))).await;
    scene.net.chain.hold_receipts(true);
    let (authorization, signature) = scene.authorization(10_000, 1);
    let sent = scene
        .settler
        .transfer_with_authorization(scene.token(), &authorization, &signature)
        .await;
    let Err(SendFault::Unknown { hash }) = sent else {
        panic!("{sent:?}")
    };
    assert!(scene.settler.mined(hash).await.unwrap().is_none());
    scene.net.chain.hold_receipts(false);
    let mined = scene.settler.mined(hash).await.unwrap().unwrap();
    let transfer = (authorization.from, authorization.to, authorization.value);
    assert!(
        mined
            .transfer(scene.token(), transfer.0, transfer.1, transfer.2)
            .is_some()
    );
}

#[tokio::test]
async fn a_connection_closed_after_the_broadcast_is_unknown() {
    let scene = Scene::new().await;
    scene
        .net
        .rpc
        .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let (authorization, signature) = scene.authorization(10_000, 1);
    let sent = scene
        .settler
        .transfer_with_authorization(scene.token(), &authorization, &signature)
        .await;
    let Err(SendFault::Unknown { hash }) = sent else {
        panic!("{sent:?}")
    };
    assert!(scene.settler.mined(hash).await.unwrap().unwrap().success);
    assert_eq!(scene.paid(), U256::from(10_000));
    // The nonce that was used is not used again.
    let (next, signature) = scene.authorization(1, 2);
    scene
        .settler
        .transfer_with_authorization(scene.token(), &next, &signature)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_broadcast_that_may_not_have_arrived_is_unknown_and_leaves_no_gap() {
    let scene = Scene::new().await;
    let send = |value| {
        scene
            .settler
            .send(scene.token(), approve(scene.net.seller.address, value))
    };
    for fault in [Fault::CloseBefore, Fault::Http500] {
        scene
            .net
            .rpc
            .fail_next_calling("eth_sendRawTransaction", 1, fault);
        let sent = send(1).await;
        let Err(SendFault::Unknown { hash }) = sent else {
            panic!("{sent:?}")
        };
        assert!(scene.settler.mined(hash).await.unwrap().is_none());
        send(2).await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_node_means_nothing_was_sent() {
    let mut scene = Scene::new().await;
    scene.net.rpc = Rpc::default();
    let (authorization, signature) = scene.authorization(10_000, 1);
    let sent = scene
        .settler
        .transfer_with_authorization(scene.token(), &authorization, &signature)
        .await;
    assert!(matches!(sent, Err(SendFault::NotSent(_))), "{sent:?}");
    let raw = scene.settler.broadcast_raw(&[2; 100]).await;
    assert!(
        matches!(raw, Err(SendFault::NotSent(ChainFault::Unreachable(_)))),
        "{raw:?}"
    );
    let connected = Settler::connect(&scene.net.rpc_url, signer(&scene.net.settler), quick()).await;
    assert!(
        matches!(connected, Err(ChainFault::Unreachable(_))),
        "{connected:?}"
    );
}

#[tokio::test]
async fn a_node_that_fails_before_the_broadcast_means_nothing_was_sent() {
    for method in [
        "eth_estimateGas",
        "eth_feeHistory",
        "eth_getTransactionCount",
    ] {
        let scene = Scene::new().await;
        let send = || {
            scene
                .settler
                .send(scene.token(), approve(scene.net.seller.address, 1))
        };
        scene
            .net
            .rpc
            .fail_next_calling(method, 1, Fault::CloseAfter);
        let sent = send().await;
        assert!(
            matches!(sent, Err(SendFault::NotSent(_))),
            "{method}: {sent:?}"
        );
        assert_eq!(scene.net.chain.nonce(scene.settler.address()), 0);
        send().await.unwrap();
    }
}

#[tokio::test]
async fn a_lookup_that_fails_is_made_again() {
    let scene = Scene::new().await;
    scene
        .net
        .rpc
        .fail_next_calling("eth_getTransactionReceipt", 2, Fault::Http500);
    scene
        .settler
        .send(scene.token(), approve(scene.net.seller.address, 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn two_sends_at_once_are_both_mined() {
    let scene = Scene::new().await;
    scene.net.chain.pause_mining(true);
    let pay = async |value, nonce| {
        let (authorization, signature) = scene.authorization(value, nonce);
        scene
            .settler
            .transfer_with_authorization(scene.token(), &authorization, &signature)
            .await
    };
    let mine = async {
        scene.wait_for(2).await;
        scene.net.chain.mine();
    };
    let (one, two, ()) = tokio::join!(pay(1_000, 1), pay(200, 2), mine);
    assert_ne!(one.unwrap().hash, two.unwrap().hash);
    assert_eq!(scene.paid(), U256::from(1_200));
}

#[tokio::test]
async fn a_sender_without_money_for_gas_sends_nothing() {
    let scene = Scene::new().await;
    let poor = Wallet::named("poor");
    let settler = Settler::connect(&scene.net.rpc_url, signer(&poor), quick())
        .await
        .unwrap();
    let sent = settler
        .send(scene.token(), approve(scene.net.seller.address, 1))
        .await;
    assert!(matches!(sent, Err(SendFault::NotSent(_))), "{sent:?}");
    scene
        .net
        .chain
        .set_native_balance(poor.address, U256::from(10).pow(U256::from(18)));
    settler
        .send(scene.token(), approve(scene.net.seller.address, 1))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_nonce_used_elsewhere_is_noticed() {
    let scene = Scene::new().await;
    let send = || {
        scene
            .settler
            .send(scene.token(), approve(scene.net.seller.address, 1))
    };
    send().await.unwrap();
    let elsewhere = approve(scene.net.seller.address, 2);
    scene
        .net
        .chain
        .send(&scene.net.settler, scene.token(), elsewhere)
        .unwrap();
    let sent = send().await;
    assert!(
        matches!(sent, Err(SendFault::NotSent(ChainFault::Rejected { .. }))),
        "{sent:?}"
    );
    send().await.unwrap();
}

#[tokio::test]
async fn a_fee_above_the_limit_is_not_paid() {
    let scene = Scene::with(quick().fee_limit(1)).await;
    let sent = scene
        .settler
        .send(scene.token(), approve(scene.net.seller.address, 1))
        .await;
    assert!(
        matches!(sent, Err(SendFault::NotSent(ChainFault::FeeTooHigh { .. }))),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_transaction_of_the_buyer_is_broadcast_under_its_own_hash() {
    let scene = Scene::new().await;
    let (buyer, to, value) = (
        &scene.net.buyers[0],
        scene.net.seller.address,
        U256::from(500),
    );
    let transaction = TxEip1559 {
        chain_id: scene.settler.chain_id(),
        nonce: scene.net.chain.nonce(buyer.address),
        gas_limit: 100_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(scene.token()),
        input: ITollToken::transferCall { to, value }.abi_encode().into(),
        ..TxEip1559::default()
    };
    let raw = buyer.sign_transaction(transaction).encoded_2718();
    let mined = scene.settler.broadcast_raw(&raw).await.unwrap();
    assert_eq!(mined.hash, keccak256(&raw));
    assert_eq!(mined.sender, buyer.address);
    assert!(
        mined
            .transfer(scene.token(), buyer.address, to, value)
            .is_some()
    );
    // Told again, the chain does not move again; the answer is the same.
    let again = scene.settler.broadcast_raw(&raw).await.unwrap();
    assert_eq!(
        (again.hash, again.block_number),
        (mined.hash, mined.block_number)
    );
    assert_eq!(scene.paid(), value);
}
