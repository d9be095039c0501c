//! What a `permit2` credential must be to pay, and what does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256};
use mpp_core::Terms;
use mpp_evm::{ChallengeHash, Charge, CredentialType, Split};
use payment_core::usd;
use payment_evm::permit2::{self, ChargePermit, PERMIT2, Spelling, TokenPermissions};
use serde_json::{Value, json};
use support::*;

fn shop() -> Charge<Yes> {
    charge().credential_types([CredentialType::Permit2])
}

fn split_shop() -> Box<dyn Terms> {
    let shop = shop()
        .split(Split::new(STRANGER, usd!("0.05")).memo("fee"))
        .split(Split::new(SENDER, usd!("0.02")));
    terms(&shop)
}

type Transfers = Vec<(Address, u64)>;

/// A permit and its transfers, to be spoilt before it is signed.
#[derive(Clone)]
struct Draft {
    permit: ChargePermit,
    transfers: Transfers,
}

impl Draft {
    fn paying(transfers: &[(Address, u64)]) -> Self {
        let permission = |amount: u64| TokenPermissions {
            token: usdc().address,
            amount: U256::from(amount),
        };
        let permit = ChargePermit {
            permitted: transfers
                .iter()
                .map(|(_, amount)| permission(*amount))
                .collect(),
            spender: SENDER,
            nonce: U256::from(1),
            deadline: U256::from(EXPIRES),
            challenge_hash: ChallengeHash::Packed.of(ID, REALM),
            external_id: String::new(),
        };
        Self {
            permit,
            transfers: transfers.to_vec(),
        }
    }

    fn with(mut self, spoil: impl FnOnce(&mut ChargePermit, &mut Transfers)) -> Self {
        spoil(&mut self.permit, &mut self.transfers);
        self
    }

    fn payload(&self, spelling: Spelling) -> Value {
        let domain = permit2::domain(8453, PERMIT2);
        let signature = payer()
            .sign(&self.permit.digest(&domain, spelling))
            .unwrap();
        self.payload_signed(&signature.to_hex())
    }

    fn payload_signed(&self, signature: &str) -> Value {
        let transfers = self.transfers.iter();
        let transfers = transfers
            .map(|(to, n)| json!({"to": to.to_string(), "requestedAmount": n.to_string()}));
        let mut witness = json!({"challengeHash": self.permit.challenge_hash.to_string()});
        if !self.permit.external_id.is_empty() {
            witness["externalId"] = json!(self.permit.external_id);
        }
        json!({
            "type": "permit2",
            "permit": {
                "permitted": self.permit.permitted,
                "nonce": self.permit.nonce.to_string(),
                "deadline": self.permit.deadline.to_string(),
            },
            "transferDetails": transfers.collect::<Vec<_>>(),
            "witness": witness,
            "signature": signature,
        })
    }

    fn case(&self) -> Case {
        Case::of(self.payload(Spelling::Canonical)).from(did(8453, payer().address()))
    }
}

fn single() -> Draft {
    Draft::paying(&[(RECIPIENT, 1_000_000)])
}

fn batch() -> Draft {
    Draft::paying(&[(RECIPIENT, 930_000), (STRANGER, 50_000), (SENDER, 20_000)])
}

#[test]
fn both_spellings_of_the_witness_are_taken_single_and_split() {
    for (terms, draft) in [(terms(&shop()), single()), (split_shop(), batch())] {
        for spelling in [Spelling::Canonical, Spelling::Spaced] {
            let case = Case::of(draft.payload(spelling)).from(did(8453, payer().address()));
            let payment = case.judge(&*terms).unwrap();
            assert_eq!(payment.payer().unwrap().evm(), Some(payer().address()));
            let key = permit2::replay_key(8453, PERMIT2, payer().address(), U256::from(1));
            assert_eq!(payment.keys(), [key]);
            assert!(payment.is_proven_by_settling());
        }
    }
}

#[test]
fn permission_for_more_than_is_taken_pays() {
    let draft = single().with(|permit, _| permit.permitted[0].amount = U256::from(2_000_000));
    assert_taken(&draft.case(), &*terms(&shop()));
}

#[test]
fn every_other_value_is_refused_though_it_is_signed() {
    let terms = terms(&shop());
    let failed = "verification-failed";
    let one = |spoil: fn(&mut ChargePermit, &mut Transfers)| single().with(spoil);
    for (name, draft, words) in [
        ("asks for less", one(|_, to| to[0].1 -= 1), "amount"),
        (
            "asks for more",
            one(|permit, to| {
                permit.permitted[0].amount += U256::from(1);
                to[0].1 += 1;
            }),
            "amount",
        ),
        (
            "permits less",
            one(|permit, _| permit.permitted[0].amount -= U256::from(1)),
            "amount",
        ),
        (
            "another recipient",
            one(|_, to| to[0].0 = STRANGER),
            "recipient",
        ),
        (
            "another token",
            one(|permit, _| permit.permitted[0].token = STRANGER),
            "token",
        ),
        (
            "another challenge",
            one(|permit, _| permit.challenge_hash = B256::ZERO),
            "challenge",
        ),
        (
            "an order nobody asked for",
            one(|permit, _| permit.external_id = "7".into()),
            "externalId",
        ),
        (
            "valid for ever",
            one(|permit, _| permit.deadline = U256::MAX),
            "too long",
        ),
        (
            "valid for a year",
            one(|permit, _| permit.deadline = U256::from(EXPIRES + 3601)),
            "too long",
        ),
        (
            "another spender signed",
            one(|permit, _| permit.spender = STRANGER),
            "signature is not",
        ),
        (
            "one permission too many",
            one(|permit, _| permit.permitted.push(permit.permitted[0])),
            "splits",
        ),
        (
            "a transfer too many",
            one(|_, to| to.push((RECIPIENT, 1))),
            "splits",
        ),
        ("none at all", Draft::paying(&[]), "splits"),
    ] {
        assert_refused(name, &draft.case(), &*terms, failed, words);
    }
}

#[test]
fn splits_are_paid_exactly_and_in_their_order() {
    let terms = split_shop();
    let honest = batch();
    assert_taken(&honest.case(), &*terms);
    for (name, transfers) in [
        (
            "swapped",
            vec![(RECIPIENT, 930_000), (SENDER, 20_000), (STRANGER, 50_000)],
        ),
        ("all to the recipient", vec![(RECIPIENT, 1_000_000)]),
        (
            "one left out",
            vec![(RECIPIENT, 950_000), (STRANGER, 50_000)],
        ),
        (
            "shifted",
            vec![(RECIPIENT, 930_001), (STRANGER, 49_999), (SENDER, 20_000)],
        ),
        (
            "on top",
            vec![(RECIPIENT, 1_000_000), (STRANGER, 50_000), (SENDER, 20_000)],
        ),
        (
            "to somebody else",
            vec![
                (RECIPIENT, 930_000),
                (STRANGER, 50_000),
                (RECIPIENT, 20_000),
            ],
        ),
    ] {
        let (kind, words) = Draft::paying(&transfers).case().why(&*terms);
        assert_eq!(kind, "verification-failed", "{name}: {words}");
    }
}

#[test]
fn the_deadline_covers_handler_and_settlement() {
    let terms = terms(&shop());
    let now = ISSUED + 60;
    let until = |deadline: u64| single().with(|permit, _| permit.deadline = U256::from(deadline));
    assert_taken(&until(now + MARGIN).case().at(now), &*terms);
    let late = until(now + MARGIN - 1).case().at(now);
    assert_refused("late", &late, &*terms, "payment-expired", "expired");
}

#[test]
fn the_owner_is_whom_the_source_names_and_must_be_named() {
    let terms = terms(&shop());
    let payload = single().payload(Spelling::Canonical);
    let nobody = Case::of(payload.clone());
    assert_refused(
        "nobody",
        &nobody,
        &*terms,
        "malformed-credential",
        "needs a source",
    );
    let stranger = Case::of(payload.clone()).from(did(8453, STRANGER));
    assert_refused(
        "stranger",
        &stranger,
        &*terms,
        "verification-failed",
        "signature",
    );
    let elsewhere = Case::of(payload).from(did(1, payer().address()));
    assert_refused(
        "elsewhere",
        &elsewhere,
        &*terms,
        "verification-failed",
        "source",
    );
}

#[test]
fn other_spellings_of_a_good_signature_are_refused() {
    let terms = terms(&shop());
    let draft = single();
    let digest = draft
        .permit
        .digest(&permit2::domain(8453, PERMIT2), Spelling::Canonical);
    for (name, spelling) in odd_spellings(&payer().sign(&digest).unwrap()) {
        let case = Case::of(draft.payload_signed(&spelling)).from(did(8453, payer().address()));
        assert_refused(name, &case, &*terms, "verification-failed", "65 bytes");
    }
}

#[test]
fn the_sellers_order_is_part_of_what_is_signed() {
    let terms = terms(&shop().external_id("order-7"));
    let named = single().with(|permit, _| permit.external_id = "order-7".into());
    assert_taken(&named.case(), &*terms);
    assert_refused(
        "unnamed",
        &single().case(),
        &*terms,
        "verification-failed",
        "externalId",
    );
    let other = single().with(|permit, _| permit.external_id = "order-8".into());
    assert_refused(
        "another",
        &other.case(),
        &*terms,
        "verification-failed",
        "externalId",
    );
}

#[test]
fn a_permit_for_another_permit2_is_refused() {
    let terms = terms(&shop().permit2_at(STRANGER));
    assert_refused(
        "usual",
        &single().case(),
        &*terms,
        "verification-failed",
        "signature",
    );
}
