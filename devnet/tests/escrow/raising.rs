//! Adding to a deposit.

use std::time::Duration;

use alloy_primitives::{B256, U256};
use devnet::IPaymentChannelEscrow::{IPaymentChannelEscrowEvents as Event, *};
use devnet::Wallet;

use crate::stage::{DEPOSIT, GRACE, Stage};

const MORE: u128 = 250_000;

fn raised(stage: &Stage, id: B256, to: u128) -> Event {
    Event::TopUp(TopUp {
        channelId: id,
        payer: stage.payer.address,
        payee: stage.payee.address,
        additionalDeposit: U256::from(MORE),
        newDeposit: U256::from(to),
    })
}

fn more(id: B256) -> topUpCall {
    topUpCall {
        channelId: id,
        additionalDeposit: MORE,
    }
}

#[test]
fn each_way_of_adding_raises_the_deposit() {
    let stage = Stage::new();
    let id = stage.open(1);
    let [payer, payee, escrow] = stage.purses();
    let authorized = stage.authorized_top_up(id, MORE, 1);
    let permitted = stage.permitted_top_up(id, MORE, 1);
    assert_eq!(
        stage.run(&stage.payer, &more(id)),
        [raised(&stage, id, DEPOSIT + MORE)]
    );
    assert_eq!(
        stage.run(&stage.stranger, &authorized),
        [raised(&stage, id, DEPOSIT + 2 * MORE)]
    );
    assert_eq!(
        stage.run(&stage.stranger, &permitted),
        [raised(&stage, id, DEPOSIT + 3 * MORE)]
    );
    assert_eq!(stage.channel(id).deposit, DEPOSIT + 3 * MORE);
    assert_eq!(stage.purses(), [payer - 3 * MORE, payee, escrow + 3 * MORE]);
    // And a voucher reaches that far.
    stage.run(&stage.payee, &stage.settling(id, DEPOSIT + 3 * MORE));
}

#[test]
fn adding_takes_back_a_request_to_close() {
    let ways: [fn(&Stage, B256) -> Vec<Event>; 3] = [
        |stage, id| stage.run(&stage.payer, &more(id)),
        |stage, id| stage.run(&stage.stranger, &stage.authorized_top_up(id, MORE, 1)),
        |stage, id| stage.run(&stage.stranger, &stage.permitted_top_up(id, MORE, 1)),
    ];
    for way in ways {
        let stage = Stage::new();
        let id = stage.open(1);
        stage.run(&stage.payer, &requestCloseCall { channelId: id });
        stage.net.chain.advance(Duration::from_secs(GRACE - 1));
        let cancelled = Event::CloseRequestCancelled(CloseRequestCancelled {
            channelId: id,
            payer: stage.payer.address,
            payee: stage.payee.address,
        });
        assert_eq!(
            way(&stage, id),
            [cancelled, raised(&stage, id, DEPOSIT + MORE)]
        );
        assert_eq!(stage.channel(id).closeRequestedAt, 0);
        stage.net.chain.advance(Duration::from_secs(GRACE));
        stage.refused::<CloseNotReady>(&stage.payer, &withdrawCall { channelId: id });
        // A new request waits a whole grace period of its own.
        stage.run(&stage.payer, &requestCloseCall { channelId: id });
        stage.net.chain.advance(Duration::from_secs(GRACE - 1));
        stage.refused::<CloseNotReady>(&stage.payer, &withdrawCall { channelId: id });
        stage.net.chain.advance(Duration::from_secs(1));
        stage.run(&stage.payer, &withdrawCall { channelId: id });
    }
}

#[test]
fn only_the_payer_adds() {
    let stage = Stage::new();
    let id = stage.open(1);
    for other in [&stage.payee, &stage.stranger, &stage.net.buyers[1]] {
        stage.refused::<NotPayer>(other, &more(id));
    }

    // Another's money, well signed, does not go in either: it would come out to the payer.
    let mut donor = Stage::new();
    donor.payer = donor.net.buyers[1].clone();
    donor.approve(&donor.payer, donor.token(), devnet::PERMIT2);
    stage.refused::<NotPayer>(&stage.stranger, &donor.authorized_top_up(id, MORE, 1));
    stage.refused::<NotPayer>(&stage.stranger, &donor.permitted_top_up(id, MORE, 1));
}

#[test]
fn nothing_is_not_added() {
    let stage = Stage::new();
    let id = stage.open(1);
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    let call = topUpCall {
        channelId: id,
        additionalDeposit: 0,
    };
    stage.refused::<ZeroDeposit>(&stage.payer, &call);
    stage.refused::<ZeroDeposit>(&stage.stranger, &stage.authorized_top_up(id, 0, 1));
    stage.refused::<ZeroDeposit>(&stage.stranger, &stage.permitted_top_up(id, 0, 1));
    assert_ne!(stage.channel(id).closeRequestedAt, 0);
}

#[test]
fn deposit_stays_within_its_type() {
    let stage = Stage::new();
    let token = stage.token();
    let whole = U256::from(u128::MAX);
    stage
        .net
        .chain
        .grant(token, stage.payer.address, whole + whole)
        .unwrap();
    let id = stage.open(1);
    let room = u128::MAX - DEPOSIT;
    let add = |amount| topUpCall {
        channelId: id,
        additionalDeposit: amount,
    };
    stage.refused::<DepositOverflow>(&stage.payer, &add(room + 1));
    stage.refused::<DepositOverflow>(&stage.payer, &add(u128::MAX));
    stage.refused::<DepositOverflow>(&stage.stranger, &stage.authorized_top_up(id, room + 1, 1));
    stage.refused::<DepositOverflow>(&stage.stranger, &stage.permitted_top_up(id, room + 1, 1));
    stage.run(&stage.payer, &add(room));
    assert_eq!(stage.channel(id).deposit, u128::MAX);
    stage.refused::<DepositOverflow>(&stage.payer, &add(1));
    stage.run(&stage.payee, &stage.closing(id, u128::MAX));
}

#[test]
fn authorization_adds_to_its_own_channel_what_it_says() {
    let stage = Stage::new();
    let (id, other) = (stage.open(1), stage.open(2));
    let good = stage.authorized_top_up(id, MORE, 1);
    let bent = [
        topUpWithAuthorizationCall {
            channelId: other,
            ..good.clone()
        },
        topUpWithAuthorizationCall {
            additionalDeposit: MORE + 1,
            ..good.clone()
        },
        topUpWithAuthorizationCall {
            from: Wallet::named("another").address,
            ..good.clone()
        },
        topUpWithAuthorizationCall {
            topUpSalt: B256::ZERO,
            ..good.clone()
        },
        topUpWithAuthorizationCall {
            nonce: B256::ZERO,
            ..good.clone()
        },
    ];
    for call in bent {
        stage.refused::<NonceMismatch>(&stage.stranger, &call);
    }
    stage.run(&stage.stranger, &good);
    assert!(
        stage
            .reason(&stage.stranger, &good)
            .contains("authorization spent")
    );
    assert_eq!(stage.channel(id).deposit, DEPOSIT + MORE);
}

#[test]
fn opening_signature_adds_nothing() {
    let stage = Stage::new();
    let opening = stage.authorized_opening(&stage.opening(1));
    let id = stage.open(2);
    let call = topUpWithAuthorizationCall {
        channelId: id,
        additionalDeposit: opening.deposit,
        from: opening.from,
        topUpSalt: opening.salt,
        validAfter: opening.validAfter,
        validBefore: opening.validBefore,
        nonce: opening.nonce,
        signature: opening.signature,
    };
    stage.refused::<NonceMismatch>(&stage.stranger, &call);
}

#[test]
fn permit_adds_to_its_own_channel_what_it_says() {
    let stage = Stage::new();
    let (id, other) = (stage.open(1), stage.open(2));
    let good = stage.permitted_top_up(id, MORE, 1);
    let bent = [
        topUpWithPermit2Call {
            channelId: other,
            ..good.clone()
        },
        topUpWithPermit2Call {
            additionalDeposit: MORE + 1,
            ..good.clone()
        },
        topUpWithPermit2Call {
            nonce: U256::from(2),
            ..good.clone()
        },
    ];
    let revert = |call: &topUpWithPermit2Call| match stage.ask(stage.stranger.address, call) {
        Err(devnet::CallError::Reverted { data, .. }) => data[..4].to_vec(),
        other => panic!("{other:?}"),
    };
    let name = |signature: &str| alloy_primitives::keccak256(signature)[..4].to_vec();
    for call in &bent {
        assert_eq!(revert(call), name("InvalidSigner()"));
    }
    stage.run(&stage.stranger, &good);
    assert_eq!(revert(&good), name("InvalidNonce()"));
    assert_eq!(stage.channel(id).deposit, DEPOSIT + MORE);
}

#[test]
fn only_a_live_channel_is_added_to() {
    let stage = Stage::new();
    let unknown = B256::repeat_byte(5);
    stage.refused::<ChannelNotFound>(&stage.payer, &more(unknown));
    stage.refused::<ChannelNotFound>(&stage.stranger, &stage.authorized_top_up(unknown, MORE, 1));
    stage.refused::<ChannelNotFound>(&stage.stranger, &stage.permitted_top_up(unknown, MORE, 1));
    let id = stage.open(1);
    stage.run(&stage.payee, &stage.closing(id, 0));
    stage.refused::<ChannelFinalized>(&stage.payer, &more(id));
    stage.refused::<ChannelFinalized>(&stage.stranger, &stage.authorized_top_up(id, MORE, 1));
    stage.refused::<ChannelFinalized>(&stage.stranger, &stage.permitted_top_up(id, MORE, 1));
}
