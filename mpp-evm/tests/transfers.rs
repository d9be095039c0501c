//! What a credential in OKX's form must be to pay, and what does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256, address};
use mpp_core::{MethodPayment, Terms};
use mpp_evm::{ChallengeHash, Charge, CredentialType, Split};
use payment_core::{ReplayKey, Route, usd};
use payment_evm::{Authorization, Domain, LocalSigner, permit2};
use serde_json::{Value, json};
use support::*;

const PARTNER: Address = address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906");

/// Takes OKX's form of a payment in one part.
fn plain() -> Box<dyn Terms> {
    terms(&Charge::okx(usdc(), RECIPIENT).settle_with(Yes))
}

/// Takes it in three parts: 700000 for us, 200000 and 100000 for others.
fn split() -> Box<dyn Terms> {
    let charge = Charge::okx(usdc(), RECIPIENT)
        .split(Split::new(STRANGER, usd!("0.2")))
        .split(Split::new(PARTNER, usd!("0.1")));
    terms(&charge.settle_with(Yes))
}

fn leg(to: Address, value: u64, nonce: u8) -> Authorization {
    Authorization {
        to,
        value: U256::from(value),
        valid_before: U256::from(EXPIRES + 360),
        nonce: B256::repeat_byte(nonce),
        ..honest()
    }
}

fn whole() -> Authorization {
    leg(RECIPIENT, 1_000_000, 1)
}

fn parts() -> Vec<Authorization> {
    vec![
        leg(RECIPIENT, 700_000, 1),
        leg(STRANGER, 200_000, 2),
        leg(PARTNER, 100_000, 3),
    ]
}

/// The transfer as it is written, signed for this domain.
fn written(transfer: &Authorization, signer: &LocalSigner, domain: &Domain) -> Value {
    let mut written = serde_json::to_value(transfer).unwrap();
    let signature = signer.sign(&transfer.digest(domain)).unwrap();
    written["signature"] = json!(signature.to_hex());
    written
}

/// The payload of transfers that are written.
fn payload(mut transfers: Vec<Value>) -> Value {
    let splits = transfers.split_off(1);
    let mut first = transfers.remove(0);
    first["type"] = json!("eip-3009");
    if !splits.is_empty() {
        first["splits"] = splits.into();
    }
    json!({"type": "transaction", "authorization": first})
}

/// The payload of these transfers, each signed by who sends it.
fn pay(transfers: &[Authorization]) -> Case {
    let keys = [payer(), other_payer()];
    let signed = transfers.iter().map(|transfer| {
        let key = keys.iter().find(|key| key.address() == transfer.from);
        written(transfer, key.unwrap_or(&keys[0]), &usdc().domain())
    });
    Case::of(payload(signed.collect()))
}

#[test]
fn honest_transfers_are_taken_and_name_their_payer() {
    for (case, terms) in [(pay(&[whole()]), plain()), (pay(&parts()), split())] {
        let payment = case.judge(&*terms).unwrap();
        assert_eq!(payment.payer().unwrap().evm(), Some(payer().address()));
        assert_eq!(payment.paid().amount().to_string(), "1000000");
        assert!(payment.is_proven_by_settling());
        assert_taken(&case.from(did(8453, payer().address())), &*terms);
    }
    // No splits at all are as many as none.
    let mut case = pay(&[whole()]);
    case.payload["authorization"]["splits"] = json!([]);
    assert_taken(&case, &*plain());
}

#[test]
fn one_route_takes_both_flavours() {
    let terms = plain();
    assert_taken(&pay(&[whole()]), &*terms);
    assert_taken(&Case::of(signed(&honest())), &*terms);
    // What is signed over one challenge is not weakened by coming in the other form.
    let unbound = Case::of(signed(&whole()));
    assert_refused(
        "unbound",
        &unbound,
        &*terms,
        "verification-failed",
        "challenge",
    );
}

#[test]
fn a_route_of_one_flavour_refuses_the_other() {
    let refused = |terms: &dyn Terms, case: &Case| {
        assert_refused("other", case, terms, "invalid-payload", "not offered");
    };
    refused(&*terms(&charge()), &pay(&[whole()]));
    let drafts = [
        CredentialType::Authorization,
        CredentialType::Permit2,
        CredentialType::Hash,
    ];
    let drafts = charge().credential_types(drafts);
    refused(&*terms(&drafts), &pay(&[whole()]));
    let transfers = charge().credential_types([CredentialType::Transfers]);
    refused(&*terms(&transfers), &Case::of(signed(&honest())));
    let raw = json!({"type": "transaction", "signature": "0x02"});
    refused(&*terms(&transfers), &Case::of(raw));
    let hash = json!({"type": "hash", "hash": B256::ZERO});
    let hash = Case::of(hash).from(did(8453, payer().address()));
    refused(&*terms(&transfers), &hash);
}

#[test]
fn legs_are_those_that_are_due_one_for_one_and_in_order() {
    let change = |at: usize, change: &dyn Fn(&mut Authorization)| {
        let mut parts = parts();
        change(&mut parts[at]);
        parts
    };
    let value = |units: u64| move |leg: &mut Authorization| leg.value = U256::from(units);
    let swapped = {
        let mut parts = parts();
        parts.swap(1, 2);
        parts
    };
    let extra = {
        let mut parts = parts();
        parts.push(leg(PARTNER, 100_000, 4));
        parts
    };
    let lopsided = vec![
        leg(RECIPIENT, 600_000, 1),
        leg(STRANGER, 300_000, 2),
        leg(PARTNER, 100_000, 3),
    ];
    let terms = split();
    for (name, transfers, words) in [
        ("a split less", parts()[..2].to_vec(), "splits"),
        ("no split", parts()[..1].to_vec(), "splits"),
        ("all to us", vec![whole()], "splits"),
        ("a split more", extra, "splits"),
        ("another order", swapped, "recipient"),
        (
            "us elsewhere",
            change(0, &|leg| leg.to = SENDER),
            "recipient",
        ),
        (
            "a split elsewhere",
            change(2, &|leg| leg.to = RECIPIENT),
            "recipient",
        ),
        ("a unit less for us", change(0, &value(699_999)), "amount"),
        ("a unit more for us", change(0, &value(700_001)), "amount"),
        ("a unit less for one", change(1, &value(199_999)), "amount"),
        ("nothing for one", change(2, &value(0)), "amount"),
        ("the same in sum", lopsided, "amount"),
    ] {
        let case = pay(&transfers);
        assert_refused(name, &case, &*terms, "verification-failed", words);
    }
    // And none where none is asked for.
    let case = pay(&parts());
    assert_refused("split", &case, &*plain(), "verification-failed", "splits");
    for (name, transfer, words) in [
        ("to another", leg(STRANGER, 1_000_000, 1), "recipient"),
        ("a unit less", leg(RECIPIENT, 999_999, 1), "amount"),
        ("a unit more", leg(RECIPIENT, 1_000_001, 1), "amount"),
    ] {
        let case = pay(&[transfer]);
        assert_refused(name, &case, &*plain(), "verification-failed", words);
    }
}

#[test]
fn all_transfers_are_of_one_payer_and_of_the_one_that_is_named() {
    let terms = split();
    for at in 0..3 {
        let mut mixed = parts();
        mixed[at].from = other_payer().address();
        let case = pay(&mixed);
        assert_refused("mixed", &case, &*terms, "verification-failed", "one payer");
    }
    let case = pay(&parts());
    for (source, kind) in [
        (did(1, payer().address()), "verification-failed"),
        (did(8453, STRANGER), "verification-failed"),
        (payer().address().to_string(), "malformed-credential"),
    ] {
        let case = case.clone().from(source.clone());
        assert_refused(&source, &case, &*terms, kind, "source");
    }
}

#[test]
fn no_two_transfers_bear_one_nonce() {
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let mut parts = parts();
        parts[other].nonce = parts[one].nonce;
        let case = pay(&parts);
        assert_refused(
            "twice",
            &case,
            &*split(),
            "verification-failed",
            "same nonce",
        );
    }
}

#[test]
fn every_transfer_is_valid_now_and_for_a_minute_after_the_challenge() {
    let terms = split();
    let now = ISSUED + 60;
    let windowed = |at: usize, after: u64, before: u64| {
        let mut parts = parts();
        parts[at].valid_after = U256::from(after);
        parts[at].valid_before = U256::from(before);
        pay(&parts).at(now)
    };
    for at in 0..3 {
        assert_taken(&windowed(at, now, EXPIRES + 60), &*terms);
        assert_taken(&windowed(at, 0, EXPIRES + 3600), &*terms);
        let failed = "verification-failed";
        let early = windowed(at, now + 1, EXPIRES + 60);
        assert_refused("early", &early, &*terms, failed, "not valid yet");
        for before in [EXPIRES + 59, EXPIRES, now, 0] {
            let short = windowed(at, 0, before);
            assert_refused("short", &short, &*terms, failed, "a minute after");
        }
        let long = windowed(at, 0, EXPIRES + 3601);
        assert_refused("long", &long, &*terms, failed, "too long");
    }
    // Also when it is shown late.
    let case = windowed(2, 0, EXPIRES + 60);
    assert_taken(&case.clone().at(EXPIRES + 60 - MARGIN), &*terms);
    let late = case.at(EXPIRES + 60 - MARGIN + 1);
    assert_refused("late", &late, &*terms, "payment-expired", "expired");
}

#[test]
fn each_signature_is_the_payers_over_its_own_transfer() {
    let terms = split();
    let domain = usdc().domain();
    let honest: Vec<Value> = parts()
        .iter()
        .map(|part| written(part, &payer(), &domain))
        .collect();
    assert_taken(&Case::of(payload(honest.clone())), &*terms);
    let elsewhere = Domain::new("USD Coin", Some("2"), 1, usdc().address);
    for (at, part) in parts().iter().enumerate() {
        let receive = payer().sign(&part.receive_digest(&domain)).unwrap();
        let neighbour = honest[(at + 1) % 3]["signature"].clone();
        for (name, signature) in [
            (
                "another key",
                written(part, &other_payer(), &domain)["signature"].clone(),
            ),
            (
                "another chain",
                written(part, &payer(), &elsewhere)["signature"].clone(),
            ),
            (
                "another contract",
                written(part, &payer(), &permit2::domain(8453, permit2::PERMIT2))["signature"]
                    .clone(),
            ),
            ("a receive authorization", json!(receive.to_hex())),
            ("another leg's", neighbour),
        ] {
            let mut transfers = honest.clone();
            transfers[at]["signature"] = signature;
            let case = Case::of(payload(transfers));
            let words = "signature is not the payer's";
            assert_refused(name, &case, &*terms, "verification-failed", words);
        }
        let signature = payer().sign(&part.digest(&domain)).unwrap();
        for (name, spelling) in odd_spellings(&signature) {
            let mut transfers = honest.clone();
            transfers[at]["signature"] = json!(spelling);
            let case = Case::of(payload(transfers));
            assert_refused(name, &case, &*terms, "verification-failed", "65 bytes");
        }
    }
}

fn key_of(transfer: &Authorization) -> ReplayKey {
    ReplayKey::token_nonce(
        8453,
        usdc().address.into_array(),
        payer().address().into_array(),
        transfer.nonce.0,
    )
}

#[test]
fn every_nonce_is_a_key_and_the_last_to_end_is_outlived() {
    let mut parts = parts();
    parts[1].valid_before = U256::from(EXPIRES + 1000);
    let payment = pay(&parts).judge(&*split()).unwrap();
    let keys: Vec<_> = parts.iter().map(key_of).collect();
    assert_eq!(payment.keys(), keys);
    assert_eq!(payment.keep_until().seconds(), EXPIRES + 1000);
}

#[test]
fn one_authorization_has_one_key_in_either_form() {
    let bound = Authorization {
        nonce: ChallengeHash::Packed.of(ID, REALM),
        ..whole()
    };
    let keys = |payment: &dyn MethodPayment| payment.keys().to_vec();
    let flat = Case::of(signed(&bound)).judge(&*plain()).unwrap();
    let nested = pay(&[bound]).judge(&*plain()).unwrap();
    assert_eq!(keys(&*flat), keys(&*nested));
    // And it is what other protocols know the authorization by.
    let token = usdc();
    assert_eq!(
        keys(&*nested),
        [bound.replay_key(token.chain_id, token.address)]
    );
}

#[test]
fn no_more_than_ten_splits_are_asked_for() {
    let charge = (0..11).fold(Charge::okx(usdc(), RECIPIENT), |charge, _| {
        charge.split(Split::new(STRANGER, usd!("0.01")))
    });
    let refused = mpp_core::Method::terms(&charge.settle_with(Yes), &Route::priced(usd!("1")));
    assert!(refused.err().unwrap().to_string().contains("more than ten"));
}
