//! What an `authorization` credential must be to pay, and what does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{B256, U256, address};
use mpp_evm::{ChallengeHash, CredentialType, Split};
use payment_core::{ReplayKey, usd};
use payment_evm::{Authorization, Domain, permit2};
use support::*;

#[test]
fn an_honest_authorization_is_taken_and_names_its_payer() {
    let terms = terms(&charge());
    let case = Case::of(signed(&honest()));
    let payment = case.judge(&*terms).unwrap();
    assert_eq!(payment.payer().unwrap().evm(), Some(payer().address()));
    assert_eq!(payment.paid().amount().to_string(), "1000000");
    assert_eq!(payment.paid().network().unwrap().to_string(), "eip155:8453");
    for source in [
        did(8453, payer().address()),
        did(8453, payer().address()).to_lowercase(),
    ] {
        assert_taken(&case.clone().from(source), &*terms);
    }
}

#[test]
fn either_form_of_the_challenge_hash_binds() {
    let terms = terms(&charge());
    for form in [ChallengeHash::Packed, ChallengeHash::JsonArray] {
        let authorization = Authorization {
            nonce: form.of(ID, REALM),
            ..honest()
        };
        assert_taken(&Case::of(signed(&authorization)), &*terms);
    }
}

#[test]
fn every_other_value_is_refused_though_it_is_signed() {
    let terms = terms(&charge());
    let honest = honest();
    let failed = "verification-failed";
    let table = [
        (
            "value + 1",
            Authorization {
                value: U256::from(1_000_001),
                ..honest
            },
            failed,
            "amount",
        ),
        (
            "value - 1",
            Authorization {
                value: U256::from(999_999),
                ..honest
            },
            failed,
            "amount",
        ),
        (
            "nothing",
            Authorization {
                value: U256::ZERO,
                ..honest
            },
            failed,
            "amount",
        ),
        (
            "all there is",
            Authorization {
                value: U256::MAX,
                ..honest
            },
            failed,
            "amount",
        ),
        (
            "other recipient",
            Authorization {
                to: STRANGER,
                ..honest
            },
            failed,
            "recipient",
        ),
        (
            "to the sender",
            Authorization {
                to: SENDER,
                ..honest
            },
            failed,
            "recipient",
        ),
        (
            "free nonce",
            Authorization {
                nonce: B256::repeat_byte(7),
                ..honest
            },
            failed,
            "challenge",
        ),
        (
            "nonce of another challenge",
            Authorization {
                nonce: ChallengeHash::Packed.of("aB3cDeF4gHiJkLmN", REALM),
                ..honest
            },
            failed,
            "challenge",
        ),
        (
            "nonce of another realm",
            Authorization {
                nonce: ChallengeHash::JsonArray.of(ID, "other.example"),
                ..honest
            },
            failed,
            "challenge",
        ),
        (
            "valid for a year",
            Authorization {
                valid_before: U256::from(EXPIRES + 3601),
                ..honest
            },
            failed,
            "too long",
        ),
        (
            "valid for ever",
            Authorization {
                valid_before: U256::MAX,
                ..honest
            },
            failed,
            "too long",
        ),
    ];
    for (name, authorization, kind, words) in table {
        assert_refused(
            name,
            &Case::of(signed(&authorization)),
            &*terms,
            kind,
            words,
        );
    }
}

#[test]
fn the_window_is_closed_on_the_safe_side() {
    let terms = terms(&charge());
    let now = ISSUED + 60;
    let from_until = |after: u64, before: u64| {
        let (valid_after, valid_before) = (U256::from(after), U256::from(before));
        Case::of(signed(&Authorization {
            valid_after,
            valid_before,
            ..honest()
        }))
        .at(now)
    };
    assert_taken(&from_until(now, now + MARGIN), &*terms);
    assert_taken(&from_until(0, EXPIRES + 3600), &*terms);
    let early = from_until(now + 1, EXPIRES);
    assert_refused(
        "not yet",
        &early,
        &*terms,
        "verification-failed",
        "not valid yet",
    );
    for before in [now + MARGIN - 1, now, now - 1, 0] {
        let late = from_until(0, before);
        assert_refused(
            "expired by a second",
            &late,
            &*terms,
            "payment-expired",
            "expired",
        );
    }
}

#[test]
fn only_the_payers_signature_in_this_domain_counts() {
    let terms = terms(&charge());
    let token = usdc();
    let sign = |signer: &payment_evm::LocalSigner, domain: &Domain| {
        with_signature(
            &honest(),
            &signer.sign(&honest().digest(domain)).unwrap().to_hex(),
        )
    };
    let other_token = address!("0x036CbD53842c5426634e7929541eC2318f3dCF7e");
    let table = [
        ("another key", sign(&other_payer(), &token.domain())),
        (
            "another chain",
            sign(
                &payer(),
                &Domain::new("USD Coin", Some("2"), 1, token.address),
            ),
        ),
        (
            "another token",
            sign(
                &payer(),
                &Domain::new("USD Coin", Some("2"), 8453, other_token),
            ),
        ),
        (
            "another name",
            sign(
                &payer(),
                &Domain::new("USDC", Some("2"), 8453, token.address),
            ),
        ),
        (
            "another version",
            sign(
                &payer(),
                &Domain::new("USD Coin", Some("1"), 8453, token.address),
            ),
        ),
        (
            "another contract",
            sign(&payer(), &permit2::domain(8453, permit2::PERMIT2)),
        ),
        ("a receive authorization", {
            let digest = honest().receive_digest(&token.domain());
            with_signature(&honest(), &payer().sign(&digest).unwrap().to_hex())
        }),
        ("another payer named", {
            let mut payload = signed(&honest());
            payload["from"] = STRANGER.to_string().into();
            payload
        }),
    ];
    for (name, payload) in table {
        let case = Case::of(payload);
        assert_refused(
            name,
            &case,
            &*terms,
            "verification-failed",
            "signature is not the payer's",
        );
    }
}

#[test]
fn other_spellings_of_a_good_signature_are_refused() {
    let terms = terms(&charge());
    let signature = payer().sign(&honest().digest(&usdc().domain())).unwrap();
    for (name, spelling) in odd_spellings(&signature) {
        let case = Case::of(with_signature(&honest(), &spelling));
        assert_refused(name, &case, &*terms, "verification-failed", "65 bytes");
    }
}

#[test]
fn a_source_must_name_the_payer_on_this_chain() {
    let terms = terms(&charge());
    let case = Case::of(signed(&honest()));
    for (source, kind) in [
        (did(1, payer().address()), "verification-failed"),
        (did(8453, STRANGER), "verification-failed"),
        (payer().address().to_string(), "malformed-credential"),
        (String::new(), "malformed-credential"),
    ] {
        assert_refused(
            &source,
            &case.clone().from(source.clone()),
            &*terms,
            kind,
            "source",
        );
    }
}

#[test]
fn an_authorization_can_not_pay_a_split() {
    let split = Split::new(STRANGER, usd!("0.05"));
    let terms = terms(&charge().split(split));
    let case = Case::of(signed(&honest()));
    assert_refused("splits", &case, &*terms, "invalid-payload", "not offered");
}

#[test]
fn a_type_that_is_not_offered_is_refused() {
    let terms = terms(&charge().credential_types([CredentialType::Hash]));
    let case = Case::of(signed(&honest()));
    assert_refused(
        "authorization",
        &case,
        &*terms,
        "invalid-payload",
        "not offered",
    );
}

#[test]
fn the_key_is_the_tokens_nonce_and_outlives_the_authorization() {
    let terms = terms(&charge());
    let until = EXPIRES + 1000;
    let authorization = Authorization {
        valid_before: U256::from(until),
        ..honest()
    };
    let payment = Case::of(signed(&authorization)).judge(&*terms).unwrap();
    let key = ReplayKey::token_nonce(
        8453,
        usdc().address.into_array(),
        payer().address().into_array(),
        authorization.nonce.0,
    );
    assert_eq!(payment.keys(), [key]);
    assert_eq!(payment.keep_until().seconds(), until);
    // A short authorization is kept as long as its challenge could come back.
    let short = Authorization {
        valid_before: U256::from(EXPIRES - 100),
        ..honest()
    };
    let payment = Case::of(signed(&short)).judge(&*terms).unwrap();
    assert_eq!(payment.keep_until().seconds(), EXPIRES);
}
