//! The payer's way out: ask, wait, withdraw.

use std::time::Duration;

use alloy_primitives::U256;
use devnet::IPaymentChannelEscrow::{IPaymentChannelEscrowEvents as Event, *};

use crate::stage::{DEPOSIT, GRACE, Stage};

#[test]
fn request_starts_the_grace_period() {
    let stage = Stage::new();
    let id = stage.open(1);
    let purses = stage.purses();
    let at = stage.now();
    let requested = Event::CloseRequested(CloseRequested {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
        closeGraceEnd: U256::from(at + GRACE),
    });
    let call = requestCloseCall { channelId: id };
    assert_eq!(stage.run(&stage.payer, &call), [requested]);
    assert_eq!(stage.channel(id).closeRequestedAt, at);
    assert!(!stage.channel(id).finalized);
    assert_eq!(stage.purses(), purses);
}

#[test]
fn second_request_changes_nothing() {
    let stage = Stage::new();
    let id = stage.open(1);
    let call = requestCloseCall { channelId: id };
    let at = stage.now();
    stage.run(&stage.payer, &call);
    stage.net.chain.advance(Duration::from_secs(100));
    assert_eq!(stage.run(&stage.payer, &call), []);
    assert_eq!(stage.channel(id).closeRequestedAt, at);
}

#[test]
fn only_the_payer_asks_and_withdraws() {
    let stage = Stage::new();
    let id = stage.open(1);
    for other in [&stage.payee, &stage.stranger] {
        stage.refused::<NotPayer>(other, &requestCloseCall { channelId: id });
    }
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.net.chain.advance(Duration::from_secs(GRACE));
    for other in [&stage.payee, &stage.stranger] {
        stage.refused::<NotPayer>(other, &withdrawCall { channelId: id });
    }
}

#[test]
fn withdrawing_waits_to_the_second() {
    let stage = Stage::new();
    let id = stage.open(1);
    let call = withdrawCall { channelId: id };
    stage.refused::<CloseNotReady>(&stage.payer, &call);
    let [payer, payee, escrow] = stage.purses();
    let at = stage.now();
    stage.net.chain.set_next_block_time(at).unwrap();
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    for early in [0, 1, GRACE - 1] {
        stage.net.chain.set_next_block_time(at + early).unwrap();
        stage.refused::<CloseNotReady>(&stage.payer, &call);
    }
    stage.net.chain.set_next_block_time(at + GRACE).unwrap();
    let expired = Event::ChannelExpired(ChannelExpired {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
    });
    let closed = Event::ChannelClosed(ChannelClosed {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
        settledToPayee: U256::ZERO,
        refundedToPayer: U256::from(DEPOSIT),
    });
    assert_eq!(stage.run(&stage.payer, &call), [expired, closed]);
    assert_eq!(stage.purses(), [payer + DEPOSIT, payee, escrow - DEPOSIT]);
    assert!(stage.channel(id).finalized);
    stage.refused::<ChannelFinalized>(&stage.payer, &call);
}

#[test]
fn withdrawing_works_long_after_the_grace_period() {
    let stage = Stage::new();
    let id = stage.open(1);
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.net.chain.advance(Duration::from_secs(1_000_000_000));
    stage.run(&stage.payer, &withdrawCall { channelId: id });
}

#[test]
fn payee_redeems_until_the_payer_has_withdrawn() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.run(&stage.payee, &stage.settling(id, 100_000));
    stage.net.chain.advance(Duration::from_secs(GRACE + 1));
    stage.run(&stage.payee, &stage.settling(id, 300_000));
    stage.run(&stage.payer, &withdrawCall { channelId: id });
    assert_eq!(
        stage.purses(),
        [payer + DEPOSIT - 300_000, payee + 300_000, escrow - DEPOSIT]
    );
    stage.refused::<ChannelFinalized>(&stage.payee, &stage.settling(id, 400_000));
    stage.refused::<ChannelFinalized>(&stage.payee, &stage.closing(id, 400_000));
}

#[test]
fn payee_may_close_while_the_grace_period_runs() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.run(&stage.payee, &stage.closing(id, 100_000));
    assert_eq!(
        stage.purses(),
        [payer + DEPOSIT - 100_000, payee + 100_000, escrow - DEPOSIT]
    );
    stage.net.chain.advance(Duration::from_secs(GRACE));
    stage.refused::<ChannelFinalized>(&stage.payer, &withdrawCall { channelId: id });
}

#[test]
fn withdrawing_when_all_is_settled_ends_the_channel() {
    let stage = Stage::new();
    let id = stage.open(1);
    stage.run(&stage.payee, &stage.settling(id, DEPOSIT));
    let purses = stage.purses();
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.net.chain.advance(Duration::from_secs(GRACE));
    stage.run(&stage.payer, &withdrawCall { channelId: id });
    assert_eq!(stage.purses(), purses);
    assert!(stage.channel(id).finalized);
}
