//! Money is neither made nor lost, whatever is done in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::SolCall;
use devnet::IPaymentChannelEscrow::{Channel, *};
use devnet::{ESCROW, PERMIT2, Wallet};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::stage::{DEPOSIT, Stage};

/// Who brings it: the party itself, or a stranger with its signature.
#[derive(Clone, Copy, Debug)]
enum Way {
    Direct,
    Authorized,
    Permitted,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Open(Way, u128),
    Raise(Way, u128),
    Settle(Way, u128),
    Close(Way, u128),
    Request,
    Withdraw,
    Wait(u64),
}

/// One act on one of eight channels: two payers, two payees, two salts.
#[derive(Clone, Copy, Debug)]
struct Step {
    payer: usize,
    payee: usize,
    salt: u8,
    act: Act,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Direct),
        Just(Way::Authorized),
        Just(Way::Permitted)
    ]
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![
        1 => Just(0),
        1 => Just(u128::MAX),
        12 => 1..DEPOSIT * 2,
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (way(), amount()).prop_map(|(way, amount)| Act::Open(way, amount)),
        3 => (way(), amount()).prop_map(|(way, amount)| Act::Raise(way, amount)),
        6 => (way(), amount()).prop_map(|(way, amount)| Act::Settle(way, amount)),
        1 => (way(), amount()).prop_map(|(way, amount)| Act::Close(way, amount)),
        2 => Just(Act::Request),
        2 => Just(Act::Withdraw),
        2 => (1..1_000_u64).prop_map(Act::Wait),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (0..2_usize, 0..2_usize, 1..=2_u8, act()).prop_map(|(payer, payee, salt, act)| Step {
        payer,
        payee,
        salt,
        act,
    })
}

struct Run {
    stage: Stage,
    payers: [Wallet; 2],
    payees: [Wallet; 2],
    /// What each account held at the start.
    purses: BTreeMap<alloy_primitives::Address, u128>,
    known: BTreeMap<B256, Channel>,
    nonce: u64,
}

impl Run {
    fn new() -> Self {
        let stage = Stage::new();
        let payers = [stage.net.buyers[0].clone(), stage.net.buyers[1].clone()];
        let payees = [stage.payee.clone(), Wallet::named("second payee")];
        stage.net.chain.set_native_balance(
            payees[1].address,
            stage.net.chain.native_balance(payees[0].address),
        );
        stage.approve(&payers[1], stage.token(), ESCROW);
        stage.approve(&payers[1], stage.token(), PERMIT2);
        let accounts = payers.iter().chain(&payees).map(|wallet| wallet.address);
        let purses = accounts
            .map(|account| (account, stage.balance(account)))
            .collect();
        Self {
            stage,
            payers,
            payees,
            purses,
            known: BTreeMap::new(),
            nonce: 0,
        }
    }

    fn send(&self, by: &Wallet, call: &impl SolCall) -> bool {
        let receipt = self.stage.net.chain.send(by, ESCROW, call.abi_encode());
        receipt.unwrap().status()
    }

    /// Says whether it succeeded.
    fn take(&mut self, step: Step) -> bool {
        self.stage.payer = self.payers[step.payer].clone();
        self.stage.payee = self.payees[step.payee].clone();
        self.nonce += 1;
        let (stage, nonce) = (&self.stage, self.nonce);
        let opening = stage.opening(step.salt);
        let id = stage.id(&opening);
        let salt = u8::try_from(nonce % 250).unwrap();
        match step.act {
            Act::Open(way, deposit) => {
                let opening = openCall { deposit, ..opening };
                match way {
                    Way::Direct => self.send(&stage.payer, &opening),
                    Way::Authorized => {
                        self.send(&stage.stranger, &stage.authorized_opening(&opening))
                    }
                    Way::Permitted => {
                        self.send(&stage.stranger, &stage.permitted_opening(&opening, nonce))
                    }
                }
            }
            Act::Raise(way, amount) => match way {
                Way::Direct => {
                    let call = topUpCall {
                        channelId: id,
                        additionalDeposit: amount,
                    };
                    self.send(&stage.payer, &call)
                }
                Way::Authorized => {
                    self.send(&stage.stranger, &stage.authorized_top_up(id, amount, salt))
                }
                Way::Permitted => {
                    self.send(&stage.stranger, &stage.permitted_top_up(id, amount, nonce))
                }
            },
            Act::Settle(way, amount) => match way {
                Way::Direct => self.send(&stage.payee, &stage.settling(id, amount)),
                Way::Authorized => {
                    // Few nonces, so that some come twice.
                    let call = stage.authorized_settling(id, amount, nonce % 7);
                    self.send(&stage.stranger, &call)
                }
                // Nobody signed for it.
                Way::Permitted => {
                    let call = settleCall {
                        signature: Bytes::new(),
                        ..stage.settling(id, amount)
                    };
                    assert!(!self.send(&stage.payee, &call));
                    false
                }
            },
            Act::Close(way, amount) => match way {
                Way::Direct => self.send(&stage.payee, &stage.closing(id, amount)),
                Way::Authorized => {
                    let call = stage.authorized_closing(id, amount, nonce % 7);
                    self.send(&stage.stranger, &call)
                }
                Way::Permitted => {
                    assert!(!self.send(&stage.payer, &stage.closing(id, amount)));
                    false
                }
            },
            Act::Request => self.send(&stage.payer, &requestCloseCall { channelId: id }),
            Act::Withdraw => self.send(&stage.payer, &withdrawCall { channelId: id }),
            Act::Wait(seconds) => {
                stage.net.chain.advance(Duration::from_secs(seconds));
                true
            }
        }
    }

    /// What holds after every step.
    fn check(&mut self) {
        let (mut owed, mut due) = (0, self.purses.clone());
        for payer in self.payers.clone() {
            for payee in self.payees.clone() {
                for salt in 1..=2 {
                    self.stage.payer = payer.clone();
                    self.stage.payee = payee.clone();
                    let id = self.stage.id(&self.stage.opening(salt));
                    let channel = self.stage.channel(id);
                    self.compare(id, &channel);
                    let left = channel.deposit - channel.settled;
                    if !channel.finalized {
                        owed += left;
                        *due.get_mut(&payer.address).unwrap() -= left;
                    }
                    *due.get_mut(&payer.address).unwrap() -= channel.settled;
                    *due.get_mut(&payee.address).unwrap() += channel.settled;
                }
            }
        }
        assert_eq!(self.stage.balance(ESCROW), owed);
        for (account, due) in due {
            assert_eq!(self.stage.balance(account), due, "{account}");
        }
    }

    /// A record against what it was.
    fn compare(&mut self, id: B256, now: &Channel) {
        assert!(now.settled <= now.deposit);
        if let Some(before) = self.known.insert(id, now.clone()) {
            assert!(now.deposit >= before.deposit && now.settled >= before.settled);
            if before.deposit != 0 {
                assert_eq!(
                    (now.payer, now.payee, now.token, now.authorizedSigner),
                    (
                        before.payer,
                        before.payee,
                        before.token,
                        before.authorizedSigner
                    )
                );
            }
            if before.finalized {
                assert_eq!(*now, before);
            }
        }
    }
}

#[test]
fn escrow_holds_what_it_owes_and_no_more() {
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let seen = std::cell::RefCell::new(BTreeSet::new());
    runner
        .run(&prop::collection::vec(step(), 60), |steps| {
            let mut run = Run::new();
            for step in steps {
                if run.take(step) {
                    let kind = format!("{:?}", step.act);
                    let end = kind
                        .find(|c: char| c.is_ascii_digit())
                        .unwrap_or(kind.len());
                    seen.borrow_mut().insert(kind[..end].to_owned());
                }
                run.check();
            }
            Ok(())
        })
        .unwrap();
    // Three ways in, three ways to add, two to settle, two to close, and the payer's.
    assert_eq!(seen.borrow().len(), 13, "{:?}", seen.borrow());
}
