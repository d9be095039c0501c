//! The v1 payment header of a request.
//!
//! The first byte says what the rest is: header values line by line, the JSON behind one, or
//! the beginning of one that is too long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::to_value;
use tollgate_fuzz::{base64, grown, lines, same, x402};
use x402_core::Version;
use x402_core::wire::{self, MAX_HEADER_BYTES, v1};

const NAME: &str = "x-payment";

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind {
        b'l' => x402::present_too_long(NAME, &grown(data, MAX_HEADER_BYTES)),
        b'h' => {
            x402::present(NAME, Version::V1, lines(data).collect());
            lines(data).for_each(again);
        }
        _ => {
            let value = base64(data);
            x402::present(NAME, Version::V1, vec![&value]);
            again(&value);
        }
    }
});

/// What reads as a message is written as a message that reads the same; its text is escaped.
fn again(value: &[u8]) {
    let Ok(message) = wire::decode::<v1::PaymentPayload>(value) else {
        return;
    };
    let text = wire::encode_ascii(&message).expect("what was read can be written");
    assert!(text.is_ascii());
    let twice: v1::PaymentPayload = wire::decode(text.as_bytes()).expect("ours is read");
    let (one, other) = (
        to_value(&message).expect("JSON"),
        to_value(&twice).expect("JSON"),
    );
    assert!(same(&one, &other), "{one} {other}");
}
