//! What a buyer signs, and what it does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::B256;
use http::HeaderValue;
use mpp_core::{Challenge, EncodedRequest, Method, RawCredential};
use mpp_evm::buyer::{Bill, BillError, Consent};
use mpp_evm::{ChallengeHash, CredentialType, Split};
use payment_core::{Timestamp, Units, usd};
use payment_evm::{Authorization, EvmSignature, Token};
use serde::Deserialize;
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

/// One dollar by a seller who pays the gas and names no types, with these splits.
fn invited(splits: &[(&str, &str)]) -> Value {
    let mut request: Value = terms(&charge()).request().clone().into();
    let details = request["methodDetails"].as_object_mut().unwrap();
    details.remove("credentialTypes");
    details.insert("feePayer".into(), json!(true));
    let splits: Vec<Value> = splits
        .iter()
        .map(|(recipient, amount)| json!({"recipient": recipient, "amount": amount}))
        .collect();
    if !splits.is_empty() {
        details.insert("splits".into(), json!(splits));
    }
    request
}

/// The transfers of a payload, each with a signature that is the payer's.
fn transfers(payload: &Value) -> Vec<Authorization> {
    let (first, rest) = (
        &payload["authorization"],
        &payload["authorization"]["splits"],
    );
    let rest = rest.as_array().map(Vec::as_slice).unwrap_or_default();
    let all = std::iter::once(first).chain(rest);
    all.map(|transfer| {
        let authorization = Authorization::deserialize(transfer).unwrap();
        let signature = EvmSignature::from_hex(transfer["signature"].as_str().unwrap()).unwrap();
        let digest = authorization.digest(&usdc().domain());
        assert_eq!(signature.recover(&digest), Ok(payer().address()));
        assert_eq!(authorization.from, payer().address());
        assert!(authorization.valid_after.is_zero());
        authorization
    })
    .collect()
}

#[tokio::test]
async fn transfers_move_the_amount_and_no_more_whoever_gets_the_parts() {
    let someone = STRANGER.to_string();
    let payee = RECIPIENT.to_string();
    let twice = [(&*someone, "300000"), (&*someone, "300000")];
    for (splits, values) in [
        (&[][..], vec![1_000_000]),
        (&[(&*someone, "1")], vec![999_999, 1]),
        // One account twice, and the payee itself: each leg is a transfer of its own.
        (&twice, vec![400_000, 300_000, 300_000]),
        (&[(&*payee, "999999")], vec![1, 999_999]),
    ] {
        let challenge = challenge_of(&invited(splits));
        let bill = Bill::read(&challenge, &[]).unwrap();
        let header = bill.transfers(&payer(), consent()).await.unwrap();
        assert!(header.is_sensitive());
        let payload = case(&header).payload;
        assert_eq!(payload["type"], "transaction");
        assert_eq!(payload["authorization"]["type"], "eip-3009");
        assert_eq!(
            payload["authorization"].get("splits").is_some(),
            !splits.is_empty()
        );
        let signed = transfers(&payload);
        let legs = bill.legs().iter().map(|leg| (leg.to, leg.amount.get()));
        assert!(signed.iter().map(|one| (one.to, one.value)).eq(legs));
        assert!(signed.iter().map(|one| one.value.to::<u64>()).eq(values));
        for (place, one) in signed.iter().enumerate() {
            assert_eq!(one.valid_before.to::<u64>(), EXPIRES + 60);
            assert!(signed[..place].iter().all(|other| other.nonce != one.nonce));
        }
        let again = bill.transfers(&payer(), consent()).await.unwrap();
        assert_ne!(transfers(&case(&again).payload)[0].nonce, signed[0].nonce);
    }
}

#[tokio::test]
async fn transfers_end_within_a_day_and_are_within_what_was_agreed() {
    let mut challenge = challenge_of(&invited(&[]));
    // Now is a minute after noon: a minute less than a day is left of this.
    challenge.expires = Some("2026-01-16T12:00:00Z".into());
    let bill = Bill::read(&challenge, &[]).unwrap();
    let header = bill.transfers(&payer(), consent()).await.unwrap();
    let day = ISSUED + 60 + 24 * 3600;
    let signed = transfers(&case(&header).payload);
    assert_eq!(signed[0].valid_before.to::<u64>(), day);
    let now = Timestamp::from_seconds(ISSUED + 60);
    assert_eq!(bill.transfers_valid_until(now).unwrap(), day);
    // What has to outlive the day is not signed: cut short, nobody takes it.
    for later in ["2026-01-16T12:00:01Z", "2099-01-01T00:00:00Z"] {
        let mut challenge = challenge.clone();
        challenge.expires = Some(later.into());
        let bill = Bill::read(&challenge, &[]).unwrap();
        let signed = bill.transfers(&payer(), consent()).await;
        let kind = CredentialType::Transfers;
        assert!(matches!(signed, Err(BillError::CannotPay(of)) if of == kind));
    }

    let cheap = Consent::up_to(Units::from(999_999), now);
    assert!(matches!(
        bill.transfers(&payer(), cheap).await,
        Err(BillError::TooMuch { .. })
    ));
    challenge.expires = Some("2026-01-15T12:05:00Z".into());
    let bill = Bill::read(&challenge, &[]).unwrap();
    let late = Consent::up_to(Units::from(1_000_000), Timestamp::from_seconds(EXPIRES));
    assert!(matches!(
        bill.transfers(&payer(), late).await,
        Err(BillError::Expired)
    ));
}

#[tokio::test]
async fn transfers_are_for_who_invites_them() {
    let someone = STRANGER.to_string();
    let split = [(&*someone, "1")];
    let types = |request: &Value| {
        let challenge = challenge_of(request);
        Bill::read(&challenge, &[]).unwrap().types().to_vec()
    };
    let named = |splits: &[(&str, &str)], names: &[&str]| {
        let mut request = invited(splits);
        request["methodDetails"]["credentialTypes"] = json!(names);
        types(&request)
    };
    let unpaid = |payer: Value| {
        let mut request = invited(&[]);
        request["methodDetails"]["feePayer"] = payer;
        types(&request)
    };
    assert_eq!(types(&invited(&[]))[0], CredentialType::Transfers);
    assert_eq!(types(&invited(&split))[0], CredentialType::Transfers);
    assert_eq!(
        named(&[], &["authorization"]),
        [CredentialType::Authorization]
    );
    assert_eq!(
        named(&split, &["permit2"]),
        [CredentialType::Permit2, CredentialType::Transfers]
    );
    for silent in [json!(false), json!(null)] {
        assert!(!unpaid(silent).contains(&CredentialType::Transfers));
    }
    let mut request = invited(&[]);
    request["methodDetails"]["feePayer"] = json!(false);
    let challenge = challenge_of(&request);
    let bill = Bill::read(&challenge, &[]).unwrap();
    assert!(matches!(
        bill.transfers(&payer(), consent()).await,
        Err(BillError::CannotPay(CredentialType::Transfers))
    ));
}

#[test]
fn an_invitation_does_not_make_an_odd_challenge_a_bill() {
    let someone = STRANGER.to_string();
    for splits in [
        &[(&*someone, "1000000")][..],
        &[(&*someone, "600000"), (&*someone, "600000")],
        &[(&*someone, "0")],
    ] {
        let challenge = challenge_of(&invited(splits));
        let read = Bill::read(&challenge, &[]);
        assert!(matches!(read, Err(BillError::Splits)), "{splits:?}");
    }
    let mut unknown = invited(&[]);
    unknown["currency"] = json!(someone);
    assert!(matches!(
        Bill::read(&challenge_of(&unknown), &[]),
        Err(BillError::UnknownToken { .. })
    ));
    let mut word = invited(&[]);
    word["methodDetails"]["feePayer"] = json!("true");
    assert!(matches!(
        Bill::read(&challenge_of(&word), &[]),
        Err(BillError::Request(_))
    ));
}
