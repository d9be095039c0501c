use alloy_primitives::hex;
use serde_json::{Value, json};

use super::*;
use crate::session::ChannelError;
use crate::session::testing::{Buyer, OPENED};

/// As the SDKs write it: deposited 1000, authorized 500, spent 200.
fn foreign(buyer: &Buyer) -> Value {
    let signature = buyer.voucher(500).signature.to_bytes();
    json!({
        "channelId": buyer.id().to_string(),
        "chainId": 196,
        "escrowContract": buyer.venue().escrow.to_string(),
        "payer": buyer.opening().payer.to_string(),
        "payee": buyer.venue().payee.to_string(),
        "token": buyer.venue().token.to_string(),
        "authorizedSigner": buyer.opening().signer().to_string(),
        "deposit": 1000,
        "highestVoucherAmount": 500,
        "highestVoucherSignature": STANDARD.encode(signature),
        "minVoucherDelta": 10,
        "spent": 200,
        "units": 2,
        "finalized": false,
        "closeRequestedAt": 0,
        "createdAt": "2026-01-15T12:05:00Z",
    })
}

fn read(record: &Value) -> Result<Channel, StateError> {
    ChannelState::from_json(record.to_string().as_bytes())?.channel()
}

fn written(channel: &Channel) -> Vec<u8> {
    ChannelState::from(channel).to_json().unwrap()
}

/// In either spelling, whatever it begins with: a voucher that can't be read again is lost.
#[test]
fn every_signature_is_read_as_it_was_written() {
    let buyer = Buyer::new(1);
    let mut record = foreign(&buyer);
    let mut signature = [7; 65];
    // Every two characters that base64 can begin with.
    let seconds = || (0..=255).step_by(16);
    for (first, second) in (0..=255).flat_map(|first| seconds().map(move |second| (first, second)))
    {
        signature[..2].copy_from_slice(&[first, second]);
        let base64 = STANDARD.encode(signature);
        for spelling in [base64, hex::encode_prefixed(signature)] {
            record["highestVoucherSignature"] = json!(spelling);
            let state: ChannelState = serde_json::from_value(record.clone()).unwrap();
            let read = state.highest_voucher_signature.unwrap();
            assert_eq!(read.to_bytes(), signature, "{spelling}");
            let again = serde_json::to_vec(&state).unwrap();
            let again = ChannelState::from_json(&again).unwrap();
            assert_eq!(again.highest_voucher_signature, Some(read));
        }
    }
}

#[test]
fn the_record_of_another_sdk_is_a_sound_channel() {
    let buyer = Buyer::new(1);
    let channel = read(&foreign(&buyer)).unwrap();
    assert!(channel.is_sound());
    assert_eq!(channel.voucher(), Some(buyer.voucher(500)));
    assert_eq!(channel.key.unwrap().address().unwrap(), channel.signer());
    assert_eq!((channel.accepted(), channel.spent()), (500, 200));
    assert_eq!((channel.settled(), channel.units()), (0, 2));
    assert_eq!(channel.venue(), &buyer.venue());
    assert_eq!(channel.created_at().seconds(), 1_768_478_700);
    // The chain was never read, so it is read before anything is served.
    assert_eq!(channel.seen_at(), Timestamp::default());
    assert_eq!(
        channel
            .observe(&buyer.chain(1000), OPENED)
            .unwrap()
            .deposit(),
        1000
    );
}

#[test]
fn what_we_write_is_what_the_sdks_read() {
    let buyer = Buyer::new(1);
    let mut record = foreign(&buyer);
    let ours = written(&read(&record).unwrap());
    assert!(ours.ends_with(b"\n}\n"));
    let mut ours: Value = serde_json::from_slice(&ours).unwrap();
    let beside = ours.as_object_mut().unwrap().remove("tollgate").unwrap();
    assert!(beside["key"].as_str().unwrap().starts_with("0x0"));
    // Not kept with the channel: the price list says it.
    record.as_object_mut().unwrap().remove("minVoucherDelta");
    for address in ["escrowContract", "payee", "token"] {
        let lower = |value: &Value| value[address].as_str().unwrap().to_lowercase();
        assert_eq!(lower(&ours), lower(&record));
        ours[address] = record[address].clone();
    }
    assert_eq!(ours, record);
}

#[test]
fn every_state_is_read_as_it_was_written() {
    let buyer = Buyer::new(1);
    let delegated = Buyer::delegated(2, Address::repeat_byte(7));
    for channel in buyer.channels().into_iter().chain(delegated.channels()) {
        let record = written(&channel);
        let state = ChannelState::from_json(&record).unwrap();
        assert_eq!(state.channel().unwrap(), channel);
        assert_eq!(state.to_json().unwrap(), record);
    }
}

#[test]
fn amounts_of_any_size_are_numbers_and_exact() {
    let buyer = Buyer::new(1);
    let channel = buyer.accept(&buyer.channel(u128::MAX), u128::MAX - 1);
    let text = String::from_utf8(written(&channel)).unwrap();
    assert!(text.contains("\"deposit\": 340282366920938463463374607431768211455,"));
    assert!(text.contains("\"highestVoucherAmount\": 340282366920938463463374607431768211454,"));
    let quoted = text
        .replace("211455,", "211455\",")
        .replace("\"deposit\": ", "\"deposit\": \"");
    for text in [&text, &quoted] {
        let state = ChannelState::from_json(text.as_bytes()).unwrap();
        assert_eq!(state.channel().unwrap(), channel);
    }
}

#[test]
fn numbers_texts_and_nothing_are_amounts_and_all_else_is_not() {
    let buyer = Buyer::new(1);
    let deposit = |text: &str| {
        let record = foreign(&buyer).to_string();
        let record = record.replace("\"deposit\":1000", &format!("\"deposit\":{text}"));
        ChannelState::from_json(record.as_bytes()).map(|state| state.deposit)
    };
    for (text, amount) in [
        ("0", 0),
        ("null", 0),
        ("\"0\"", 0),
        ("9007199254740993", 9_007_199_254_740_993),
        ("\"18446744073709551616\"", 1 << 64),
        ("18446744073709551617", (1 << 64) + 1),
        ("340282366920938463463374607431768211455", u128::MAX),
    ] {
        assert_eq!(deposit(text).unwrap(), amount, "{text}");
    }
    for text in [
        "340282366920938463463374607431768211456",
        "-1",
        "1.0",
        "1e3",
        "\"1e3\"",
        "\"0x10\"",
        "\"\"",
        "\" 1\"",
        "\"01\"",
        "\"+1\"",
        "true",
        "[]",
    ] {
        assert!(deposit(text).is_err(), "{text}");
    }
}

#[test]
fn an_amount_without_a_signature_authorizes_nothing() {
    let buyer = Buyer::new(1);
    let mut record = foreign(&buyer);
    record["spent"] = json!(0);
    for none in [json!(""), Value::Null] {
        record["highestVoucherSignature"] = none;
        let channel = read(&record).unwrap();
        assert_eq!((channel.accepted(), channel.voucher()), (0, None));
        let refused = channel.charge(0, 1, 1, OPENED);
        assert!(matches!(refused, Err(ChannelError::Insufficient { .. })));
    }
    // Nor is it known what was spent of it.
    record["spent"] = json!(1);
    assert!(matches!(read(&record), Err(StateError::Unsound)));
}

#[test]
fn vouchers_are_checked_when_they_are_read() {
    let buyer = Buyer::new(1);
    for known in [false, true] {
        let mut record = foreign(&buyer);
        if known {
            record = serde_json::from_slice(&written(&read(&record).unwrap())).unwrap();
        }
        record["highestVoucherAmount"] = json!(501);
        assert!(
            matches!(read(&record), Err(StateError::Voucher(_))),
            "{known}"
        );
        record["highestVoucherAmount"] = json!(500);
        assert!(read(&record).is_ok());
        record["chainId"] = json!(197);
        assert!(
            matches!(read(&record), Err(StateError::Voucher(_))),
            "{known}"
        );
    }
    let covered = buyer.accept(&read(&foreign(&buyer)).unwrap(), 600);
    let mut record: Value = serde_json::from_slice(&written(&covered)).unwrap();
    assert_eq!(record["tollgate"]["cover"]["cumulative"], 500);
    record["tollgate"]["cover"]["cumulative"] = json!(400);
    assert!(matches!(read(&record), Err(StateError::Voucher(_))));
    // A key of somebody else is no key of the channel.
    let other = payment_evm::LocalSigner::random().unwrap();
    let digest = alloy_primitives::B256::ZERO;
    let (_, key) = other.sign(&digest).unwrap().recover_key(&digest).unwrap();
    let mut record: Value = serde_json::from_slice(&written(&buyer.channel(1))).unwrap();
    record["tollgate"]["key"] = json!(hex::encode_prefixed(key.to_bytes()));
    assert!(matches!(read(&record), Err(StateError::Voucher(_))));
}

#[test]
fn a_stored_signature_of_any_v_is_spelled_as_contracts_take_it() {
    let buyer = Buyer::new(1);
    let signed = buyer.voucher(500);
    let mut bytes = signed.signature.to_bytes();
    for v in [0, 1, 27, 28, 35, 37] {
        bytes[64] = v;
        let mut record = foreign(&buyer);
        for text in [STANDARD.encode(bytes), hex::encode_prefixed(bytes)] {
            record["highestVoucherSignature"] = json!(text);
            assert_eq!(read(&record).unwrap().voucher(), Some(signed), "{v}");
        }
    }
    let mut record = foreign(&buyer);
    record["highestVoucherSignature"] = json!(STANDARD.encode(&bytes[..64]));
    assert!(matches!(read(&record), Err(StateError::Json(_))));
}

#[test]
fn what_does_not_fit_together_is_no_channel() {
    let buyer = Buyer::new(1);
    let ours =
        || -> Value { serde_json::from_slice(&written(&read(&foreign(&buyer)).unwrap())).unwrap() };
    let cases: [fn(&mut Value); 7] = [
        |it| it["deposit"] = json!(499),
        |it| it["spent"] = json!(501),
        |it| it["tollgate"]["settled"] = json!(1001),
        |it| it["tollgate"]["holds"] = json!([{"id": 1, "amount": 301, "until": 5}]),
        |it| it["tollgate"]["holds"] = json!([{"id": 1, "amount": u64::MAX, "until": 5}]),
        |it| {
            let twice = json!({"id": 1, "amount": 1, "until": 5});
            it["tollgate"]["holds"] = json!([twice, twice]);
        },
        |it| {
            let many: Vec<_> = (0..65)
                .map(|id| json!({"id": id, "amount": 0, "until": 5}))
                .collect();
            it["tollgate"]["holds"] = json!(many);
        },
    ];
    for (at, spoil) in cases.into_iter().enumerate() {
        let mut record = ours();
        spoil(&mut record);
        assert!(matches!(read(&record), Err(StateError::Unsound)), "{at}");
    }
}

#[test]
fn members_unknown_and_absent_are_taken_as_the_sdks_take_them() {
    let buyer = Buyer::new(1);
    let mut record = foreign(&buyer);
    record["somethingNew"] = json!({"a": [1, 2]});
    assert!(read(&record).is_ok());
    record["authorizedSigner"] = json!("");
    assert_eq!(read(&record).unwrap().signer(), buyer.opening().payer);
    record["authorizedSigner"] = json!(Address::ZERO.to_string());
    assert_eq!(read(&record).unwrap().signer(), buyer.opening().payer);
    for member in [
        "units",
        "finalized",
        "closeRequestedAt",
        "createdAt",
        "authorizedSigner",
    ] {
        record.as_object_mut().unwrap().remove(member);
        assert!(read(&record).is_ok(), "{member}");
    }
    for member in [
        "channelId",
        "chainId",
        "escrowContract",
        "payer",
        "payee",
        "deposit",
    ] {
        let mut record = record.clone();
        record.as_object_mut().unwrap().remove(member);
        assert!(
            matches!(read(&record), Err(StateError::Json(_))),
            "{member}"
        );
    }
    // Nobody knows what a channel without a token is worth.
    for token in [json!(""), Value::Null, json!(Address::ZERO.to_string())] {
        record["token"] = token;
        assert!(matches!(read(&record), Err(StateError::NoToken)));
    }
}

#[test]
fn torn_records_are_no_channels() {
    let buyer = Buyer::new(1);
    let record = written(&read(&foreign(&buyer)).unwrap());
    let end = record.len() - 2;
    for length in 0..end {
        assert!(
            ChannelState::from_json(&record[..length]).is_err(),
            "{length}"
        );
    }
    let twice = [&record[..], &record[..]].concat();
    assert!(ChannelState::from_json(&twice).is_err());
    let text = String::from_utf8(record).unwrap();
    let double = text.replacen("\"spent\"", "\"deposit\": 5, \"spent\"", 1);
    assert!(ChannelState::from_json(double.as_bytes()).is_err());
}

#[test]
fn a_record_shows_no_signature() {
    let buyer = Buyer::new(1);
    let state = ChannelState::from(&buyer.accept(&buyer.channel(10), 5));
    let signature = hex::encode(buyer.voucher(5).signature.to_bytes());
    let shown = format!("{state:?}");
    assert!(!shown.contains(&signature[20..40]), "{shown}");
}
