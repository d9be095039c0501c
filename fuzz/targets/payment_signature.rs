//! The v2 payment header of a request.
//!
//! The first byte says what the rest is: header values line by line, the JSON behind one, or
//! the beginning of one that is too long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::to_value;
use tollgate_fuzz::{base64, grown, lines, same, x402};
use x402_core::Version;
use x402_core::wire::{self, MAX_HEADER_BYTES, v2};

const NAME: &str = "payment-signature";

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind {
        b'l' => x402::present_too_long(NAME, &grown(data, MAX_HEADER_BYTES)),
        b'h' => {
            x402::present(NAME, Version::V2, lines(data).collect());
            lines(data).for_each(again);
        }
        _ => {
            let value = base64(data);
            x402::present(NAME, Version::V2, vec![&value]);
            again(&value);
        }
    }
});

/// What reads as a message is written as a message that reads the same.
fn again(value: &[u8]) {
    let Ok(message) = wire::decode::<v2::PaymentPayload>(value) else {
        return;
    };
    let text = wire::encode(&message).expect("what was read can be written");
    let twice: v2::PaymentPayload = wire::decode(text.as_bytes()).expect("ours is read");
    assert_eq!(message.payload.get(), twice.payload.get());
    let (one, other) = (
        to_value(&message).expect("JSON"),
        to_value(&twice).expect("JSON"),
    );
    assert!(same(&one, &other), "{one} {other}");
}
