//! Reading authorizations, their window and their name.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{U256, address};
use payment_core::Timestamp;
use payment_evm::{Authorization, Untimely, permit2};
use serde_json::{Value, json};

fn message() -> Value {
    json!({
        "from": "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "to": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "value": "10000",
        "validAfter": "1740672089",
        "validBefore": "1740672154",
        "nonce": "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480",
    })
}

fn with(member: &str, value: Value) -> Result<Authorization, serde_json::Error> {
    let mut message = message();
    message[member] = value;
    serde_json::from_value(message)
}

#[test]
fn amounts_have_one_spelling() {
    for member in ["value", "validAfter", "validBefore"] {
        for bad in [
            "", "+1", "-1", "01", "0x1", "1.0", "1e3", " 1", "1 ", "１", "1_0",
        ] {
            assert!(with(member, json!(bad)).is_err(), "{member} {bad:?}");
        }
        assert!(with(member, json!(1)).is_err(), "{member} as a number");
        assert!(
            with(member, json!(U256::MAX.to_string())).is_ok(),
            "{member} at its most"
        );
        assert!(
            with(member, json!(format!("{}0", U256::MAX))).is_err(),
            "{member} beyond"
        );
    }
}

#[test]
fn hex_has_its_exact_length() {
    let nonce = "f3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480";
    for bad in [
        nonce.to_owned(),
        format!("0x{nonce}00"),
        format!("0x{}", &nonce[2..]),
    ] {
        assert!(with("nonce", json!(bad)).is_err(), "{bad}");
    }
    for bad in [
        "",
        "0x",
        "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "vitalik.eth",
    ] {
        assert!(with("from", json!(bad)).is_err(), "{bad}");
    }
}

#[test]
fn addresses_come_in_any_case_and_leave_with_a_checksum() {
    let lower = with("to", json!("0x209693bc6afc0c5328ba36faf03c514ef312287c")).unwrap();
    let upper = with("to", json!("0x209693BC6AFC0C5328BA36FAF03C514EF312287C")).unwrap();
    assert_eq!(lower, upper);
    assert_eq!(serde_json::to_value(lower).unwrap(), message());
}

#[test]
fn strange_members_are_ignored_missing_and_double_ones_are_not() {
    assert!(with("colour", json!("red")).is_ok());
    let mut short = message();
    short.as_object_mut().unwrap().remove("nonce");
    assert!(serde_json::from_value::<Authorization>(short).is_err());
    let text = message().to_string();
    let double = format!("{{\"value\":\"1\",{}", &text[1..]);
    assert!(serde_json::from_str::<Authorization>(&double).is_err());
}

#[test]
fn window_is_closed_on_the_safe_side() {
    let authorization: Authorization = serde_json::from_value(message()).unwrap();
    let at = |seconds| authorization.in_time(Timestamp::from_seconds(seconds), 6);
    assert_eq!(at(1_740_672_088), Err(Untimely::NotYet));
    assert_eq!(at(1_740_672_089), Ok(()));
    assert_eq!(at(1_740_672_148), Ok(()));
    assert_eq!(at(1_740_672_149), Err(Untimely::Expired));
    assert_eq!(at(u64::MAX), Err(Untimely::Expired));
    let unbounded = with("validBefore", json!(U256::MAX.to_string())).unwrap();
    assert_eq!(
        unbounded.in_time(Timestamp::from_seconds(u64::MAX), u64::MAX),
        Ok(())
    );
}

#[test]
fn the_record_lasts_as_long_as_the_authorization() {
    let authorization: Authorization = serde_json::from_value(message()).unwrap();
    assert_eq!(
        authorization.valid_until(),
        Timestamp::from_seconds(1_740_672_154)
    );
    let unbounded = with("validBefore", json!(U256::MAX.to_string())).unwrap();
    assert_eq!(unbounded.valid_until(), Timestamp::from_seconds(u64::MAX));
}

#[test]
fn a_nonce_is_one_thing_however_it_is_spelled_and_for_whatever_amount() {
    let token = address!("0x036CbD53842c5426634e7929541eC2318f3dCF7e");
    let other = address!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
    let key = with("value", json!("1")).unwrap().replay_key(84532, token);
    let nonce = message()["nonce"].as_str().unwrap()[2..].to_uppercase();
    let same = with("nonce", json!(format!("0x{nonce}"))).unwrap();
    assert_eq!(key, same.replay_key(84532, token));
    assert_ne!(key, same.replay_key(8453, token));
    assert_ne!(key, same.replay_key(84532, other));
    let from_other = with("from", json!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C")).unwrap();
    assert_ne!(key, from_other.replay_key(84532, token));
    let next = with("nonce", json!(format!("0x{}", "00".repeat(32)))).unwrap();
    assert_ne!(key, next.replay_key(84532, token));
}

#[test]
fn a_permit_nonce_belongs_to_its_owner_and_contract() {
    let (owner, other) = (permit2::EXACT_PROXY, permit2::PERMIT2);
    let key = permit2::replay_key(1, permit2::PERMIT2, owner, U256::from(1));
    assert_eq!(
        key,
        permit2::replay_key(1, permit2::PERMIT2, owner, U256::from(1))
    );
    for different in [
        permit2::replay_key(2, permit2::PERMIT2, owner, U256::from(1)),
        permit2::replay_key(1, owner, owner, U256::from(1)),
        permit2::replay_key(1, permit2::PERMIT2, other, U256::from(1)),
        permit2::replay_key(1, permit2::PERMIT2, owner, U256::from(2)),
    ] {
        assert_ne!(key, different);
    }
}
