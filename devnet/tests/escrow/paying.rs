//! Settling and closing, by the payee and by those it authorized.

use alloy_primitives::{B256, Bytes, U256};
use devnet::IPaymentChannelEscrow::{IPaymentChannelEscrowEvents as Event, *};

use crate::stage::{DEPOSIT, Stage};

fn settled(stage: &Stage, id: B256, to: u128, delta: u128) -> Event {
    Event::Settled(Settled {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
        cumulativeAmount: U256::from(to),
        deltaPaid: U256::from(delta),
        newSettled: U256::from(to),
    })
}

fn closed(stage: &Stage, id: B256, kept: u128, returned: u128) -> Event {
    Event::ChannelClosed(ChannelClosed {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
        settledToPayee: U256::from(kept),
        refundedToPayer: U256::from(returned),
    })
}

fn used(stage: &Stage, id: B256, nonce: u64) -> Event {
    Event::AuthorizationUsed(AuthorizationUsed {
        payee: stage.payee.address,
        channelId: id,
        nonce: U256::from(nonce),
    })
}

#[test]
fn settling_pays_what_was_not_paid_before() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    assert_eq!(
        stage.run(&stage.payee, &stage.settling(id, 100_000)),
        [settled(&stage, id, 100_000, 100_000)]
    );
    assert_eq!(
        stage.run(&stage.payee, &stage.settling(id, 250_000)),
        [settled(&stage, id, 250_000, 150_000)]
    );
    assert_eq!(stage.purses(), [payer, payee + 250_000, escrow - 250_000]);
    let channel = stage.channel(id);
    assert_eq!((channel.settled, channel.deposit), (250_000, DEPOSIT));
    assert!(!channel.finalized);
}

#[test]
fn voucher_pays_once() {
    let stage = Stage::new();
    let id = stage.open(1);
    let voucher = stage.settling(id, 100_000);
    stage.run(&stage.payee, &voucher);
    stage.refused::<AmountNotIncreasing>(&stage.payee, &voucher);
    stage.refused::<AmountNotIncreasing>(&stage.payee, &stage.settling(id, 99_999));
    stage.refused::<AmountNotIncreasing>(&stage.payee, &stage.settling(id, 0));
    let relayed = stage.authorized_settling(id, 100_000, 1);
    stage.refused::<AmountNotIncreasing>(&stage.stranger, &relayed);
}

#[test]
fn voucher_reaches_to_the_deposit_and_no_further() {
    let stage = Stage::new();
    let id = stage.open(1);
    stage.open(2); // Its money is there and is not this channel's.
    stage.refused::<AmountExceedsDeposit>(&stage.payee, &stage.settling(id, DEPOSIT + 1));
    stage.refused::<AmountExceedsDeposit>(&stage.payee, &stage.closing(id, DEPOSIT + 1));
    stage.refused::<AmountExceedsDeposit>(&stage.payee, &stage.settling(id, u128::MAX));
    let relayed = stage.authorized_settling(id, DEPOSIT + 1, 1);
    stage.refused::<AmountExceedsDeposit>(&stage.stranger, &relayed);
    let relayed = stage.authorized_closing(id, DEPOSIT + 1, 1);
    stage.refused::<AmountExceedsDeposit>(&stage.stranger, &relayed);
    stage.run(&stage.payee, &stage.settling(id, DEPOSIT));
    stage.refused::<AmountExceedsDeposit>(&stage.payee, &stage.settling(id, DEPOSIT + 1));
}

#[test]
fn only_the_payee_settles_and_closes() {
    let stage = Stage::new();
    let id = stage.open(1);
    for other in [&stage.payer, &stage.stranger] {
        stage.refused::<NotPayee>(other, &stage.settling(id, 1));
        stage.refused::<NotPayee>(other, &stage.closing(id, 1));
        stage.refused::<NotPayee>(other, &stage.closing(id, 0));
    }
}

#[test]
fn closing_pays_both_and_ends_the_channel() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    stage.run(&stage.payee, &stage.settling(id, 100_000));
    assert_eq!(
        stage.run(&stage.payee, &stage.closing(id, 400_000)),
        [
            settled(&stage, id, 400_000, 300_000),
            closed(&stage, id, 400_000, DEPOSIT - 400_000)
        ]
    );
    assert_eq!(
        stage.purses(),
        [payer + DEPOSIT - 400_000, payee + 400_000, escrow - DEPOSIT]
    );
    let channel = stage.channel(id);
    assert!(channel.finalized);
    // The record stays as it was.
    assert_eq!(
        (channel.payer, channel.deposit, channel.settled),
        (stage.payer.address, DEPOSIT, 400_000)
    );
}

#[test]
fn closing_at_the_whole_deposit_returns_nothing() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, _] = stage.purses();
    assert_eq!(
        stage.run(&stage.payee, &stage.closing(id, DEPOSIT)),
        [
            settled(&stage, id, DEPOSIT, DEPOSIT),
            closed(&stage, id, DEPOSIT, 0)
        ]
    );
    assert_eq!(stage.purses(), [payer, payee + DEPOSIT, 0]);
}

#[test]
fn closing_not_above_what_is_settled_forfeits_the_rest() {
    // Amount and signature: none is needed where none is paid for.
    for (amount, signature) in [
        (0, Bytes::new()),
        (99_999, Bytes::from_static(b"anything")),
        (100_000, Bytes::new()),
    ] {
        let stage = Stage::new();
        let id = stage.open(1);
        stage.run(&stage.payee, &stage.settling(id, 100_000));
        let [payer, payee, escrow] = stage.purses();
        let call = closeCall {
            channelId: id,
            cumulativeAmount: amount,
            signature,
        };
        assert_eq!(
            stage.run(&stage.payee, &call),
            [closed(&stage, id, 100_000, DEPOSIT - 100_000)]
        );
        assert_eq!(
            stage.purses(),
            [
                payer + DEPOSIT - 100_000,
                payee,
                escrow - (DEPOSIT - 100_000)
            ]
        );
        // A better voucher comes too late.
        stage.refused::<ChannelFinalized>(&stage.payee, &stage.settling(id, 500_000));
    }
}

#[test]
fn closing_above_what_is_settled_needs_a_voucher() {
    let stage = Stage::new();
    let id = stage.open(1);
    let unsigned = closeCall {
        signature: Bytes::new(),
        ..stage.closing(id, 1)
    };
    stage.refused::<InvalidSignature>(&stage.payee, &unsigned);
    let relayed = closeWithAuthorizationCall {
        voucherSignature: Bytes::new(),
        ..stage.authorized_closing(id, 1, 1)
    };
    stage.refused::<InvalidSignature>(&stage.stranger, &relayed);
}

#[test]
fn nothing_happens_on_a_finalized_channel() {
    let stage = Stage::new();
    let id = stage.open(1);
    stage.open(2);
    let (settling, closing) = (stage.settling(id, 500_000), stage.closing(id, 500_000));
    let relayed = stage.authorized_settling(id, 500_000, 1);
    let relayed_close = stage.authorized_closing(id, 500_000, 2);
    stage.run(&stage.payee, &stage.closing(id, 400_000));
    let purses = stage.purses();
    stage.refused::<ChannelFinalized>(&stage.payee, &settling);
    stage.refused::<ChannelFinalized>(&stage.payee, &closing);
    stage.refused::<ChannelFinalized>(&stage.payee, &stage.closing(id, 0));
    stage.refused::<ChannelFinalized>(&stage.stranger, &relayed);
    stage.refused::<ChannelFinalized>(&stage.stranger, &relayed_close);
    stage.refused::<ChannelFinalized>(&stage.payer, &requestCloseCall { channelId: id });
    stage.refused::<ChannelFinalized>(&stage.payer, &withdrawCall { channelId: id });
    assert_eq!(stage.purses(), purses);
}

#[test]
fn nothing_happens_on_an_unknown_channel() {
    let stage = Stage::new();
    let id = B256::repeat_byte(5);
    stage.refused::<ChannelNotFound>(&stage.payee, &stage.settling(id, 1));
    stage.refused::<ChannelNotFound>(&stage.payee, &stage.closing(id, 0));
    stage.refused::<ChannelNotFound>(&stage.stranger, &stage.authorized_settling(id, 1, 1));
    stage.refused::<ChannelNotFound>(&stage.stranger, &stage.authorized_closing(id, 0, 1));
    stage.refused::<ChannelNotFound>(&stage.payer, &requestCloseCall { channelId: id });
    stage.refused::<ChannelNotFound>(&stage.payer, &withdrawCall { channelId: id });
}

// With the payee's authorization

#[test]
fn authorized_settling_pays_the_payee_whoever_brings_it() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    assert_eq!(
        stage.run(&stage.stranger, &stage.authorized_settling(id, 100_000, 7)),
        [used(&stage, id, 7), settled(&stage, id, 100_000, 100_000)]
    );
    assert_eq!(stage.purses(), [payer, payee + 100_000, escrow - 100_000]);
    assert_eq!(stage.balance(stage.stranger.address), 0);
}

#[test]
fn authorized_closing_pays_both_whoever_brings_it() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    assert_eq!(
        stage.run(&stage.stranger, &stage.authorized_closing(id, 100_000, 7)),
        [
            used(&stage, id, 7),
            settled(&stage, id, 100_000, 100_000),
            closed(&stage, id, 100_000, DEPOSIT - 100_000)
        ]
    );
    assert_eq!(
        stage.purses(),
        [payer + DEPOSIT - 100_000, payee + 100_000, escrow - DEPOSIT]
    );
    assert_eq!(stage.balance(stage.stranger.address), 0);
}

#[test]
fn authorized_waiver_needs_no_voucher() {
    let stage = Stage::new();
    let id = stage.open(1);
    let call = closeWithAuthorizationCall {
        voucherSignature: Bytes::new(),
        ..stage.authorized_closing(id, 0, 1)
    };
    let said = stage.run(&stage.stranger, &call);
    assert_eq!(said, [used(&stage, id, 1), closed(&stage, id, 0, DEPOSIT)]);
}

#[test]
fn payees_nonce_is_used_once_across_settling_and_closing() {
    let stage = Stage::new();
    let id = stage.open(1);
    let known = |nonce| {
        stage.read(&authorizationUsedCall {
            payee: stage.payee.address,
            channelId: id,
            nonce: U256::from(nonce),
        })
    };
    assert!(!known(7));
    let first = stage.authorized_settling(id, 100_000, 7);
    stage.run(&stage.stranger, &first);
    assert!(known(7));
    stage.refused::<NonceAlreadyUsed>(&stage.stranger, &first);
    let higher = stage.authorized_settling(id, 200_000, 7);
    stage.refused::<NonceAlreadyUsed>(&stage.stranger, &higher);
    let close = stage.authorized_closing(id, 200_000, 7);
    stage.refused::<NonceAlreadyUsed>(&stage.stranger, &close);
    stage.run(&stage.stranger, &stage.authorized_settling(id, 200_000, 8));
    // The set is the channel's own.
    let other = stage.open(2);
    stage.run(&stage.stranger, &stage.authorized_settling(other, 1, 7));
    assert!(!known(9));
    stage.run(&stage.stranger, &stage.authorized_closing(id, 300_000, 9));
    assert!(known(9));
}

#[test]
fn failed_use_leaves_the_nonce() {
    let stage = Stage::new();
    let id = stage.open(1);
    let good = stage.authorized_settling(id, 100_000, 7);
    let unsigned = settleWithAuthorizationCall {
        voucherSignature: Bytes::new(),
        ..good.clone()
    };
    stage.refused::<InvalidSignature>(&stage.stranger, &unsigned);
    stage.run(&stage.stranger, &good);
}

#[test]
fn deadline_is_the_last_second() {
    let stage = Stage::new();
    let id = stage.open(1);
    let settling = stage.authorized_settling(id, 100_000, 1);
    let late = stage.authorized_settling(id, 200_000, 2);
    let late_close = stage.authorized_closing(id, 200_000, 3);
    let deadline = u64::try_from(settling.deadline).unwrap();
    stage.net.chain.set_next_block_time(deadline).unwrap();
    stage.run(&stage.stranger, &settling);
    stage.net.chain.set_next_block_time(deadline + 1).unwrap();
    stage.refused::<AuthorizationExpired>(&stage.stranger, &late);
    stage.net.chain.set_next_block_time(deadline + 1).unwrap();
    stage.refused::<AuthorizationExpired>(&stage.stranger, &late_close);
}

#[test]
fn authorization_is_for_what_it_says() {
    let stage = Stage::new();
    let (id, other) = (stage.open(1), stage.open(2));
    let good = stage.authorized_settling(id, 100_000, 1);
    let close = stage.authorized_closing(id, 100_000, 1);
    let bent = [
        settleWithAuthorizationCall {
            channelId: other,
            voucherSignature: stage.voucher(other, 100_000),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            cumulativeAmount: 100_001,
            voucherSignature: stage.voucher(id, 100_001),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            nonce: U256::from(2),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            deadline: good.deadline + U256::ONE,
            ..good.clone()
        },
        // A close is no settlement, a voucher is neither, and the payer is not the payee.
        settleWithAuthorizationCall {
            payeeSignature: close.payeeSignature.clone(),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            payeeSignature: stage.voucher_by(&stage.payee, id, 100_000),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            payeeSignature: good.voucherSignature.clone(),
            voucherSignature: good.payeeSignature.clone(),
            ..good.clone()
        },
        settleWithAuthorizationCall {
            payeeSignature: Bytes::new(),
            ..good.clone()
        },
    ];
    for call in bent {
        stage.refused::<InvalidSignature>(&stage.stranger, &call);
    }
    let bent = [
        closeWithAuthorizationCall {
            channelId: other,
            voucherSignature: stage.voucher(other, 100_000),
            ..close.clone()
        },
        closeWithAuthorizationCall {
            cumulativeAmount: 0,
            ..close.clone()
        },
        closeWithAuthorizationCall {
            nonce: U256::from(2),
            ..close.clone()
        },
        closeWithAuthorizationCall {
            deadline: close.deadline + U256::ONE,
            ..close.clone()
        },
        closeWithAuthorizationCall {
            payeeSignature: good.payeeSignature,
            ..close.clone()
        },
        closeWithAuthorizationCall {
            payeeSignature: Bytes::new(),
            ..close.clone()
        },
    ];
    for call in bent {
        stage.refused::<InvalidSignature>(&stage.stranger, &call);
    }
    stage.run(&stage.stranger, &close);
}
