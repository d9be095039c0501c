use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use devnet::{Fault, IPaymentChannelEscrow, ITollToken};
use payment_core::Denied;

use super::super::super::scene::{DEPOSIT, Scene, refused, signer};
use super::super::MOST_WAITS;
use super::super::deposit::call;
use crate::onchain::evidence::Evidence;
use crate::session::{CheckedDeposit, DepositProof, Escrow, Opening, Purpose};

#[tokio::test]
async fn an_authorization_opens_once_however_often_it_is_presented() {
    let scene = Scene::new().await;
    let deposit = scene.authorized_opening(1);
    let moved = scene.escrow.deposit(&deposit).await.unwrap();
    assert_eq!((moved.chain.deposit, moved.chain.settled), (DEPOSIT, 0));
    assert_eq!(moved.chain.payer, scene.buyer().address);
    let hash = moved.transaction.unwrap();
    assert!(scene.net.chain.receipt(hash).unwrap().status());
    assert_eq!(scene.balance(scene.net.escrow), DEPOSIT);

    let sent = scene.sent();
    let again = scene.escrow.deposit(&deposit).await.unwrap();
    assert_eq!((again.chain, again.transaction), (moved.chain, None));
    assert_eq!(scene.sent(), sent);
}

#[tokio::test]
async fn a_permit_opens_and_adds_once() {
    let scene = Scene::new().await;
    let opening = scene.permitted_opening(1, 5);
    let id = opening.channel();
    let moved = scene.escrow.deposit(&opening).await.unwrap();
    assert_eq!(moved.chain.deposit, DEPOSIT);
    let top_up = scene.permitted_top_up(id, 7, 6);
    let moved = scene.escrow.deposit(&top_up).await.unwrap();
    assert_eq!(moved.chain.deposit, DEPOSIT + 7);
    let again = scene.escrow.deposit(&top_up).await.unwrap();
    assert_eq!(
        (again.chain.deposit, again.transaction),
        (DEPOSIT + 7, None)
    );
    assert_eq!(
        scene.escrow.deposit(&opening).await.unwrap().transaction,
        None
    );
}

#[tokio::test]
async fn t61_a_top_up_answers_with_what_the_chain_holds_and_adds_once() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let top_up = scene.authorized_top_up(id, 50, 9);
    let moved = scene.escrow.deposit(&top_up).await.unwrap();
    assert_eq!(moved.chain.deposit, DEPOSIT + 50);
    for _ in 0..2 {
        let again = scene.escrow.deposit(&top_up).await.unwrap();
        assert_eq!(
            (again.chain.deposit, again.transaction),
            (DEPOSIT + 50, None)
        );
    }
    // One that was cancelled brought nothing, and nothing is what it answers.
    let cancelled = scene.authorized_top_up(id, 60, 8);
    let DepositProof::Authorization { authorization, .. } = cancelled.proof() else {
        panic!()
    };
    cancel(&scene, authorization.nonce);
    let answer = scene.escrow.deposit(&cancelled).await.unwrap();
    assert_eq!(
        (answer.chain.deposit, answer.transaction),
        (DEPOSIT + 50, None)
    );
}

fn cancel(scene: &Scene, nonce: B256) {
    let authorizer = scene.buyer().address;
    let message = CancelAuthorization { authorizer, nonce };
    let digest = scene.token.domain().digest_of(&message);
    let signature = signer(scene.buyer()).sign(&digest).unwrap();
    let call = ITollToken::cancelAuthorization_1Call {
        authorizer,
        nonce,
        signature: signature.to_bytes().into(),
    };
    let token = scene.token.address;
    let sent = scene
        .net
        .chain
        .send(scene.buyer(), token, call.abi_encode());
    assert!(sent.unwrap().status());
}

alloy_sol_types::sol! {
    struct CancelAuthorization { address authorizer; bytes32 nonce; }
}

#[tokio::test]
async fn t61_a_top_up_by_hash_counts_for_what_the_chain_holds_only() {
    let scene = Scene::new().await;
    let id = scene.open(1);
    let call = IPaymentChannelEscrow::topUpCall {
        channelId: id.word(),
        additionalDeposit: 5,
    };
    let hash = scene.call(scene.buyer(), &call);
    // Whatever it claims, and however often.
    for claim in [5, 1_000_000_000] {
        let top_up = scene.found_top_up(id, claim, hash);
        let moved = scene.escrow.deposit(&top_up).await.unwrap();
        assert_eq!(
            (moved.chain.deposit, moved.transaction),
            (DEPOSIT + 5, Some(hash))
        );
    }
    // It does nothing for another channel, nor for a channel that is not there.
    let other = scene.open(2);
    let elsewhere = scene
        .escrow
        .deposit(&scene.found_top_up(other, 5, hash))
        .await;
    assert_eq!(refused(elsewhere), "verification-failed");
    let nowhere = scene.opening(3).id();
    let nowhere = scene
        .escrow
        .deposit(&scene.found_top_up(nowhere, 5, hash))
        .await;
    assert_eq!(refused(nowhere), "session/channel-not-found");
}

#[tokio::test]
async fn a_hash_opens_what_its_transaction_has_opened() {
    let scene = Scene::new().await;
    let opening = scene.opening(1);
    let hash = scene.open_itself(&opening, DEPOSIT);
    let by_hash = |opening, hash| scene.open_by(opening, DEPOSIT, DepositProof::Hash(hash));
    for _ in 0..2 {
        let moved = scene.escrow.deposit(&by_hash(opening, hash)).await.unwrap();
        assert_eq!(
            (moved.chain.deposit, moved.transaction),
            (DEPOSIT, Some(hash))
        );
    }
    // Another opening of the same payer.
    let other = scene.opening(2);
    let outcome = scene.escrow.deposit(&by_hash(other, hash)).await;
    assert_eq!(refused(outcome), "verification-failed");
    // Less than was asked.
    let low = scene.open_by(opening, DEPOSIT + 1, DepositProof::Hash(hash));
    let outcome = scene.escrow.deposit(&low).await;
    assert_eq!(refused(outcome), "payment-insufficient");
    // A transfer to the contract that opens nothing, though the channel is there.
    let stray = scene.net.chain.transfer(
        scene.token.address,
        scene.buyer(),
        Address::repeat_byte(9),
        U256::from(DEPOSIT),
    );
    let stray = by_hash(opening, stray.unwrap().transaction_hash);
    assert_eq!(
        refused(scene.escrow.deposit(&stray).await),
        "verification-failed"
    );
    // Somebody else claims to be the payer of a channel.
    let thief = CheckedDeposit {
        payer: scene.net.buyers[1].address,
        ..scene.found_top_up(opening.id(), 5, hash)
    };
    assert_eq!(
        refused(scene.escrow.deposit(&thief).await),
        "verification-failed"
    );
    assert_eq!(scene.sent(), 0);
}

#[tokio::test]
async fn t68_a_failed_transaction_is_a_final_no_and_a_missing_receipt_is_unknown() {
    let scene = Scene::new().await;
    let opening = scene.opening(1);
    let failed = scene.open_itself(&opening, 0);
    let by_hash = |hash| scene.open_by(opening, DEPOSIT, DepositProof::Hash(hash));
    let outcome = scene.escrow.deposit(&by_hash(failed)).await;
    assert_eq!(refused(outcome), "session/transaction-reverted");

    let nobodys = B256::repeat_byte(7);
    let Err(Denied::Unknown(pending)) = scene.escrow.deposit(&by_hash(nobodys)).await else {
        panic!()
    };
    assert_eq!(Evidence::read(&pending.evidence), Evidence::of(nobodys));

    let hash = scene.open_itself(&opening, DEPOSIT);
    scene.net.chain.hold_receipts(true);
    let outcome = scene.escrow.deposit(&by_hash(hash)).await;
    assert!(matches!(outcome, Err(Denied::Unknown(_))), "{outcome:?}");
    scene.net.chain.hold_receipts(false);
    assert!(scene.escrow.deposit(&by_hash(hash)).await.is_ok());
    // The failed one is still none, though the channel is there by another.
    let outcome = scene.escrow.deposit(&by_hash(failed)).await;
    assert_eq!(refused(outcome), "session/transaction-reverted");
}

/// Naming a transaction costs nothing: a crowd of those who do takes no room from others for long.
#[tokio::test]
async fn where_many_wait_for_transactions_the_node_is_asked_once() {
    let scene = Scene::new().await;
    let escrow = scene.escrow.clone().patience(Duration::from_secs(3600));
    let opening = scene.opening(1);
    let by_hash = |hash| scene.open_by(opening, DEPOSIT, DepositProof::Hash(hash));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..MOST_WAITS {
        let (escrow, deposit) = (escrow.clone(), by_hash(B256::repeat_byte(7)));
        waiting.spawn(async move { escrow.deposit(&deposit).await });
    }
    while escrow.waits.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let outcome = escrow.deposit(&by_hash(B256::repeat_byte(8))).await;
    assert!(matches!(outcome, Err(Denied::Unknown(_))), "{outcome:?}");
    // What is mined is found all the same.
    let hash = scene.open_itself(&opening, DEPOSIT);
    assert!(escrow.deposit(&by_hash(hash)).await.is_ok());
    drop(waiting);
}

#[tokio::test]
async fn an_opening_that_somebody_else_has_brought_first_is_open() {
    let scene = Scene::new().await;
    let stranger = scene.net.buyers[2].clone();
    // Before we look.
    let deposit = scene.authorized_opening(1);
    assert!(scene.bring_as(&stranger, call(&deposit).unwrap().1));
    let moved = scene.escrow.deposit(&deposit).await.unwrap();
    assert_eq!((moved.chain.deposit, moved.transaction), (DEPOSIT, None));
    assert_eq!(scene.sent(), 0);

    // Between our simulation and our block: ours is mined second and fails.
    let deposit = scene.authorized_opening(2);
    scene.net.chain.pause_mining(true);
    scene.queue(&stranger, call(&deposit).unwrap().1);
    let mine = async {
        scene.wait_for(2).await;
        scene.net.chain.pause_mining(false);
    };
    let (moved, ()) = tokio::join!(scene.escrow.deposit(&deposit), mine);
    let moved = moved.unwrap();
    assert_eq!((moved.chain.deposit, moved.transaction), (DEPOSIT, None));
    assert_eq!(scene.sent(), 1);
    assert_eq!(scene.balance(scene.net.escrow), 2 * DEPOSIT);
}

#[tokio::test]
async fn t61_a_top_up_that_somebody_else_has_brought_first_counts_once() {
    let scene = Scene::new().await;
    let stranger = scene.net.buyers[2].clone();
    let id = scene.open(1);
    for (top_up, held) in [
        (scene.authorized_top_up(id, 50, 9), DEPOSIT + 50),
        (scene.permitted_top_up(id, 7, 1), DEPOSIT + 57),
    ] {
        scene.net.chain.pause_mining(true);
        scene.queue(&stranger, call(&top_up).unwrap().1);
        let mine = async {
            scene.wait_for(2).await;
            scene.net.chain.pause_mining(false);
        };
        let (moved, ()) = tokio::join!(scene.escrow.deposit(&top_up), mine);
        let moved = moved.unwrap();
        assert_eq!((moved.chain.deposit, moved.transaction), (held, None));
    }
}

#[tokio::test]
async fn a_deposit_that_the_token_does_not_give_is_insufficient_and_costs_no_gas() {
    let scene = Scene::new().await;
    let deposit = scene.authorized_opening(1);
    let permit = scene.permitted_opening(2, 1);
    let all = U256::from(scene.balance(scene.buyer().address));
    let (token, safe) = (scene.token.address, Address::repeat_byte(8));
    let sent = scene.net.chain.transfer(token, scene.buyer(), safe, all);
    assert!(sent.unwrap().status());
    for deposit in [deposit, permit] {
        let outcome = scene.escrow.deposit(&deposit).await;
        assert_eq!(refused(outcome), "payment-insufficient");
    }
    assert_eq!(scene.sent(), 0);
}

#[tokio::test]
async fn a_deposit_that_the_contract_refuses_is_a_reverted_transaction() {
    let scene = Scene::new().await;
    // The nonce of another opening.
    let mut deposit = scene.authorized_opening(1);
    let other = scene.opening(2);
    deposit.purpose = Purpose::Open(other);
    deposit.channel = other.id();
    let outcome = scene.escrow.deposit(&deposit).await;
    assert_eq!(refused(outcome), "session/transaction-reverted");
    // One for another contract is our own mistake.
    let elsewhere = Opening {
        escrow: Address::repeat_byte(3),
        ..other
    };
    let proof = deposit.proof().clone();
    let outcome = scene
        .escrow
        .deposit(&scene.open_by(elsewhere, 1, proof))
        .await;
    assert!(matches!(outcome, Err(Denied::Failed(_))), "{outcome:?}");
    assert_eq!(scene.sent(), 0);
}

#[tokio::test]
async fn a_closed_channel_takes_no_deposit() {
    let scene = Scene::new().await;
    let deposit = scene.authorized_opening(1);
    let id = deposit.channel();
    let hash = scene.escrow.deposit(&deposit).await.unwrap().transaction;
    let top_up = scene.authorized_top_up(id, 5, 1);
    scene.escrow.close(id, None).await.unwrap();
    let sent = scene.sent();
    let by_hash = scene.open_by(scene.opening(1), DEPOSIT, DepositProof::Hash(hash.unwrap()));
    for deposit in [deposit, top_up, by_hash] {
        let outcome = scene.escrow.deposit(&deposit).await;
        assert_eq!(refused(outcome), "session/channel-finalized");
    }
    assert_eq!(scene.sent(), sent);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_same_deposit_again_finds_it() {
    let scene = Scene::new().await;
    scene.net.chain.pause_mining(true);
    let deposit = scene.authorized_opening(1);
    let Err(Denied::Unknown(pending)) = scene.escrow.deposit(&deposit).await else {
        panic!()
    };
    let hash = Evidence::read(&pending.evidence).transaction().unwrap();
    // Nothing more is sent while it may be mined.
    let again = scene.escrow.deposit(&deposit).await;
    assert!(matches!(again, Err(Denied::Unknown(_))), "{again:?}");
    assert_eq!((scene.net.chain.waiting(), scene.sent()), (1, 1));
    scene.net.chain.pause_mining(false);
    assert!(scene.net.chain.receipt(hash).unwrap().status());
    let moved = scene.escrow.deposit(&deposit).await.unwrap();
    assert_eq!((moved.chain.deposit, scene.sent()), (DEPOSIT, 1));
}

#[tokio::test]
async fn a_broadcast_that_never_arrived_is_made_again_after_a_while() {
    let scene = Scene::new().await;
    let rpc = &scene.net.rpc;
    rpc.fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseBefore);
    let deposit = scene.authorized_opening(1);
    for _ in 0..2 {
        let outcome = scene.escrow.deposit(&deposit).await;
        assert!(matches!(outcome, Err(Denied::Unknown(_))), "{outcome:?}");
    }
    assert_eq!(scene.sent(), 0);
    // Still good for a second on the chain.
    scene.clock.advance(Duration::from_secs(299));
    let outcome = scene.escrow.deposit(&deposit).await;
    assert!(matches!(outcome, Err(Denied::Unknown(_))), "{outcome:?}");
    scene.clock.advance(Duration::from_secs(1));
    let fresh = scene.authorized_opening(1);
    let moved = scene.escrow.deposit(&fresh).await.unwrap();
    assert_eq!((moved.chain.deposit, scene.sent()), (DEPOSIT, 1));
}

#[tokio::test]
async fn a_broadcast_without_an_answer_that_was_mined_is_a_success() {
    let scene = Scene::new().await;
    let rpc = &scene.net.rpc;
    rpc.fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let moved = scene.escrow.deposit(&scene.authorized_opening(1)).await;
    assert_eq!((moved.unwrap().chain.deposit, scene.sent()), (DEPOSIT, 1));
}

#[tokio::test]
async fn a_node_that_says_nothing_before_the_broadcast_is_a_definite_no() {
    for method in ["eth_call", "eth_estimateGas", "eth_feeHistory"] {
        let scene = Scene::new().await;
        scene
            .net
            .rpc
            .fail_next_calling(method, 1, Fault::CloseAfter);
        let deposit = scene.authorized_opening(1);
        let outcome = scene.escrow.deposit(&deposit).await;
        assert!(
            matches!(outcome, Err(Denied::Failed(_))),
            "{method}: {outcome:?}"
        );
        assert_eq!(scene.sent(), 0);
        assert!(scene.escrow.deposit(&deposit).await.is_ok());
    }
}

#[tokio::test]
async fn the_same_deposit_many_times_at_once_costs_the_gas_of_one() {
    let scene = Scene::new().await;
    let deposit = scene.authorized_opening(1);
    let [a, b, c, d] = std::array::from_fn(|_| scene.escrow.deposit(&deposit));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    let sent = [a, b, c, d].map(|moved| moved.unwrap().transaction);
    assert_eq!(sent.iter().flatten().count(), 1);
    assert_eq!(
        (scene.sent(), scene.balance(scene.net.escrow)),
        (1, DEPOSIT)
    );
}
