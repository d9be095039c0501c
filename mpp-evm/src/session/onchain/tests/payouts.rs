use std::time::Duration;

use devnet::{Fault, IPaymentChannelEscrow};
use mpp_core::Method;
use payment_core::{Denied, Route, usd};
use payment_evm::{EvmSignature, Settler};

use super::super::super::scene::{DEPOSIT, Scene, connect, quick, refused, signer};
use super::super::OnchainEscrow;
use crate::onchain::evidence::Evidence;
use crate::session::{Escrow, Session, SignedVoucher};

#[tokio::test]
async fn a_voucher_pays_the_payee_once() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let voucher = scene.voucher(id, 300);
    let moved = scene.escrow.settle(id, &voucher).await.unwrap();
    assert_eq!((moved.chain.settled, scene.income()), (300, 300));
    assert!(moved.transaction.is_some());
    // The same again, and a lower one: nothing to do.
    for voucher in [voucher, scene.voucher(id, 299)] {
        let again = scene.escrow.settle(id, &voucher).await.unwrap();
        assert_eq!((again.chain.settled, again.transaction), (300, None));
    }
    assert_eq!((scene.income(), scene.sent()), (300, 1));
    scene
        .escrow
        .settle(id, &scene.voucher(id, 500))
        .await
        .unwrap();
    assert_eq!((scene.income(), scene.sent()), (500, 2));
}

#[tokio::test]
async fn a_close_pays_the_voucher_and_gives_the_rest_back() {
    let scene = Scene::new().await;
    let purse = scene.balance(scene.buyer().address);
    let id = scene.open(1);
    let moved = scene
        .escrow
        .close(id, Some(&scene.voucher(id, 300)))
        .await
        .unwrap();
    assert!(moved.chain.finalized && moved.transaction.is_some());
    assert_eq!((scene.income(), scene.balance(scene.net.escrow)), (300, 0));
    assert_eq!(scene.balance(scene.buyer().address), purse - 300);
    // Closed is closed, with whatever voucher.
    for voucher in [None, Some(scene.voucher(id, 900))] {
        let again = scene.escrow.close(id, voucher.as_ref()).await.unwrap();
        assert_eq!((again.chain.settled, again.transaction), (300, None));
    }
    // What was paid is paid, and it pays no more.
    let paid = scene.escrow.settle(id, &scene.voucher(id, 300)).await;
    assert_eq!(paid.unwrap().transaction, None);
    let late = scene.escrow.settle(id, &scene.voucher(id, 900)).await;
    assert_eq!(refused(late), "session/channel-finalized");
    assert_eq!((scene.income(), scene.sent()), (300, 1));
}

#[tokio::test]
async fn t68_a_close_by_what_is_settled_already_pays_nothing_more() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    scene
        .escrow
        .settle(id, &scene.voucher(id, 300))
        .await
        .unwrap();
    let lower = scene.voucher(id, 200);
    let moved = scene.escrow.close(id, Some(&lower)).await.unwrap();
    assert!(moved.chain.finalized);
    assert_eq!((moved.chain.settled, scene.income()), (300, 300));
    // Waived from the start.
    let id = scene.open(2);
    let moved = scene.escrow.close(id, None).await.unwrap();
    assert_eq!((moved.chain.settled, moved.chain.finalized), (0, true));
    assert_eq!((scene.income(), scene.balance(scene.net.escrow)), (300, 0));
}

#[tokio::test]
async fn a_payee_without_gas_is_paid_by_its_signature() {
    let scene = Scene::new().await;
    let settler = Settler::connect(&scene.net.rpc_url, signer(&scene.net.settler), quick());
    let settler = settler.await.unwrap();
    let bare = OnchainEscrow::connect(settler, scene.net.escrow)
        .await
        .unwrap();
    let bare = bare.clock(scene.clock.clone());
    let relayed = bare.clone().relayed_for(signer(&scene.net.seller));
    assert_eq!(bare.payee(), scene.net.settler.address);
    assert_eq!(relayed.payee(), scene.net.seller.address);
    assert!(relayed.pays(relayed.payee()) && relayed.pays(bare.payee()));
    // A route that could never be settled is not built.
    let seller = scene.net.seller.address;
    let built = |session: &dyn Method| session.terms(&Route::priced(usd!("0.01"))).is_ok();
    assert!(!bare.pays(seller));
    assert!(!built(&Session::new(
        scene.token.clone(),
        seller,
        bare.clone()
    )));
    assert!(built(&Session::new(
        scene.token.clone(),
        seller,
        relayed.clone()
    )));
    let id = scene.open(1);
    // Without the payee's key nothing leaves.
    let voucher = scene.voucher(id, 300);
    for outcome in [bare.settle(id, &voucher).await, bare.close(id, None).await] {
        assert!(matches!(outcome, Err(Denied::Failed(_))), "{outcome:?}");
    }
    assert_eq!(scene.net.chain.nonce(scene.net.settler.address), 0);

    let moved = relayed.settle(id, &voucher).await.unwrap();
    assert_eq!((moved.chain.settled, scene.income()), (300, 300));
    relayed.settle(id, &scene.voucher(id, 400)).await.unwrap();
    let moved = relayed
        .close(id, Some(&scene.voucher(id, 500)))
        .await
        .unwrap();
    assert!(moved.chain.finalized);
    assert_eq!((scene.income(), scene.sent()), (500, 0));
    let id = scene.open(2);
    assert!(relayed.close(id, None).await.unwrap().chain.finalized);
}

#[tokio::test]
async fn a_voucher_with_the_other_v_is_paid_all_the_same() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let twin = |voucher: SignedVoucher| {
        let mut bytes = voucher.signature.to_bytes();
        bytes[64] = 27 + 28 - bytes[64];
        let signature = EvmSignature::from_bytes(&bytes).unwrap();
        SignedVoucher {
            signature,
            ..voucher
        }
    };
    scene
        .escrow
        .settle(id, &twin(scene.voucher(id, 300)))
        .await
        .unwrap();
    let last = twin(scene.voucher(id, 400));
    scene.escrow.close(id, Some(&last)).await.unwrap();
    assert_eq!(scene.income(), 400);
}

#[tokio::test]
async fn what_the_contract_would_refuse_is_refused_by_name_and_costs_no_gas() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let thief = scene.voucher_by(&scene.net.buyers[1], id, 300);
    let much = scene.voucher(id, DEPOSIT + 1);
    let unopened = scene.opening(9).id();
    for (id, voucher, kind) in [
        (id, thief, "session/signer-mismatch"),
        (id, much, "session/amount-exceeds-deposit"),
        (unopened, thief, "session/channel-not-found"),
    ] {
        assert_eq!(refused(scene.escrow.settle(id, &voucher).await), kind);
        assert_eq!(refused(scene.escrow.close(id, Some(&voucher)).await), kind);
    }
    assert_eq!((scene.sent(), scene.income()), (0, 0));
}

#[tokio::test]
async fn a_settlement_that_somebody_else_has_made_first_is_made() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    // Another process of ours, by the same key: its transaction goes before.
    let voucher = scene.voucher(id, 300);
    let call = IPaymentChannelEscrow::settleCall {
        channelId: id.word(),
        cumulativeAmount: 300,
        signature: voucher.signature.to_bytes().into(),
    };
    scene.net.chain.pause_mining(true);
    scene.queue(
        &scene.net.seller,
        alloy_sol_types::SolCall::abi_encode(&call).into(),
    );
    let mine = async {
        scene.wait_for(2).await;
        scene.net.chain.pause_mining(false);
    };
    let (moved, ()) = tokio::join!(scene.escrow.settle(id, &voucher), mine);
    let moved = moved.unwrap();
    assert_eq!((moved.chain.settled, moved.transaction), (300, None));
    assert_eq!(scene.income(), 300);
}

#[tokio::test]
async fn a_settlement_that_was_reverted_on_the_chain_is_a_definite_no() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    // The payer's withdrawal gets into the block before ours.
    scene.request_close(id);
    scene.clock.advance(Duration::from_secs(900));
    scene.net.chain.pause_mining(true);
    let call = IPaymentChannelEscrow::withdrawCall {
        channelId: id.word(),
    };
    scene.queue(
        scene.buyer(),
        alloy_sol_types::SolCall::abi_encode(&call).into(),
    );
    let mine = async {
        scene.wait_for(2).await;
        scene.net.chain.pause_mining(false);
    };
    let voucher = scene.voucher(id, 300);
    let (moved, ()) = tokio::join!(scene.escrow.settle(id, &voucher), mine);
    assert_eq!(refused(moved), "session/transaction-reverted");
    assert_eq!((scene.income(), scene.sent()), (0, 1));
    // From there on it is known why.
    let again = scene.escrow.settle(id, &voucher).await;
    assert_eq!(refused(again), "session/channel-finalized");
    // A close finds it closed.
    assert!(
        scene
            .escrow
            .close(id, Some(&voucher))
            .await
            .unwrap()
            .chain
            .finalized
    );
    assert_eq!(scene.sent(), 1);
}

#[tokio::test]
async fn t68_a_close_without_a_receipt_is_unknown_and_is_found_closed_later() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let voucher = scene.voucher(id, 300);
    scene.net.chain.pause_mining(true);
    let Err(Denied::Unknown(pending)) = scene.escrow.close(id, Some(&voucher)).await else {
        panic!()
    };
    assert!(Evidence::read(&pending.evidence).transaction().is_some());
    // While it may be mined, nothing else is sent for the channel.
    let meanwhile = scene.escrow.settle(id, &scene.voucher(id, 500)).await;
    assert!(
        matches!(meanwhile, Err(Denied::Unknown(_))),
        "{meanwhile:?}"
    );
    assert_eq!(scene.net.chain.waiting(), 1);
    scene.net.chain.pause_mining(false);
    let moved = scene.escrow.close(id, Some(&voucher)).await.unwrap();
    assert_eq!((moved.chain.settled, moved.transaction), (300, None));
    assert_eq!((scene.income(), scene.sent()), (300, 1));
}

#[tokio::test]
async fn a_lost_receipt_of_what_the_state_shows_is_a_success() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    scene.net.chain.hold_receipts(true);
    let moved = scene
        .escrow
        .settle(id, &scene.voucher(id, 300))
        .await
        .unwrap();
    assert_eq!(moved.chain.settled, 300);
    // The node goes silent after it was mined.
    let id = scene.open(2);
    scene.net.chain.hold_receipts(false);
    scene
        .net
        .rpc
        .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let moved = scene
        .escrow
        .close(id, Some(&scene.voucher(id, 100)))
        .await
        .unwrap();
    assert!(moved.chain.finalized);
    assert_eq!((scene.income(), scene.sent()), (400, 2));
}

#[tokio::test]
async fn a_node_that_fails_after_the_block_leaves_the_outcome_open() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    scene.net.chain.pause_mining(true);
    let fail = async {
        scene.wait_for(1).await;
        scene
            .net
            .rpc
            .fail_next_calling("eth_call", usize::MAX, Fault::Http500);
        scene.net.chain.pause_mining(false);
    };
    let voucher = scene.voucher(id, 300);
    let (moved, ()) = tokio::join!(scene.escrow.settle(id, &voucher), fail);
    assert!(matches!(moved, Err(Denied::Unknown(_))), "{moved:?}");
    scene.net.rpc.heal();
    let moved = scene.escrow.settle(id, &voucher).await.unwrap();
    assert_eq!((moved.chain.settled, scene.sent()), (300, 1));
}

#[tokio::test]
async fn two_processes_pay_once() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let other = connect(&scene.net, &scene.net.seller, &scene.clock).await;
    let voucher = scene.voucher(id, 300);
    let (a, b) = tokio::join!(
        scene.escrow.settle(id, &voucher),
        other.settle(id, &voucher)
    );
    // One key and two processes: the second may be told that its nonce is used.
    assert!(a.is_ok() || b.is_ok(), "{a:?} {b:?}");
    assert_eq!(scene.income(), 300);
    assert_eq!(
        scene.escrow.settle(id, &voucher).await.unwrap().transaction,
        None
    );
}
