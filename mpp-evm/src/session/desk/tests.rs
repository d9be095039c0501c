//! Channels settled and closed on a real chain.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use devnet::{Fault, IPaymentChannelEscrow};
use payment_core::Denied;

use super::super::scene::{DEPOSIT, Scene, TestDesk};
use super::{Booked, Desk, DeskError};
use crate::session::{ChannelError, ChannelId, Escrow, LedgerError};

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, DeskError>) -> ChannelError {
    match outcome {
        Err(DeskError::Ledger(LedgerError::Refused(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_unknown(outcome: &Result<Booked, DeskError>) {
    assert!(
        matches!(outcome, Err(DeskError::Escrow(Denied::Unknown(_)))),
        "{outcome:?}"
    );
}

#[track_caller]
fn has_failed<T: std::fmt::Debug>(outcome: &Result<T, DeskError>) {
    assert!(
        matches!(outcome, Err(DeskError::Escrow(Denied::Failed(_)))),
        "{outcome:?}"
    );
}

/// A close whose transaction is not mined.
async fn half_closed(scene: &Scene, desk: &TestDesk, id: ChannelId) {
    scene.net.chain.pause_mining(true);
    is_unknown(&desk.close_channel(id).await);
}

#[tokio::test]
async fn the_highest_voucher_is_settled_once() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 50).await;
    let booked = desk.settle_channel(id).await.unwrap();
    assert!(booked.transaction.is_some());
    assert_eq!((booked.channel.settled(), scene.income()), (300, 300));
    let again = desk.settle_channel(id).await.unwrap();
    assert_eq!((again.transaction, scene.sent()), (None, 1));
    // What is left of it can still be spent.
    scene.spend(&desk, id, 250).await.unwrap();
}

#[tokio::test]
async fn what_is_authorized_and_not_earned_is_not_settled_by_the_way() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 90).await;
    let booked = desk.settle_earned(id).await.unwrap();
    assert_eq!((booked.channel.settled(), scene.income()), (100, 100));
    assert_eq!(desk.settle_earned(id).await.unwrap().transaction, None);
    scene.spend(&desk, id, 20).await.unwrap();
    let booked = desk.settle_earned(id).await.unwrap();
    assert_eq!((booked.channel.settled(), scene.income()), (300, 300));
}

#[tokio::test]
async fn a_close_takes_the_lowest_voucher_that_covers_what_is_owed() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 90).await;
    let booked = desk.close_channel(id).await.unwrap();
    assert!(booked.channel.finalized());
    assert_eq!((booked.channel.settled(), scene.income()), (100, 100));
    assert_eq!(scene.balance(scene.net.escrow), 0);
    assert_eq!(
        refused(desk.close_channel(id).await),
        ChannelError::Finalized
    );
    assert_eq!(scene.sent(), 1);
}

#[tokio::test]
async fn t68_the_payer_closes_by_what_it_owes_and_not_by_less() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 120).await;
    let fair = scene.checked(id, 120);
    desk.close_with(id, Some(fair)).await.unwrap();
    assert_eq!(scene.income(), 120);

    let id = scene.used(&desk, 2, &[300], 120).await;
    let low = scene.checked(id, 119);
    desk.close_with(id, Some(low)).await.unwrap();
    assert_eq!(scene.income(), 120 + 300);

    // A higher one than we had, up to the deposit.
    let id = scene.used(&desk, 3, &[300], 120).await;
    let much = scene.checked(id, DEPOSIT + 1);
    let outcome = desk.close_with(id, Some(much)).await;
    assert!(matches!(
        refused(outcome),
        ChannelError::ExceedsDeposit { .. }
    ));
    let generous = scene.checked(id, 400);
    desk.close_with(id, Some(generous)).await.unwrap();
    assert_eq!(scene.income(), 120 + 300 + 400);

    let foreign = scene.checked(id, 400);
    let id = scene.used(&desk, 4, &[300], 120).await;
    let outcome = desk.close_with(id, Some(foreign)).await;
    assert_eq!(refused(outcome), ChannelError::Foreign);
    desk.load(id).await.unwrap().is_open().unwrap();
}

#[tokio::test]
async fn a_channel_nothing_is_owed_on_is_closed_for_nothing() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[], 0).await;
    let booked = desk.close_channel(id).await.unwrap();
    assert!(booked.channel.finalized() && booked.transaction.is_some());
    assert_eq!(scene.income(), 0);
}

#[tokio::test]
async fn t68_a_definite_no_opens_the_channel_again() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 100).await;
    scene
        .net
        .rpc
        .fail_next_calling("eth_estimateGas", 1, Fault::Http500);
    has_failed(&desk.close_channel(id).await);
    scene.spend(&desk, id, 100).await.unwrap();
    desk.close_channel(id).await.unwrap();
    assert_eq!((scene.income(), scene.sent()), (300, 1));
}

#[tokio::test]
async fn t68_while_it_closes_a_channel_takes_no_work_and_no_other_close() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 90).await;
    half_closed(&scene, &desk, id).await;
    let work = scene.spend(&desk, id, 1).await;
    assert!(matches!(
        work,
        Err(LedgerError::Refused(ChannelError::Closing))
    ));
    assert_eq!(refused(desk.close_channel(id).await), ChannelError::Closing);
    // It is closed by 100: the voucher over 300 must not be settled beside.
    assert_eq!(
        refused(desk.settle_channel(id).await),
        ChannelError::Closing
    );
    scene.net.chain.pause_mining(false);
    assert_eq!((scene.income(), scene.sent()), (100, 1));
}

#[tokio::test]
async fn t68_a_close_of_unknown_outcome_is_taken_up_when_its_lease_has_ended() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    half_closed(&scene, &desk, id).await;
    scene.advance(119);
    assert_eq!(refused(desk.close_channel(id).await), ChannelError::Closing);
    scene.advance(1);
    // Not mined yet: nothing else is sent.
    is_unknown(&desk.close_channel(id).await);
    scene.net.chain.pause_mining(false);
    scene.advance(120);
    let booked = desk.close_channel(id).await.unwrap();
    assert!(booked.channel.finalized());
    assert_eq!((scene.income(), scene.sent()), (300, 1));
}

#[tokio::test]
async fn t68_a_close_that_may_yet_succeed_is_not_given_up_for_a_silent_node() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    half_closed(&scene, &desk, id).await;
    scene.advance(120);
    scene
        .net
        .rpc
        .fail_next_calling("eth_call", 1, Fault::Http500);
    has_failed(&desk.close_channel(id).await);
    // Were it open again, this would be served and never paid.
    assert!(scene.spend(&desk, id, 1).await.is_err());
    scene.net.chain.pause_mining(false);
    assert_eq!(scene.income(), 300);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_close_pays_once() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[100, 300], 90).await;
    scene.net.chain.pause_mining(true);
    {
        // The process ends after the broadcast.
        let close = desk.close_channel(id);
        tokio::select! {
            biased;
            outcome = close => panic!("{outcome:?}"),
            () = scene.wait_for(1) => {}
        }
    }
    assert!(scene.spend(&desk, id, 1).await.is_err());
    scene.net.chain.pause_mining(false);
    scene.advance(120);
    // Another one, with the same books and nothing else.
    let escrow = super::super::scene::connect(&scene.net, &scene.net.seller, &scene.clock).await;
    let ledger = desk.ledger.clone();
    let (payee, token) = (scene.net.seller.address, scene.token.address);
    let desk = Desk::new(Arc::new(escrow), ledger, payee, token).clock(scene.clock.clone());
    let booked = desk.close_channel(id).await.unwrap();
    assert!(booked.channel.finalized());
    assert_eq!((scene.income(), scene.sent()), (100, 1));
}

#[tokio::test]
async fn t61_the_books_learn_deposits_and_forced_closes_from_the_chain() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    scene.request_close(id);
    let channel = desk.refresh(id).await.unwrap();
    assert_eq!(channel.is_open(), Err(ChannelError::Closing));
    let call = IPaymentChannelEscrow::topUpCall {
        channelId: id.word(),
        additionalDeposit: 5,
    };
    scene.call(scene.buyer(), &call);
    let channel = desk.refresh(id).await.unwrap();
    assert_eq!(
        (channel.deposit(), channel.is_open()),
        (DEPOSIT + 5, Ok(()))
    );
    assert_eq!((channel.accepted(), channel.spent()), (300, 90));
    // A chain that can't be read changes nothing.
    scene
        .net
        .rpc
        .fail_next_calling("eth_call", 1, Fault::CloseBefore);
    has_failed(&desk.refresh(id).await);
    assert_eq!(desk.load(id).await.unwrap(), channel);
}

#[tokio::test]
async fn only_channels_of_this_seller_are_adopted_and_only_on_demand() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.open(1);
    for outcome in [desk.refresh(id).await, desk.load(id).await] {
        assert!(matches!(
            outcome,
            Err(DeskError::Ledger(LedgerError::Unknown))
        ));
    }
    scene
        .escrow
        .settle(id, &scene.voucher(id, 70))
        .await
        .unwrap();
    let channel = desk.adopt(id).await.unwrap();
    assert_eq!((channel.accepted(), channel.spent()), (70, 70));
    scene.accept(&desk, id, 100).await;
    assert_eq!(desk.adopt(id).await.unwrap().accepted(), 100);

    let mut foreign = scene.opening(2);
    foreign.payee = Address::repeat_byte(9);
    scene.open_itself(&foreign, DEPOSIT);
    assert_eq!(
        refused(desk.adopt(foreign.id()).await),
        ChannelError::Foreign
    );
    let none = desk.adopt(scene.opening(3).id()).await;
    assert!(matches!(none, Err(DeskError::Ledger(LedgerError::Unknown))));
    let closed = scene.open(4);
    scene.escrow.close(closed, None).await.unwrap();
    assert_eq!(refused(desk.adopt(closed).await), ChannelError::Finalized);
    let leaving = scene.open(5);
    scene.request_close(leaving);
    assert_eq!(refused(desk.adopt(leaving).await), ChannelError::Closing);
    assert_eq!(desk.list(None, 10).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_desk_leaves_the_channels_of_another_alone() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    let (payee, token) = (scene.net.seller.address, Address::repeat_byte(1));
    let other = Desk::new(
        Arc::new(scene.escrow.clone()),
        desk.ledger.clone(),
        payee,
        token,
    );
    let other = other.clock(scene.clock.clone());
    assert_eq!(
        refused(other.settle_channel(id).await),
        ChannelError::Foreign
    );
    assert_eq!(
        refused(other.close_channel(id).await),
        ChannelError::Foreign
    );
    assert_eq!(refused(other.refresh(id).await), ChannelError::Foreign);
    assert_eq!(refused(other.adopt(id).await), ChannelError::Foreign);
    assert_eq!(other.list(None, 10).await.unwrap(), (Vec::new(), Some(id)));
    desk.close_channel(id).await.unwrap();
    scene.advance(1_000);
    assert!(!other.forget(id, Duration::ZERO).await.unwrap());
}

#[tokio::test]
async fn only_what_is_closed_for_long_is_forgotten_and_it_never_comes_back() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    let day = Duration::from_secs(86_400);
    scene.advance(2 * 86_400);
    assert!(!desk.forget(id, day).await.unwrap());
    desk.close_channel(id).await.unwrap();
    scene.advance(86_399);
    assert!(!desk.forget(id, day).await.unwrap());
    scene.advance(1);
    assert!(desk.forget(id, day).await.unwrap());
    assert!(!desk.forget(id, day).await.unwrap());
    assert_eq!(refused(desk.adopt(id).await), ChannelError::Finalized);
    assert_eq!(desk.list(None, 10).await.unwrap(), (Vec::new(), None));
}

#[tokio::test]
async fn channels_are_listed_by_pages() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let mut ids = Vec::new();
    for salt in 1..=5 {
        ids.push(scene.used(&desk, salt, &[], 0).await);
    }
    ids.sort();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let (page, next) = desk.list(after, 2).await.unwrap();
        listed.extend(page.iter().map(|channel| channel.id()));
        if next.is_none() {
            break;
        }
        after = next;
    }
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn an_answer_of_the_books_that_is_lost_loses_no_money() {
    let scene = Scene::new().await;
    let desk = scene.desk();
    let id = scene.used(&desk, 1, &[300], 90).await;
    // Settled by another process: ours finds it settled, and learns of it.
    let call = IPaymentChannelEscrow::settleCall {
        channelId: id.word(),
        cumulativeAmount: 300,
        signature: scene.voucher(id, 300).signature.to_bytes().into(),
    };
    assert!(scene.bring_as(&scene.net.seller, call.abi_encode().into()));
    let booked = desk.settle_channel(id).await.unwrap();
    assert_eq!((booked.channel.settled(), booked.transaction), (300, None));
    assert_eq!(scene.sent(), 1);
}
