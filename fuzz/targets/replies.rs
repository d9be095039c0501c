//! What a facilitator answers: the first byte picks the status, the rest is the body.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, to_value};
use tollgate_fuzz::{base64, json, same};
use x402_core::wire::{self, SettleResponse};
use x402_core::{SettleAnswer, VerifyAnswer};

const STATUSES: [u16; 8] = [200, 201, 302, 400, 402, 409, 500, 503];

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    let status = STATUSES[usize::from(*kind) % STATUSES.len()];
    let status = StatusCode::from_u16(status).expect("a status");
    if let Ok(answer) = VerifyAnswer::read(status, body) {
        let said = json(body);
        let valid = matches!(answer, VerifyAnswer::Valid { .. });
        assert_eq!(said["isValid"], Value::Bool(valid));
        assert!(!valid || status.is_success());
    }
    match SettleAnswer::read(status, body) {
        Ok(SettleAnswer::Settled { transaction, .. }) => {
            let said = json(body);
            assert_eq!(said["success"], true);
            assert_eq!(said["transaction"], *transaction);
            assert!(status.is_success() && !transaction.is_empty());
        }
        Ok(SettleAnswer::Refused { .. }) => {
            assert_eq!(json(body)["success"], false);
            assert!(!status.is_server_error());
        }
        Ok(SettleAnswer::Pending { .. }) => assert_eq!(json(body)["success"], false),
        Ok(_) | Err(_) => {}
    }
    receipt(&base64(body));
});

/// What reads as a receipt is written as a receipt that reads the same.
fn receipt(value: &[u8]) {
    let Ok(one) = wire::decode::<SettleResponse>(value) else {
        return;
    };
    let text = wire::encode(&one).expect("what was read can be written");
    let other: SettleResponse = wire::decode(text.as_bytes()).expect("ours is read");
    let (one, other) = (
        to_value(&one).expect("JSON"),
        to_value(&other).expect("JSON"),
    );
    assert!(same(&one, &other), "{one} {other}");
}
