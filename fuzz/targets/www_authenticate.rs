//! What a buyer reads of a 402.
//!
//! The first byte says what the rest is: `WWW-Authenticate` lines, the JSON behind
//! `PAYMENT-REQUIRED`, its header values, the body of a v1 answer, a `Payment-Receipt`, or the
//! beginning of a line that is too long.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use mpp_core::{Challenge, ChallengeError, Receipt, buyer};
use mpp_evm::buyer::Bill;
use payment_core::Timestamp;
use serde_json::to_value;
use tollgate_fuzz::{base64, grown, lines, same};
use x402_core::wire::{self, MAX_HEADER_BYTES, PAYMENT_REQUIRED, PaymentRequiredAnswer, v1, v2};
use x402_evm::buyer::Exact;

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind {
        b'b' => read_402(Vec::new(), data),
        b'j' => read_402(vec![&base64(data)], b""),
        b'r' => receipt(data),
        b'v' => read_402(lines(data).collect(), b""),
        b'l' => {
            let line = grown(data, MAX_HEADER_BYTES);
            assert!(Challenge::parse_all([&*line]).is_empty());
            read_402(vec![&line], b"");
        }
        _ => challenges(data),
    }
});

fn challenges(data: &[u8]) {
    let all = Challenge::parse_all(lines(data));
    assert!(all.len() <= 64);
    for challenge in &all {
        match challenge.format() {
            Ok(text) => {
                assert!(text.is_ascii() && text.len() <= 8 * 1024);
                assert_eq!(Challenge::parse(&text).as_ref(), Ok(challenge));
                assert_eq!(
                    &Challenge::parse_all([text.as_bytes()]),
                    std::slice::from_ref(challenge)
                );
            }
            Err(error) => assert_eq!(error, ChallengeError::TooLong),
        }
        let value = buyer::answer(challenge, None, &serde_json::json!({ "type": "hash" }));
        let value = value.expect("what was read can be answered");
        let raw = mpp_core::RawCredential::find([value.as_bytes()]).map(Option::unwrap);
        if let Ok(raw) = &raw
            && !challenge.realm.is_empty()
        {
            let read = raw.read().expect("ours is read");
            assert_eq!(read.challenge, challenge.into());
        }
        if let Ok(bill) = Bill::read(challenge, &[]) {
            assert!(!bill.amount().is_zero() && !bill.legs().is_empty());
        }
    }
    let chosen = buyer::choose(&all, Timestamp::from_seconds(1_768_478_400), |_| true);
    assert!(chosen.is_none_or(|one| one.expires.is_none() || one.expires_at().is_some()));
    // The one of a line is among all of that line.
    for line in lines(data) {
        if let Ok(text) = std::str::from_utf8(line)
            && let Ok(challenge) = Challenge::parse(text)
        {
            assert_eq!(Challenge::parse_all([line]), [challenge]);
        }
    }
}

fn read_402(values: Vec<&[u8]>, body: &[u8]) {
    let mut headers = HeaderMap::new();
    for value in values {
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return;
        };
        headers.append(PAYMENT_REQUIRED, value);
    }
    let Ok(answer) = wire::read_payment_required(&headers, body) else {
        return;
    };
    assert!(headers.len() <= 1);
    let longest = headers.values().map(HeaderValue::len).max();
    assert!(longest.is_none_or(|bytes| bytes <= MAX_HEADER_BYTES));
    match answer {
        PaymentRequiredAnswer::V2(required) => {
            let text = wire::encode(&required).expect("what was read can be written");
            let twice: v2::PaymentRequired = wire::decode(text.as_bytes()).expect("ours is read");
            let (one, other) = (
                to_value(&required).expect("JSON"),
                to_value(&twice).expect("JSON"),
            );
            assert!(same(&one, &other), "{one} {other}");
            let offers = required.accepts.iter();
            offers
                .filter_map(|offer| Exact::from_v2(offer).ok())
                .for_each(|exact| check(&exact));
        }
        PaymentRequiredAnswer::V1(required) => {
            let json = serde_json::to_vec(&required).expect("what was read can be written");
            let twice: v1::PaymentRequired = serde_json::from_slice(&json).expect("ours is read");
            let (one, other) = (
                to_value(&required).expect("JSON"),
                to_value(&twice).expect("JSON"),
            );
            assert!(same(&one, &other), "{one} {other}");
            let offers = required.accepts.iter();
            offers
                .filter_map(|offer| Exact::from_v1(offer).ok())
                .for_each(|exact| check(&exact));
        }
        _ => unreachable!("two versions"),
    }
}

fn check(exact: &Exact) {
    assert!(!exact.amount.is_zero());
}

fn receipt(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(one) = Receipt::parse(text) else {
        return;
    };
    assert!(one.paid_at().is_some());
    let other = Receipt::parse(&one.format()).expect("ours is read");
    assert_eq!(
        (&one.method, &one.timestamp),
        (&other.method, &other.timestamp)
    );
    assert_eq!(one.reference, other.reference);
    assert!(same(&one.members.into(), &other.members.into()));
}
