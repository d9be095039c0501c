//! Tokens that misbehave, and what of it reaches a channel: nothing.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolCall, SolError, sol};
use devnet::IPaymentChannelEscrow::*;
use devnet::{Artifact, ESCROW};

use crate::stage::{DEPOSIT, GRACE, Stage};

sol! {
    interface IHostileToken {
        function mint(address to, uint256 value) external;
        function setFees(uint256 ofReceiver, uint256 ofSender) external;
        function setIdle(bool idle) external;
        function setNegative(bool negative) external;
        function setBlocked(address account) external;
        function setIntrusion(address target, bytes calldata data) external;
        function execute(address to, bytes calldata data) external returns (bytes memory);
        function intruded() external view returns (bool);
        function reply() external view returns (bytes memory);
    }
}
use IHostileToken::*;

/// A stage whose token does as it is told. It asks nobody for an approval or a signature.
struct Den {
    stage: Stage,
    token: Address,
}

impl Den {
    fn new() -> Self {
        let mut stage = Stage::new();
        let creation = Artifact::hostile_token().creation;
        let token = stage.net.chain.deploy(&stage.stranger, creation).unwrap();
        stage.net.token.address = token;
        let den = Self { stage, token };
        den.tell(&mintCall {
            to: den.stage.payer.address,
            value: U256::from(DEPOSIT * 100),
        });
        den
    }

    fn tell(&self, call: &impl SolCall) {
        let (chain, by) = (&self.stage.net.chain, &self.stage.stranger);
        let receipt = chain.send(by, self.token, call.abi_encode()).unwrap();
        assert!(receipt.status());
    }

    /// A call of the escrow by the token itself.
    fn act(&self, call: &impl SolCall) {
        self.tell(&executeCall {
            to: ESCROW,
            data: call.abi_encode().into(),
        });
    }

    fn fees(&self, of_receiver: u64, of_sender: u64) {
        self.tell(&setFeesCall {
            ofReceiver: U256::from(of_receiver),
            ofSender: U256::from(of_sender),
        });
    }

    fn blocked(&self, account: Address) {
        self.tell(&setBlockedCall { account });
    }

    fn read<C: SolCall>(&self, call: &C) -> C::Return {
        self.stage.net.chain.read(self.token, call).unwrap()
    }

    /// Every way of bringing money in must fail like this.
    #[track_caller]
    fn nothing_comes_in<E: SolError>(&self, id: B256) {
        let Self { stage, .. } = self;
        let opening = stage.opening(50);
        stage.refused::<E>(&stage.payer, &opening);
        stage.refused::<E>(&stage.payer, &top_up(id, 1_000));
    }

    #[track_caller]
    fn nothing_is_pulled<E: SolError>(&self, id: B256) {
        let Self { stage, .. } = self;
        let opening = stage.opening(50);
        stage.refused::<E>(&stage.stranger, &stage.authorized_opening(&opening));
        stage.refused::<E>(&stage.stranger, &stage.authorized_top_up(id, 1_000, 1));
    }

    #[track_caller]
    fn nothing_is_permitted<E: SolError>(&self, id: B256) {
        let Self { stage, .. } = self;
        let opening = stage.opening(50);
        stage.refused::<E>(&stage.stranger, &stage.permitted_opening(&opening, 1));
        stage.refused::<E>(&stage.stranger, &stage.permitted_top_up(id, 1_000, 2));
    }

    /// Every way of paying out must fail like this.
    #[track_caller]
    fn nothing_goes_out<E: SolError>(&self, id: B256) {
        let Self { stage, .. } = self;
        let before = (stage.channel(id), stage.purses());
        stage.refused::<E>(&stage.payee, &stage.settling(id, 100_000));
        stage.refused::<E>(&stage.payee, &stage.closing(id, 100_000));
        stage.refused::<E>(&stage.payee, &stage.closing(id, 0));
        stage.refused::<E>(&stage.stranger, &stage.authorized_settling(id, 100_000, 1));
        stage.refused::<E>(&stage.stranger, &stage.authorized_closing(id, 100_000, 2));
        assert_eq!((stage.channel(id), stage.purses()), before);
    }
}

fn top_up(id: B256, amount: u128) -> topUpCall {
    topUpCall {
        channelId: id,
        additionalDeposit: amount,
    }
}

#[test]
fn no_more_is_credited_than_came_in() {
    let den = Den::new();
    let id = den.stage.open(1);
    den.fees(1, 0);
    den.nothing_comes_in::<TransferFailed>(id);
    den.nothing_is_pulled::<TransferFailed>(id);
    den.nothing_is_permitted::<TransferFailed>(id);
    den.fees(0, 0);
    den.stage.run(&den.stage.payer, &top_up(id, 1_000));
}

/// A token with a fallback takes any call for good.
#[test]
fn yes_without_money_credits_nothing() {
    let den = Den::new();
    let id = den.stage.open(1);
    den.tell(&setIdleCall { idle: true });
    den.nothing_comes_in::<TransferFailed>(id);
    den.nothing_is_pulled::<TransferFailed>(id);
    den.nothing_is_permitted::<TransferFailed>(id);
}

#[test]
fn voucher_counts_as_paid_when_the_money_has_moved() {
    let den = Den::new();
    let Den { stage, .. } = &den;
    let id = stage.open(1);
    den.tell(&setIdleCall { idle: true });
    den.nothing_goes_out::<TransferFailed>(id);
    den.tell(&setIdleCall { idle: false });
    stage.run(&stage.payee, &stage.settling(id, 100_000));
}

#[test]
fn no_for_an_answer_is_no() {
    let den = Den::new();
    let id = den.stage.open(1);
    den.tell(&setNegativeCall { negative: true });
    den.nothing_comes_in::<SafeERC20FailedOperation>(id);
    den.nothing_is_pulled::<TransferFailed>(id);
    den.nothing_goes_out::<SafeERC20FailedOperation>(id);
}

#[test]
fn fee_is_not_paid_with_another_channels_money() {
    let den = Den::new();
    let Den { stage, .. } = &den;
    let id = stage.open(1);
    stage.open(2);
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage
        .net
        .chain
        .advance(std::time::Duration::from_secs(GRACE));
    den.fees(0, 1);
    den.nothing_goes_out::<TransferFailed>(id);
    stage.refused::<TransferFailed>(&stage.payer, &withdrawCall { channelId: id });
    den.fees(0, 0);
    stage.run(&stage.payer, &withdrawCall { channelId: id });
    assert_eq!(stage.balance(ESCROW), DEPOSIT);
}

#[test]
fn payer_who_cannot_be_paid_cannot_hold_back_the_payee() {
    let den = Den::new();
    let Den { stage, .. } = &den;
    let id = stage.open(1);
    den.blocked(stage.payer.address);
    stage
        .ask(stage.payee.address, &stage.closing(id, 400_000))
        .unwrap_err();
    stage.run(&stage.payee, &stage.settling(id, 400_000));
    assert_eq!(stage.balance(stage.payee.address), 400_000);
    // Where nothing is to be returned, closing works too.
    stage.run(&stage.payee, &stage.closing(id, DEPOSIT));
}

#[test]
fn payee_who_cannot_be_paid_cannot_hold_back_the_payer() {
    let den = Den::new();
    let Den { stage, .. } = &den;
    let id = stage.open(1);
    let before = stage.balance(stage.payer.address);
    den.blocked(stage.payee.address);
    stage
        .ask(stage.payee.address, &stage.settling(id, 400_000))
        .unwrap_err();
    stage.run(&stage.payer, &requestCloseCall { channelId: id });
    stage
        .net
        .chain
        .advance(std::time::Duration::from_secs(GRACE));
    stage.run(&stage.payer, &withdrawCall { channelId: id });
    assert_eq!(stage.balance(stage.payer.address), before + DEPOSIT);
}

/// Calls that the token could make at any other time, each with good papers.
fn intrusions(den: &Den) -> Vec<(&'static str, Vec<u8>)> {
    let Den { stage, token } = den;
    den.tell(&mintCall {
        to: *token,
        value: U256::from(DEPOSIT * 10),
    });
    // One channel that the token pays for, and one that pays the token.
    let own = stage.opening(100);
    den.act(&own);
    let own = stage.read(&computeChannelIdCall {
        payer: *token,
        payee: own.payee,
        token: own.token,
        salt: own.salt,
        authorizedSigner: own.authorizedSigner,
    });
    let (leaving, ours) = (stage.opening(101), stage.opening(102));
    den.act(&leaving);
    let leaving = stage.read(&computeChannelIdCall {
        payer: *token,
        payee: leaving.payee,
        token: leaving.token,
        salt: leaving.salt,
        authorizedSigner: leaving.authorizedSigner,
    });
    let income = openCall {
        payee: *token,
        ..ours
    };
    stage.run(&stage.payer, &income);
    let income = stage.id(&income);
    let id = stage.open(103);
    den.act(&requestCloseCall { channelId: leaving });
    stage
        .net
        .chain
        .advance(std::time::Duration::from_secs(GRACE));
    let fresh = stage.opening(104);
    vec![
        ("open", fresh.abi_encode()),
        (
            "openWithAuthorization",
            stage.authorized_opening(&fresh).abi_encode(),
        ),
        (
            "openWithPermit2",
            stage.permitted_opening(&fresh, 1).abi_encode(),
        ),
        ("topUp", top_up(own, 1).abi_encode()),
        (
            "topUpWithAuthorization",
            stage.authorized_top_up(id, 1, 1).abi_encode(),
        ),
        (
            "topUpWithPermit2",
            stage.permitted_top_up(id, 1, 2).abi_encode(),
        ),
        ("settle", stage.settling(income, 10).abi_encode()),
        (
            "settleWithAuthorization",
            stage.authorized_settling(id, 10, 1).abi_encode(),
        ),
        ("close", stage.closing(income, 10).abi_encode()),
        (
            "closeWithAuthorization",
            stage.authorized_closing(id, 10, 2).abi_encode(),
        ),
        (
            "requestClose",
            requestCloseCall { channelId: own }.abi_encode(),
        ),
        ("withdraw", withdrawCall { channelId: leaving }.abi_encode()),
    ]
}

#[test]
fn nothing_is_done_in_the_middle_of_a_transfer() {
    let den = Den::new();
    let Den { stage, token } = &den;
    let victim = stage.open(1);
    let intrusions = intrusions(&den);
    assert_eq!(intrusions.len(), 12);
    for (turn, (name, data)) in (1_u8..).zip(intrusions) {
        let alone = stage.net.chain.call_as(*token, ESCROW, data.clone());
        assert!(alone.is_ok(), "{name} would not work anyway: {alone:?}");
        let refused = |when: &str| {
            assert!(!den.read(&intrudedCall {}), "{name} while {when}");
            let said = ReentrancyGuardReentrantCall::abi_decode(&den.read(&replyCall {}));
            assert!(said.is_ok(), "{name} while {when}");
        };
        let intrude = || {
            den.tell(&setIntrusionCall {
                target: ESCROW,
                data: data.clone().into(),
            });
        };
        intrude();
        stage.run(
            &stage.payee,
            &stage.settling(victim, 1_000 * u128::from(turn)),
        );
        refused("settling");
        intrude();
        stage.run(&stage.payer, &stage.opening(turn + 1));
        refused("opening");
        intrude();
        let opened = stage.id(&stage.opening(turn + 1));
        stage.run(&stage.payee, &stage.closing(opened, 1));
        refused("closing");
    }
}

#[test]
fn transfer_that_moves_another_amount_is_refused() {
    let den = Den::new();
    let Den { stage, token } = &den;
    let id = stage.open(1);
    stage.open(2);
    let gift = |value: u128| {
        let call = mintCall {
            to: ESCROW,
            value: U256::from(value),
        };
        call.abi_encode()
    };
    let theft = devnet::ITollToken::transferFromCall {
        from: ESCROW,
        to: stage.stranger.address,
        value: U256::from(DEPOSIT * 2),
    };
    let intrude = |data: Vec<u8>| {
        den.tell(&setIntrusionCall {
            target: *token,
            data: data.into(),
        });
    };
    for data in [gift(1), gift(DEPOSIT), theft.abi_encode()] {
        intrude(data);
        den.nothing_comes_in::<TransferFailed>(id);
        den.nothing_is_pulled::<TransferFailed>(id);
        den.nothing_is_permitted::<TransferFailed>(id);
    }
    for data in [gift(1), gift(DEPOSIT)] {
        intrude(data);
        den.nothing_goes_out::<TransferFailed>(id);
    }
}

#[test]
fn gifts_belong_to_no_channel() {
    let stage = Stage::new();
    let id = stage.open(1);
    let (chain, token) = (&stage.net.chain, stage.token());
    let donor = &stage.net.buyers[1];
    chain
        .transfer(token, donor, ESCROW, U256::from(777))
        .unwrap();
    assert_eq!(stage.channel(id).deposit, DEPOSIT);
    stage.refused::<AmountExceedsDeposit>(&stage.payee, &stage.settling(id, DEPOSIT + 1));
    stage.run(&stage.payee, &stage.closing(id, DEPOSIT));
    assert_eq!(stage.balance(ESCROW), 777);
}
