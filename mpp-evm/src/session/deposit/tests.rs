#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use payment_core::{Timestamp, usd};
use serde_json::{Value, json};

use super::super::Session;
use super::super::fixture::*;
use super::*;
use crate::CredentialType;

const OTHER_DID: &str = "did:pkh:eip155:196:0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const OTHER_CHAIN_DID: &str = "did:pkh:eip155:1:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const TOO_MUCH: &str = "340282366920938463463374607431768211456";

/// A session that knows the channel.
fn knowing() -> Session<NeverAsked> {
    let session = session();
    with_channel(&session, channel());
    session
}

#[test]
fn good_deposits_come_as_far_as_the_escrow() {
    for payload in [
        open_by_authorization(),
        open_by_permit(),
        open_by_hash(),
        top_up_by_authorization(),
        top_up_by_permit(),
        top_up_by_hash(),
        voucher_with(open_by_authorization()),
        voucher_with(open_by_permit()),
        voucher_with(top_up_by_authorization()),
        voucher_with(top_up_by_permit()),
        close(100),
    ] {
        let came = present(&knowing(), &payload, Some(PAYER_DID), NOW);
        assert_eq!(came, Came::Through, "{payload}");
    }
    // Who signs need not be said.
    for payload in [open_by_authorization(), top_up_by_permit()] {
        assert_eq!(present(&knowing(), &payload, None, NOW), Came::Through);
    }
}

/// A payload with a member changed, and what is said to that.
fn changed() -> Vec<(Value, &'static str, Value, Objection)> {
    let word = json!(B256::repeat_byte(0x77));
    let theirs = json!(PAYEE);
    let by_other = json!(voucher_by(&other(), 0));
    let nobodys = json!(of_nobody());
    let rows = |payload: Value, rows: &[(&'static str, Value, Objection)]| {
        let row = |(pointer, value, said): &(&'static str, Value, Objection)| {
            (payload.clone(), *pointer, value.clone(), *said)
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let all = [
        rows(
            open_by_authorization(),
            &[
                ("/channelId", word.clone(), Objection::ChannelId),
                ("/salt", word.clone(), Objection::ChannelId),
                ("/authorizedSigner", theirs.clone(), Objection::ChannelId),
                ("/authorization/nonce", word.clone(), Objection::Nonce),
                ("/authorization/to", theirs.clone(), Objection::Escrow),
                ("/authorization/to", json!(TOKEN), Objection::Escrow),
                ("/authorization/value", json!(TOO_MUCH), Objection::Amount),
                (
                    "/authorization/value",
                    json!("99"),
                    Objection::DepositTooSmall,
                ),
                ("/authorization/value", json!("9999999"), Objection::Signer),
                ("/authorization/validBefore", json!("1"), Objection::Expired),
                (
                    "/authorization/validAfter",
                    json!("1743523001"),
                    Objection::NotYet,
                ),
                ("/signature", by_other.clone(), Objection::Signer),
                ("/signature", nobodys.clone(), Objection::Signature),
                ("/voucherSignature", by_other.clone(), Objection::Signer),
                ("/voucherSignature", nobodys.clone(), Objection::Signature),
                ("/cumulativeAmount", json!("1"), Objection::Signer),
            ],
        ),
        rows(
            open_by_permit(),
            &[
                ("/channelId", word.clone(), Objection::ChannelId),
                (
                    "/authorization/witness/payee",
                    theirs_but(PAYEE),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/payee",
                    Value::Null,
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/salt",
                    word.clone(),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/salt",
                    Value::Null,
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/authorizedSigner",
                    theirs.clone(),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/channelId",
                    json!(opening().id()),
                    Objection::Witness,
                ),
                (
                    "/authorization/permitted/token",
                    theirs.clone(),
                    Objection::Token,
                ),
                (
                    "/authorization/permitted/amount",
                    json!(TOO_MUCH),
                    Objection::Amount,
                ),
                (
                    "/authorization/permitted/amount",
                    json!("99"),
                    Objection::DepositTooSmall,
                ),
                (
                    "/authorization/permitted/amount",
                    json!("9999999"),
                    Objection::Signer,
                ),
                ("/authorization/nonce", json!("8"), Objection::Signer),
                (
                    "/authorization/deadline",
                    json!("1743523029"),
                    Objection::Expired,
                ),
                ("/signature", by_other.clone(), Objection::Signer),
                ("/signature", nobodys.clone(), Objection::Signature),
            ],
        ),
        rows(
            open_by_hash(),
            &[
                ("/channelId", word.clone(), Objection::ChannelId),
                ("/salt", word.clone(), Objection::ChannelId),
                ("/signature", by_other.clone(), Objection::Signer),
                ("/signature", nobodys.clone(), Objection::Signature),
            ],
        ),
        rows(
            top_up_by_authorization(),
            &[
                ("/channelId", word.clone(), Objection::Nonce),
                ("/salt", word.clone(), Objection::Nonce),
                ("/salt", Value::Null, Objection::Shape),
                ("/authorization/nonce", word.clone(), Objection::Nonce),
                ("/authorization/value", json!("500001"), Objection::Nonce),
                ("/authorization/to", theirs.clone(), Objection::Escrow),
                ("/authorization/value", json!(TOO_MUCH), Objection::Amount),
                (
                    "/additionalDeposit",
                    json!("500001"),
                    Objection::DepositAmount,
                ),
                (
                    "/authorization/validBefore",
                    json!("1743523029"),
                    Objection::Expired,
                ),
                ("/signature", by_other.clone(), Objection::Signer),
            ],
        ),
        rows(
            top_up_by_permit(),
            &[
                ("/channelId", word.clone(), Objection::Witness),
                (
                    "/authorization/witness/channelId",
                    word.clone(),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/channelId",
                    Value::Null,
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/payee",
                    theirs.clone(),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/salt",
                    word.clone(),
                    Objection::Witness,
                ),
                (
                    "/authorization/witness/authorizedSigner",
                    theirs.clone(),
                    Objection::Witness,
                ),
                ("/authorization/permitted/token", theirs, Objection::Token),
                (
                    "/authorization/permitted/amount",
                    json!("500001"),
                    Objection::DepositAmount,
                ),
                (
                    "/authorization/permitted/amount",
                    json!("0"),
                    Objection::DepositAmount,
                ),
                (
                    "/additionalDeposit",
                    json!("500001"),
                    Objection::DepositAmount,
                ),
                ("/signature", by_other.clone(), Objection::Signer),
            ],
        ),
        rows(
            top_up_by_hash(),
            &[
                ("/additionalDeposit", json!("0"), Objection::DepositTooSmall),
                ("/channelId", word.clone(), Objection::UnknownChannel),
            ],
        ),
        rows(
            voucher(100),
            &[
                ("/channelId", word.clone(), Objection::UnknownChannel),
                ("/cumulativeAmount", json!("101"), Objection::Signer),
                ("/signature", by_other.clone(), Objection::Signer),
                ("/signature", nobodys.clone(), Objection::Signature),
                ("/signature", json!("0x"), Objection::SignatureForm),
                ("/signature", Value::Null, Objection::NoSignature),
                ("/action", json!("pay"), Objection::Action),
            ],
        ),
        rows(
            close(100),
            &[
                ("/channelId", word.clone(), Objection::UnknownChannel),
                ("/signature", by_other.clone(), Objection::Signer),
                ("/signature", nobodys, Objection::Signature),
            ],
        ),
        rows(
            voucher_with(open_by_authorization()),
            &[
                ("/channelId", word.clone(), Objection::ChannelId),
                ("/deposit/salt", word.clone(), Objection::ChannelId),
                (
                    "/deposit/authorization/nonce",
                    word.clone(),
                    Objection::Nonce,
                ),
                ("/deposit/signature", by_other.clone(), Objection::Signer),
                (
                    "/deposit/authorization/validBefore",
                    json!("1"),
                    Objection::Expired,
                ),
                ("/deposit/type", json!("gold"), Objection::Type),
            ],
        ),
        rows(
            voucher_with(top_up_by_authorization()),
            &[
                ("/deposit/salt", word, Objection::Nonce),
                ("/deposit/signature", by_other, Objection::Signer),
            ],
        ),
    ];
    all.into_iter().flatten().collect()
}

fn theirs_but(address: Address) -> Value {
    assert_ne!(address, PAYER);
    json!(PAYER)
}

#[test]
fn every_member_that_differs_is_refused_by_its_own_objection() {
    for (payload, pointer, value, said) in changed() {
        let payload = with(&payload, pointer, value.clone());
        let came = present(&knowing(), &payload, Some(PAYER_DID), NOW);
        let action = &payload["action"];
        assert_eq!(came, Came::Against(said), "{action}: {value} for {pointer}");
    }
}

#[test]
fn a_source_must_be_the_payer_on_this_chain() {
    for (payload, source, said) in [
        (open_by_hash(), None, Objection::Source),
        (top_up_by_hash(), None, Objection::Source),
        (open_by_hash(), Some("0xf39F"), Objection::Source),
        (open_by_hash(), Some(OTHER_CHAIN_DID), Objection::Source),
        // Another payer, another channel.
        (open_by_hash(), Some(OTHER_DID), Objection::ChannelId),
        (top_up_by_hash(), Some(OTHER_DID), Objection::Payer),
        (open_by_authorization(), Some(OTHER_DID), Objection::Source),
        (top_up_by_permit(), Some(OTHER_DID), Objection::Source),
        (open_by_permit(), Some(OTHER_CHAIN_DID), Objection::Source),
        (
            voucher_with(open_by_permit()),
            Some(OTHER_DID),
            Objection::Source,
        ),
    ] {
        let came = present(&knowing(), &payload, source, NOW);
        assert_eq!(came, Came::Against(said), "{source:?} {payload}");
    }
}

#[test]
fn only_types_that_are_offered_are_taken() {
    let by_hash_alone = session().deposits([CredentialType::Hash]);
    for payload in [
        open_by_authorization(),
        open_by_permit(),
        top_up_by_authorization(),
        top_up_by_permit(),
        voucher_with(open_by_authorization()),
        voucher_with(top_up_by_permit()),
    ] {
        let came = present(&by_hash_alone, &payload, None, NOW);
        assert_eq!(came, Came::Against(Objection::NotOffered), "{payload}");
    }
    let came = present(&by_hash_alone, &open_by_hash(), Some(PAYER_DID), NOW);
    assert_eq!(came, Came::Through);
}

#[test]
fn gas_is_not_spent_on_additions_below_the_least_deposit() {
    let asking = |least| knowing().min_deposit(least);
    for payload in [top_up_by_authorization(), top_up_by_permit()] {
        let enough = present(&asking(usd!("0.5")), &payload, None, NOW);
        assert_eq!(enough, Came::Through, "{payload}");
        let short = present(&asking(usd!("0.500001")), &payload, None, NOW);
        assert_eq!(
            short,
            Came::Against(Objection::DepositTooSmall),
            "{payload}"
        );
    }
    // The payer's own transaction costs us nothing.
    let brought = top_up_by_hash();
    let came = present(&asking(usd!("0.500001")), &brought, Some(PAYER_DID), NOW);
    assert_eq!(came, Came::Through);
}

#[test]
fn a_deposit_must_stay_valid_until_it_is_mined() {
    let last = NOW.seconds() + 500 - 30;
    for payload in [
        open_by_authorization(),
        open_by_permit(),
        voucher_with(open_by_permit()),
    ] {
        for (now, expected) in [
            (last, Came::Through),
            (last + 1, Came::Against(Objection::Expired)),
        ] {
            let session = knowing().clock(Standing(Timestamp::from_seconds(now)));
            let channel = channel();
            with_channel(&session, channel);
            let came = present(&session, &payload, None, Timestamp::from_seconds(now));
            assert_eq!(came, expected, "{payload}");
        }
    }
}

#[test]
fn every_objection_is_reached() {
    let mut reached: HashSet<_> = changed()
        .iter()
        .map(|(.., said)| format!("{said:?}"))
        .collect();
    // By the tests above.
    for said in [Objection::Source, Objection::Payer, Objection::NotOffered] {
        reached.insert(format!("{said:?}"));
    }
    let all: HashSet<_> = Objection::ALL
        .iter()
        .map(|said| format!("{said:?}"))
        .collect();
    assert_eq!(reached, all);
}

#[test]
fn the_first_check_that_fails_is_what_is_said() {
    // Everything is wrong; what costs less is asked first, and signatures last.
    let mut payload = open_by_authorization();
    payload["signature"] = json!(of_nobody());
    payload["voucherSignature"] = json!(of_nobody());
    payload["authorization"]["validBefore"] = json!("1");
    payload["authorization"]["value"] = json!("1");
    payload["authorization"]["to"] = json!(PAYEE);
    payload["authorization"]["nonce"] = json!(B256::repeat_byte(9));
    payload["channelId"] = json!(B256::repeat_byte(9));
    let by_hash_alone = session().deposits([CredentialType::Hash]);
    let came = present(&by_hash_alone, &payload, Some(OTHER_DID), NOW);
    assert_eq!(came, Came::Against(Objection::NotOffered));
    let good = open_by_authorization();
    let mut source = Some(OTHER_DID);
    for (pointer, said) in [
        ("", Objection::Source),
        ("/channelId", Objection::ChannelId),
        ("/authorization/nonce", Objection::Nonce),
        ("/authorization/to", Objection::Escrow),
        ("/authorization/value", Objection::DepositTooSmall),
        ("/authorization/validBefore", Objection::Expired),
        ("/signature", Objection::Signature),
        ("/voucherSignature", Objection::Signature),
    ] {
        let came = present(&session(), &payload, source.take(), NOW);
        assert_eq!(came, Came::Against(said), "{pointer}");
        source = None;
        if !pointer.is_empty() {
            payload = with(&payload, pointer, good.pointer(pointer).unwrap().clone());
        }
    }
    assert_eq!(present(&session(), &payload, None, NOW), Came::Through);
}
