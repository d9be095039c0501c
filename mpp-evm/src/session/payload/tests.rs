#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::fixture::*;
use super::*;

fn objection(payload: &Value) -> Option<Objection> {
    Payload::read(&payload.to_string()).err()
}

/// Every payload of the right shape, by the name of it.
fn all() -> [(&'static str, Value); 10] {
    [
        ("open authorization", open_by_authorization()),
        ("open permit2", open_by_permit()),
        ("open hash", open_by_hash()),
        ("topUp authorization", top_up_by_authorization()),
        ("topUp permit2", top_up_by_permit()),
        ("topUp hash", top_up_by_hash()),
        ("voucher", voucher(100)),
        ("voucher open", voucher_with(open_by_authorization())),
        ("voucher topUp", voucher_with(top_up_by_permit())),
        ("close", close(100)),
    ]
}

#[test]
fn each_shape_is_read() {
    for (name, payload) in all() {
        assert_eq!(objection(&payload), None, "{name}");
    }
}

/// What is said of a payload without this member; `None` where it may be left out.
fn without(name: &str, member: &str) -> Option<Objection> {
    match (name, member) {
        // The zero address stands for the payer. What needs a salt is known with the channel.
        (_, "authorizedSigner") => None,
        (name, "salt") if name.starts_with("topUp") => None,
        // The voucher is good without what it brings along.
        ("voucher open" | "voucher topUp", "deposit") => None,
        // Without its signature an opening has no voucher.
        ("open hash", "signature") | (_, "voucherSignature") => None,
        (_, "signature") => Some(Objection::NoSignature),
        _ => Some(Objection::Shape),
    }
}

#[test]
fn every_member_must_be_there() {
    let mut seen = 0;
    for (name, payload) in all() {
        for member in payload.as_object().unwrap().keys() {
            let payload = with(&payload, &format!("/{member}"), Value::Null);
            assert_eq!(
                objection(&payload),
                without(name, member),
                "{name} without {member}"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn null_is_as_if_it_were_not_there() {
    for (name, payload) in all() {
        for member in payload.as_object().unwrap().keys() {
            let mut payload = payload.clone();
            payload[member] = Value::Null;
            assert_eq!(
                objection(&payload),
                without(name, member),
                "{name} with null for {member}"
            );
        }
    }
}

fn is_signature(member: &str) -> bool {
    matches!(member, "signature" | "voucherSignature")
}

fn opened(payload: &Value) -> Result<Open, Objection> {
    match Payload::read(&payload.to_string())? {
        Payload::Open(open) => Ok(*open),
        _ => panic!("another action: {payload}"),
    }
}

#[test]
fn an_opening_without_a_signature_has_no_voucher_and_claims_nothing() {
    for (signed, member) in [
        (open_by_authorization(), "/voucherSignature"),
        (
            with(&open_by_authorization(), "/type", json!("transaction")),
            "/voucherSignature",
        ),
        (open_by_permit(), "/voucherSignature"),
        (open_by_hash(), "/signature"),
    ] {
        assert!(opened(&signed).unwrap().voucher.is_some());
        for absent in [Value::Null, json!("")] {
            let unsigned = with(&signed, member, absent);
            for nothing in [Value::Null, json!("0")] {
                let payload = with(&unsigned, "/cumulativeAmount", nothing);
                let open = opened(&payload).unwrap();
                assert_eq!((open.voucher, open.channel), (None, opening().id()));
            }
            // An amount that nobody has signed is no credit.
            for claimed in ["1", "10000000", &u128::MAX.to_string()] {
                let payload = with(&unsigned, "/cumulativeAmount", json!(claimed));
                assert_eq!(opened(&payload).err(), Some(Objection::NoSignature));
            }
        }
    }
    // Nothing else does without: of the same member only an opening's may be empty.
    for payload in [voucher(0), close(0), top_up_by_authorization()] {
        for (absent, said) in [
            (Value::Null, Objection::NoSignature),
            (json!(""), Objection::SignatureForm),
        ] {
            let payload = with(&payload, "/signature", absent);
            assert_eq!(objection(&payload), Some(said), "{payload}");
        }
    }
}

#[test]
fn an_empty_signer_is_the_payer() {
    for (text, signer) in [
        (json!(""), Address::ZERO),
        (json!(Address::ZERO), Address::ZERO),
        (json!(PAYEE), PAYEE),
    ] {
        let payload = with(&open_by_authorization(), "/authorizedSigner", text);
        assert_eq!(opened(&payload).unwrap().authorized_signer, signer);
    }
    for odd in [json!("0x"), json!("payer"), json!(0), json!([])] {
        let payload = with(&open_by_authorization(), "/authorizedSigner", odd);
        assert_eq!(opened(&payload).err(), Some(Objection::Shape), "{payload}");
    }
}

#[test]
fn every_member_must_have_its_form() {
    let wrong = [
        json!(1),
        json!(true),
        json!(["0x"]),
        json!({}),
        json!(""),
        json!("0x"),
        json!("-1"),
        json!("01"),
        json!("1e3"),
        json!(" 1"),
        json!("0xg"),
        json!("zebra"),
    ];
    for (name, payload) in all() {
        for member in payload.as_object().unwrap().keys() {
            for value in &wrong {
                let payload = with(&payload, &format!("/{member}"), value.clone());
                let expected = match (&**member, value.is_string()) {
                    ("action", true) => Objection::Action,
                    ("type", true) => Objection::Type,
                    ("signature" | "voucherSignature", true) => Objection::SignatureForm,
                    _ => Objection::Shape,
                };
                // An empty text stands for no signature.
                let expected = match value.as_str() {
                    Some("") if without(name, member).is_none() && is_signature(member) => None,
                    _ => Some(expected),
                };
                let found = objection(&payload);
                assert_eq!(found, expected, "{name}: {value} for {member}");
            }
        }
    }
}

#[test]
fn every_member_of_a_deposit_must_be_there_and_have_its_form() {
    let inner = [
        (open_by_authorization(), "/authorization"),
        (open_by_permit(), "/authorization"),
        (open_by_permit(), "/authorization/permitted"),
        (top_up_by_permit(), "/authorization"),
        (voucher_with(open_by_authorization()), "/deposit"),
        (
            voucher_with(open_by_authorization()),
            "/deposit/authorization",
        ),
    ];
    for (payload, parent) in inner {
        let members = payload.pointer(parent).unwrap().as_object().unwrap();
        for member in members.keys() {
            for value in [Value::Null, json!(1), json!([]), json!("zebra")] {
                let expected = match (&**member, &value) {
                    ("signature", Value::Null) => Objection::NoSignature,
                    ("signature", Value::String(_)) => Objection::SignatureForm,
                    ("type", Value::String(_)) => Objection::Type,
                    ("action", Value::String(_)) => Objection::Action,
                    _ => Objection::Shape,
                };
                let pointer = format!("{parent}/{member}");
                let found = objection(&with(&payload, &pointer, value.clone()));
                assert_eq!(found, Some(expected), "{value} for {pointer}");
            }
        }
    }
}

#[test]
fn what_has_members_of_two_shapes_is_neither() {
    let authorization = open_by_authorization()["authorization"].clone();
    let hash = json!(B256::repeat_byte(1));
    let signer = json!(PAYEE);
    let signature = json!(voucher_by(&payer(), 0));
    let deposit = voucher_with(top_up_by_hash())["deposit"].clone();
    let foreign: &[(&str, Value, &[Value])] = &[
        (
            "hash",
            hash.clone(),
            &[
                open_by_authorization(),
                open_by_permit(),
                top_up_by_authorization(),
                voucher(1),
                close(1),
            ],
        ),
        (
            "authorization",
            authorization,
            &[open_by_hash(), top_up_by_hash(), voucher(1), close(1)],
        ),
        (
            "voucherSignature",
            signature,
            &[
                open_by_hash(),
                top_up_by_hash(),
                top_up_by_authorization(),
                voucher(1),
                close(1),
            ],
        ),
        (
            "additionalDeposit",
            json!("1"),
            &[open_by_hash(), open_by_permit(), voucher(1), close(1)],
        ),
        (
            "cumulativeAmount",
            json!("1"),
            &[top_up_by_hash(), top_up_by_authorization()],
        ),
        (
            "authorizedSigner",
            signer,
            &[top_up_by_hash(), voucher(1), close(1)],
        ),
        (
            "topUpSalt",
            hash.clone(),
            &[open_by_hash(), top_up_by_authorization(), voucher(1)],
        ),
        ("salt", hash, &[voucher(1), close(1)]),
        ("type", json!("hash"), &[voucher(1), close(1)]),
        (
            "deposit",
            deposit.clone(),
            &[open_by_hash(), top_up_by_authorization(), close(1)],
        ),
    ];
    for (member, value, payloads) in foreign {
        for payload in *payloads {
            let payload = with(payload, &format!("/{member}"), value.clone());
            assert_eq!(objection(&payload), Some(Objection::Shape), "{payload}");
        }
    }
    for (member, value) in [
        ("channelId", json!(opening().id())),
        ("cumulativeAmount", json!("1")),
        ("voucherSignature", json!(voucher_by(&payer(), 0))),
        ("deposit", deposit),
        ("authorizedSigner", json!(PAYEE)),
    ] {
        let payload = voucher_with(top_up_by_authorization());
        let payload = with(&payload, &format!("/deposit/{member}"), value);
        assert_eq!(objection(&payload), Some(Objection::Shape), "{payload}");
    }
}

#[test]
fn a_list_is_no_object() {
    let payload = open_by_permit();
    let permitted = json!([TOKEN, "10000000"]);
    for (pointer, list) in [
        ("/authorization/permitted", permitted),
        ("/authorization/witness", json!([PAYEE, SALT, PAYEE, null])),
        (
            "/authorization",
            json!([
                PAYER,
                payload["authorization"]["permitted"],
                "7",
                "1",
                payload["authorization"]["witness"]
            ]),
        ),
    ] {
        let payload = with(&payload, pointer, list);
        assert_eq!(objection(&payload), Some(Objection::Shape), "{pointer}");
    }
    let first = voucher_with(top_up_by_hash());
    let listed = json!([
        "topUp", "hash", null, null, "1", SALT, null, null, null, null, null, null, null
    ]);
    let payload = with(&first, "/deposit", listed);
    assert_eq!(objection(&payload), Some(Objection::Shape));
}

#[test]
fn amounts_end_where_the_contract_ends() {
    let (most, more) = (
        u128::MAX.to_string(),
        "340282366920938463463374607431768211456",
    );
    for (payload, member) in [
        (voucher(1), "/cumulativeAmount"),
        (close(1), "/cumulativeAmount"),
        (open_by_hash(), "/cumulativeAmount"),
        (top_up_by_hash(), "/additionalDeposit"),
    ] {
        assert_eq!(objection(&with(&payload, member, json!(most))), None);
        let payload = with(&payload, member, json!(more));
        assert_eq!(objection(&payload), Some(Objection::Amount), "{payload}");
    }
}

#[test]
fn only_one_form_of_a_signature_is_read() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("session signature forms");
    for case in vectors::cases(&file, "/evm/voucher") {
        for (form, good) in [
            ("signature", true),
            ("signature_high_s_must_reject", false),
            ("signature_eip2098_64_bytes", false),
            ("signature_v_0_1_form", false),
        ] {
            let Some(text) = case[form].as_str() else {
                continue;
            };
            let payload = with(&voucher(1), "/signature", json!(text));
            let expected = (!good).then_some(Objection::SignatureForm);
            assert_eq!(objection(&payload), expected, "{form}");
            tally.ran();
        }
    }
    assert!(tally.count() >= 8);
}

#[test]
fn other_buyers_words_for_the_same_are_read() {
    let transaction = with(&open_by_authorization(), "/type", json!("transaction"));
    let Ok(Payload::Open(open)) = Payload::read(&transaction.to_string()) else {
        panic!("not read: {transaction}");
    };
    assert_eq!(open.deposit.kind(), CredentialType::Authorization);
    let top_up = with(&top_up_by_authorization(), "/salt", Value::Null);
    let top_up = with(&top_up, "/topUpSalt", json!(SALT));
    let Ok(Payload::TopUp(top_up)) = Payload::read(&top_up.to_string()) else {
        panic!("not read: {top_up}");
    };
    assert_eq!(top_up.salt, Some(SALT));
}

#[test]
fn the_exchange_of_the_vectors_is_read() {
    let file = vectors::load("mpp_core.json");
    let credentials = &file["evm"]["session_exchange"]["credentials"];
    let mut tally = vectors::Tally::new("session_exchange");
    for (name, case) in credentials.as_object().unwrap() {
        let read = Payload::read(&case["payload"].to_string());
        let id = match (&**name, read.ok().unwrap()) {
            ("open_authorization", Payload::Open(open)) => {
                assert_eq!((open.voucher.unwrap().cumulative, open.salt), (0, SALT));
                open.channel
            }
            ("voucher", Payload::Voucher(VoucherPayload { voucher, first })) => {
                assert!(first.is_none());
                assert_eq!(voucher.cumulative, 250_000);
                voucher.channel
            }
            ("close", Payload::Close(voucher)) => voucher.channel,
            (name, _) => panic!("{name} is read as another action"),
        };
        assert_eq!(id, opening().id(), "{name}");
        tally.ran();
    }
    assert_eq!(tally.count(), 3);
}
