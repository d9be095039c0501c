//! What a buyer signs, and what it does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::B256;
use http::HeaderValue;
use mpp_core::{Challenge, EncodedRequest, Method, RawCredential};
use mpp_evm::buyer::{Bill, BillError, Consent};
use mpp_evm::{ChallengeHash, CredentialType, Split};
use payment_core::{Timestamp, Units, usd};
use payment_evm::Token;
use serde_json::{Value, json};
use support::*;

fn challenge_of(request: &Value) -> Challenge {
    let request = EncodedRequest::encode(request.as_object().unwrap()).unwrap();
    let mut challenge = Challenge::new(ID, REALM, "evm", "charge", request);
    challenge.expires = Some("2026-01-15T12:05:00Z".into());
    challenge
}

fn challenge(charge: &impl Method) -> Challenge {
    challenge_of(&terms(charge).request().clone().into())
}

fn consent() -> Consent {
    Consent::up_to(Units::from(1_000_000), Timestamp::from_seconds(ISSUED + 60))
}

/// What the header says, presented at the shop.
fn case(header: &HeaderValue) -> Case {
    let token = header.to_str().unwrap().strip_prefix("Payment ").unwrap();
    let raw = RawCredential::decode(token.as_bytes()).unwrap();
    let credential = raw.read().unwrap();
    assert_eq!(&*credential.challenge.id, ID);
    let payload: Value = serde_json::from_str(credential.payload.get()).unwrap();
    Case::of(payload).from(credential.source.as_deref().unwrap())
}

#[tokio::test]
async fn an_authorization_reads_as_the_recorded_one() {
    let challenge = challenge(&charge());
    let bill = Bill::read(&challenge, &[]).unwrap();
    assert_eq!(bill.amount(), Units::from(1_000_000));
    assert_eq!((bill.token(), bill.recipient()), (&usdc(), RECIPIENT));
    let file = vectors::load("mpp_core.json");
    for (recorded, form) in vectors::cases(&file, "/evm/charge_authorization")
        .iter()
        .zip([ChallengeHash::Packed, ChallengeHash::JsonArray])
    {
        let header = bill
            .authorize(&payer(), consent().challenge_hash(form))
            .await
            .unwrap();
        assert!(header.is_sensitive());
        let case = case(&header);
        assert_eq!(case.payload, recorded["payload"]);
        assert_eq!(case.source.as_deref(), recorded["source"].as_str());
        assert_taken(&case, &*terms(&charge()));
    }
}

#[tokio::test]
async fn permits_pay_single_and_split_bills() {
    let shop = || charge().credential_types([CredentialType::Permit2]);
    let split = || {
        shop()
            .split(Split::new(STRANGER, usd!("0.05")))
            .external_id("order-7")
    };
    for shop in [shop(), split()] {
        let challenge = challenge(&shop);
        let bill = Bill::read(&challenge, &[]).unwrap();
        let header = bill.permit(&payer(), consent()).await.unwrap();
        assert_taken(&case(&header), &*terms(&shop));
        assert!(matches!(
            bill.authorize(&payer(), consent()).await,
            Err(BillError::CannotPay(CredentialType::Authorization))
        ));
    }
}

#[tokio::test]
async fn no_more_than_agreed_and_not_too_late() {
    let challenge = challenge(&charge());
    let bill = Bill::read(&challenge, &[]).unwrap();
    let at = |seconds| Timestamp::from_seconds(seconds);
    let cheap = Consent::up_to(Units::from(999_999), at(ISSUED));
    assert!(matches!(
        bill.authorize(&payer(), cheap).await,
        Err(BillError::TooMuch { .. })
    ));
    let late = Consent::up_to(Units::from(1_000_000), at(EXPIRES));
    assert!(matches!(
        bill.authorize(&payer(), late).await,
        Err(BillError::Expired)
    ));
    let just = Consent::up_to(Units::from(1_000_000), at(EXPIRES - 1));
    assert!(bill.authorize(&payer(), just).await.is_ok());
}

#[tokio::test]
async fn a_signature_does_not_outlive_a_day() {
    let mut challenge = challenge(&charge());
    challenge.expires = Some("2099-01-01T00:00:00Z".into());
    let bill = Bill::read(&challenge, &[]).unwrap();
    let header = bill.authorize(&payer(), consent()).await.unwrap();
    let day = (ISSUED + 60 + 24 * 3600).to_string();
    assert_eq!(case(&header).payload["validBefore"], day);
    challenge.expires = Some("tomorrow".into());
    let bill = Bill::read(&challenge, &[]).unwrap();
    assert!(matches!(
        bill.authorize(&payer(), consent()).await,
        Err(BillError::Expired)
    ));
    challenge.expires = None;
    let bill = Bill::read(&challenge, &[]).unwrap();
    let header = bill.authorize(&payer(), consent()).await.unwrap();
    assert_eq!(
        case(&header).payload["validBefore"],
        (ISSUED + 360).to_string()
    );
}

#[tokio::test]
async fn a_hash_is_shown_only_where_hashes_are_taken() {
    let plain = challenge(&charge());
    let bill = Bill::read(&plain, &[]).unwrap();
    assert!(
        bill.transferred(payer().address(), B256::ZERO, consent())
            .is_err()
    );
    let shop = charge().credential_types([CredentialType::Hash]);
    let challenge = challenge(&shop);
    let bill = Bill::read(&challenge, &[]).unwrap();
    let header = bill
        .transferred(payer().address(), B256::ZERO, consent())
        .unwrap();
    assert_taken(&case(&header), &*terms(&shop));
}

#[test]
fn odd_challenges_are_not_bills() {
    let honest: Value = terms(&charge()).request().clone().into();
    let edited = |path: &str, value: Value| {
        let mut request = honest.clone();
        match request.pointer_mut(path) {
            Some(place) => *place = value,
            None => request["methodDetails"][path] = value,
        }
        request
    };
    assert!(Bill::read(&challenge_of(&honest), &[]).is_ok());
    let split = |recipient: &str, amount: &str| json!({"recipient": recipient, "amount": amount});
    let someone = STRANGER.to_string();
    for (name, request) in [
        ("hex amount", edited("/amount", json!("0xf4240"))),
        ("amount as number", edited("/amount", json!(1_000_000))),
        ("no recipient", edited("/recipient", json!(""))),
        ("zero", edited("/amount", json!("0"))),
        ("unknown token", edited("/currency", json!(someone))),
        ("other chain", edited("/methodDetails/chainId", json!(1))),
        (
            "chain as text",
            edited("/methodDetails/chainId", json!("8453")),
        ),
        ("other permit2", edited("permit2Address", json!(someone))),
        (
            "split of all",
            edited("splits", json!([split(&someone, "1000000")])),
        ),
        (
            "split of nothing",
            edited("splits", json!([split(&someone, "0")])),
        ),
        (
            "eleven splits",
            edited("splits", json!(vec![split(&someone, "1"); 11])),
        ),
    ] {
        let challenge = challenge_of(&request);
        assert!(Bill::read(&challenge, &[]).is_err(), "{name}");
    }
    let mut session = challenge_of(&honest);
    session.intent = "session".into();
    assert!(matches!(
        Bill::read(&session, &[]),
        Err(BillError::OtherMethod)
    ));
}

#[test]
fn a_token_that_is_given_counts_before_the_table() {
    let mut request: Value = terms(&charge()).request().clone().into();
    request["methodDetails"]["chainId"] = json!(31337);
    let challenge = challenge_of(&request);
    assert!(matches!(
        Bill::read(&challenge, &[]),
        Err(BillError::UnknownToken {
            chain_id: 31337,
            ..
        })
    ));
    let given = Token::custom(31337, usdc().address, "T", 6, "Test", "1");
    let bill = Bill::read(&challenge, std::slice::from_ref(&given)).unwrap();
    assert_eq!(bill.token(), &given);
}

#[test]
fn a_seller_who_names_no_types_is_not_sent_signatures() {
    let mut request: Value = terms(&charge()).request().clone().into();
    request["methodDetails"]
        .as_object_mut()
        .unwrap()
        .remove("credentialTypes");
    let challenge = challenge_of(&request);
    let bill = Bill::read(&challenge, &[]).unwrap();
    assert!(!bill.types().contains(&CredentialType::Authorization));
    assert!(bill.types().contains(&CredentialType::Hash));
}
