//! What OKX answers: what it is wrapped in, and the receipts in it.
//!
//! The first byte is the HTTP status, in tens from 200.
#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// The client's own files: they are no part of its interface, and need nothing of the rest.
#[path = "../../gateways/src/okx/code.rs"]
#[allow(dead_code, unreachable_pub)]
mod code;
#[path = "../../gateways/src/okx/envelope.rs"]
mod envelope;
#[path = "../../gateways/src/okx/fault.rs"]
#[allow(dead_code)]
mod fault;
#[path = "../../gateways/src/okx/wire.rs"]
#[allow(dead_code)]
mod wire;

use code::ApiCode;
use fault::OkxFault;

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else {
        return;
    };
    let number = 200 + u16::from(first % 40) * 10;
    let Ok(status) = StatusCode::from_u16(number) else {
        return;
    };
    match envelope::data(status, body) {
        Ok(data) => believed(status, body, data.get()),
        Err(fault) => quiet(&fault),
    }
});

/// What is taken for data comes with a success, and stands in the answer with no code but 0.
fn believed(status: StatusCode, body: &[u8], data: &str) {
    assert!(status.is_success());
    let whole: Value = serde_json::from_slice(body).expect("it was read before");
    let data: Value = serde_json::from_str(data).expect("it was read before");
    assert!(data.is_object());
    match whole.get("code") {
        None => assert_eq!(data, whole),
        Some(code) => {
            assert!(*code == 0 || *code == "0", "{code}");
            let held = &whole["data"];
            let sole = held.as_array().is_some_and(|list| list.len() == 1);
            assert_eq!(data, if sole { held[0].clone() } else { held.clone() });
        }
    }
    let text = data.to_string();
    if let Ok(receipt) = serde_json::from_str::<wire::ChargeReceipt>(&text) {
        let said = data["reference"].as_str().unwrap_or_default();
        let same = |hash: alloy_primitives::B256| hash.to_string().eq_ignore_ascii_case(said);
        assert!(receipt.reference.is_none_or(same));
    }
    if let Ok(receipt) = serde_json::from_str::<wire::SessionReceipt>(&text) {
        let said = &data["deposit"];
        let same = |held: u128| *said == *held.to_string() || *said == Value::from(held as u64);
        assert!(receipt.deposit.is_none_or(same), "{said}");
    }
    if let Ok(status) = serde_json::from_str::<wire::SessionStatus>(&text) {
        assert!(!data["sessionStatus"].is_null());
        let _ = status.deposit.checked_sub(status.settled_on_chain);
    }
}

/// No text of the answer is repeated: what is said fits in a line of ours.
fn quiet(fault: &OkxFault) {
    assert!(fault.to_string().len() < 120, "{fault}");
}
