//! Opening a channel: by the payer, and by anyone with the payer's signature.

use alloy_primitives::{Address, B256, U256};
use devnet::IPaymentChannelEscrow::{Channel, IPaymentChannelEscrowEvents as Event, *};
use devnet::Wallet;

use crate::stage::{DEPOSIT, Stage};

fn opened(stage: &Stage, opening: &openCall) -> Event {
    Event::ChannelOpened(ChannelOpened {
        channelId: stage.id(opening),
        payer: stage.payer.address,
        payee: opening.payee,
        token: opening.token,
        authorizedSigner: opening.authorizedSigner,
        deposit: U256::from(opening.deposit),
    })
}

fn record(stage: &Stage, opening: &openCall) -> Channel {
    Channel {
        finalized: false,
        closeRequestedAt: 0,
        payer: stage.payer.address,
        payee: opening.payee,
        token: opening.token,
        authorizedSigner: opening.authorizedSigner,
        deposit: opening.deposit,
        settled: 0,
    }
}

#[test]
fn opening_takes_the_deposit_and_keeps_a_record() {
    let stage = Stage::new();
    let opening = openCall {
        authorizedSigner: stage.stranger.address,
        ..stage.opening(1)
    };
    let [payer, payee, escrow] = stage.purses();
    let said = stage.ask(stage.payer.address, &opening).unwrap();
    assert_eq!(said[..], stage.id(&opening)[..]);
    assert_eq!(
        stage.run(&stage.payer, &opening),
        [opened(&stage, &opening)]
    );
    assert_eq!(stage.purses(), [payer - DEPOSIT, payee, escrow + DEPOSIT]);
    assert_eq!(stage.channel(stage.id(&opening)), record(&stage, &opening));
}

#[test]
fn unknown_channel_is_all_zeros() {
    let stage = Stage::new();
    let nothing = stage.channel(B256::repeat_byte(9));
    assert_eq!((nothing.payer, nothing.deposit), (Address::ZERO, 0));
}

#[test]
fn each_way_of_opening_leads_to_the_same_channel() {
    let opening = Stage::new().opening(1);
    let ways: [fn(&Stage, &openCall) -> Vec<Event>; 3] = [
        |stage, opening| stage.run(&stage.payer, opening),
        |stage, opening| stage.run(&stage.stranger, &stage.authorized_opening(opening)),
        |stage, opening| stage.run(&stage.stranger, &stage.permitted_opening(opening, 1)),
    ];
    for way in ways {
        let stage = Stage::new();
        let [payer, payee, escrow] = stage.purses();
        assert_eq!(way(&stage, &opening), [opened(&stage, &opening)]);
        assert_eq!(stage.purses(), [payer - DEPOSIT, payee, escrow + DEPOSIT]);
        assert_eq!(stage.channel(stage.id(&opening)), record(&stage, &opening));
    }
}

#[test]
fn relayed_openings_return_the_id() {
    let stage = Stage::new();
    let opening = stage.opening(1);
    let relayer = stage.stranger.address;
    let said = stage.ask(relayer, &stage.authorized_opening(&opening));
    assert_eq!(said.unwrap()[..], stage.id(&opening)[..]);
    let said = stage.ask(relayer, &stage.permitted_opening(&opening, 1));
    assert_eq!(said.unwrap()[..], stage.id(&opening)[..]);
}

#[test]
fn id_is_used_once_in_any_way_of_opening() {
    let stage = Stage::new();
    let opening = stage.opening(1);
    stage.open(1);
    stage.refused::<ChannelAlreadyExists>(&stage.payer, &opening);
    let dearer = openCall {
        deposit: DEPOSIT + 1,
        ..opening.clone()
    };
    stage.refused::<ChannelAlreadyExists>(&stage.payer, &dearer);
    stage.refused::<ChannelAlreadyExists>(&stage.stranger, &stage.authorized_opening(&opening));
    stage.refused::<ChannelAlreadyExists>(&stage.stranger, &stage.permitted_opening(&opening, 1));
}

#[test]
fn finalized_id_never_opens_again() {
    let stage = Stage::new();
    let opening = stage.opening(1);
    let id = stage.open(1);
    stage.run(&stage.payee, &stage.closing(id, 400_000));
    stage.refused::<ChannelAlreadyExists>(&stage.payer, &opening);
    stage.refused::<ChannelAlreadyExists>(&stage.stranger, &stage.authorized_opening(&opening));
    stage.refused::<ChannelAlreadyExists>(&stage.stranger, &stage.permitted_opening(&opening, 1));

    let id = stage.open(2);
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage.net.chain.advance(std::time::Duration::from_secs(900));
    stage.run(&stage.payer, &withdrawCall { channelId: id });
    stage.refused::<ChannelAlreadyExists>(&stage.payer, &stage.opening(2));
}

#[test]
fn nothing_and_nobody_are_no_parties() {
    let stage = Stage::new();
    let good = stage.opening(1);
    let free = openCall {
        deposit: 0,
        ..good.clone()
    };
    let nobody = openCall {
        payee: Address::ZERO,
        ..good.clone()
    };
    let nothing = openCall {
        token: Address::ZERO,
        ..good
    };
    stage.refused::<ZeroDeposit>(&stage.payer, &free);
    stage.refused::<ZeroDeposit>(&stage.stranger, &stage.authorized_opening(&free));
    stage.refused::<ZeroDeposit>(&stage.stranger, &stage.permitted_opening(&free, 1));
    stage.refused::<InvalidPayee>(&stage.payer, &nobody);
    stage.refused::<InvalidPayee>(&stage.stranger, &stage.authorized_opening(&nobody));
    stage.refused::<InvalidPayee>(&stage.stranger, &stage.permitted_opening(&nobody, 1));
    stage.refused::<InvalidToken>(&stage.payer, &nothing);
    stage.refused::<InvalidToken>(&stage.stranger, &stage.authorized_opening(&nothing));
    stage.refused::<InvalidToken>(&stage.stranger, &stage.permitted_opening(&nothing, 1));
}

#[test]
fn payer_of_zero_is_refused() {
    let stage = Stage::new();
    let opening = stage.opening(1);
    let from = Address::ZERO;
    let nonce = stage.read(&openNonceCall {
        from,
        payee: opening.payee,
        token: opening.token,
        salt: opening.salt,
        authorizedSigner: opening.authorizedSigner,
    });
    let authorized = openWithAuthorizationCall {
        from,
        nonce,
        ..stage.authorized_opening(&opening)
    };
    stage.refused::<NotPayer>(&stage.stranger, &authorized);
    let permitted = openWithPermit2Call {
        from,
        ..stage.permitted_opening(&opening, 1)
    };
    stage.refused::<NotPayer>(&stage.stranger, &permitted);
}

#[test]
fn token_without_code_opens_nothing() {
    let stage = Stage::new();
    let opening = openCall {
        token: Address::repeat_byte(7),
        ..stage.opening(1)
    };
    for call in [
        stage.ask(stage.payer.address, &opening),
        stage.ask(stage.payer.address, &stage.authorized_opening(&opening)),
        stage.ask(stage.payer.address, &stage.permitted_opening(&opening, 1)),
    ] {
        call.unwrap_err();
    }
}

#[test]
fn opening_needs_the_money() {
    let stage = Stage::new();
    let opening = openCall {
        deposit: u128::MAX,
        ..stage.opening(1)
    };
    let short = "balance too small";
    assert!(stage.reason(&stage.payer, &opening).contains(short));
    let authorized = stage.authorized_opening(&opening);
    assert!(stage.reason(&stage.stranger, &authorized).contains(short));
    // An account that approved nobody.
    let unasked = stage.reason(&stage.net.buyers[1], &stage.opening(1));
    assert!(unasked.contains("allowance too small"), "{unasked}");
}

#[test]
fn authorization_opens_its_own_channel_and_no_other() {
    let stage = Stage::new();
    let good = stage.authorized_opening(&stage.opening(1));
    let other = Wallet::named("another payee").address;
    let bent = [
        openWithAuthorizationCall {
            payee: other,
            ..good.clone()
        },
        openWithAuthorizationCall {
            token: other,
            ..good.clone()
        },
        openWithAuthorizationCall {
            salt: B256::repeat_byte(2),
            ..good.clone()
        },
        openWithAuthorizationCall {
            authorizedSigner: other,
            ..good.clone()
        },
        openWithAuthorizationCall {
            from: other,
            ..good.clone()
        },
        openWithAuthorizationCall {
            nonce: B256::ZERO,
            ..good.clone()
        },
    ];
    for call in bent {
        stage.refused::<NonceMismatch>(&stage.stranger, &call);
    }
    for deposit in [DEPOSIT - 1, DEPOSIT + 1] {
        let call = openWithAuthorizationCall {
            deposit,
            ..good.clone()
        };
        assert!(
            stage
                .reason(&stage.stranger, &call)
                .contains("not the account's")
        );
    }
    stage.run(&stage.stranger, &good);
}

#[test]
fn who_brings_an_authorization_first_changes_nothing() {
    let stage = Stage::new();
    let opening = stage.opening(1);
    let call = stage.authorized_opening(&opening);
    let relayer_held = stage.balance(stage.stranger.address);
    stage.run(&stage.stranger, &call);
    // The one it was meant for comes late and finds the channel it wanted.
    stage.refused::<ChannelAlreadyExists>(&stage.payee, &call);
    assert_eq!(stage.channel(stage.id(&opening)), record(&stage, &opening));
    assert_eq!(stage.balance(stage.stranger.address), relayer_held);
}

#[test]
fn authorization_has_its_time() {
    let stage = Stage::new();
    let call = stage.authorized_opening(&stage.opening(1));
    stage.net.chain.advance(std::time::Duration::from_secs(60));
    assert!(stage.reason(&stage.stranger, &call).contains("expired"));
}

#[test]
fn pull_cannot_be_carried_out_beside_the_escrow() {
    let stage = Stage::new();
    let call = stage.authorized_opening(&stage.opening(1));
    let pull = devnet::ITollToken::receiveWithAuthorization_1Call {
        from: call.from,
        to: devnet::ESCROW,
        value: U256::from(call.deposit),
        validAfter: call.validAfter,
        validBefore: call.validBefore,
        nonce: call.nonce,
        signature: call.signature.clone(),
    };
    let text = crate::support::refusal(
        &stage.net,
        stage.token(),
        alloy_sol_types::SolCall::abi_encode(&pull),
    );
    assert!(text.contains("only the payee"), "{text}");
    stage.run(&stage.stranger, &call);
}

#[test]
fn permit_opens_its_own_channel_and_no_other() {
    let stage = Stage::new();
    let good = stage.permitted_opening(&stage.opening(1), 1);
    let other = Wallet::named("another payee").address;
    let bent = [
        openWithPermit2Call {
            payee: other,
            ..good.clone()
        },
        openWithPermit2Call {
            salt: B256::repeat_byte(2),
            ..good.clone()
        },
        openWithPermit2Call {
            authorizedSigner: other,
            ..good.clone()
        },
        openWithPermit2Call {
            deposit: DEPOSIT - 1,
            ..good.clone()
        },
        openWithPermit2Call {
            deposit: DEPOSIT + 1,
            ..good.clone()
        },
        openWithPermit2Call {
            from: other,
            ..good.clone()
        },
        openWithPermit2Call {
            nonce: U256::from(2),
            ..good.clone()
        },
        openWithPermit2Call {
            deadline: good.deadline + U256::ONE,
            ..good.clone()
        },
    ];
    for (case, call) in bent.iter().enumerate() {
        // Permit2's own error, as it is where the signature recovers somebody else.
        let error = stage.ask(stage.stranger.address, call).unwrap_err();
        let devnet::CallError::Reverted { data, .. } = error else {
            panic!("case {case}: {error}");
        };
        let wanted = alloy_primitives::keccak256("InvalidSigner()");
        assert_eq!(data[..4], wanted[..4], "case {case}");
    }
    stage.run(&stage.stranger, &good);
}

#[test]
fn permit_is_used_once_and_in_time() {
    let stage = Stage::new();
    stage.run(
        &stage.stranger,
        &stage.permitted_opening(&stage.opening(1), 1),
    );
    let name = |signature: &str| alloy_primitives::keccak256(signature)[..4].to_vec();
    let reverted = |call: &openWithPermit2Call| match stage.ask(stage.stranger.address, call) {
        Err(devnet::CallError::Reverted { data, .. }) => data[..4].to_vec(),
        other => panic!("{other:?}"),
    };
    let again = stage.permitted_opening(&stage.opening(2), 1);
    assert_eq!(reverted(&again), name("InvalidNonce()"));
    let late = stage.permitted_opening(&stage.opening(2), 2);
    stage.net.chain.advance(std::time::Duration::from_secs(61));
    assert_eq!(reverted(&late), name("SignatureExpired(uint256)"));
}
