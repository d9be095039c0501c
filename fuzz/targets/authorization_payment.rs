//! The MPP credential of a request.
//!
//! The first byte says what the rest is: header values line by line, the JSON of a credential,
//! the payload of a credential for a challenge that was issued, edits of a credential that is
//! good, or the beginning of one that is too long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpp_core::RawCredential;
use tollgate_fuzz::mpp::{self, BOUGHT, MOST};
use tollgate_fuzz::{grown, lines};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind {
        b'l' => mpp::present_too_long(&grown(data, MOST)),
        b'h' => {
            mpp::present(lines(data).collect());
            if let Ok(Some(raw)) = RawCredential::find(lines(data)) {
                again(&raw);
            }
        }
        b'c' => mpp::present_json(&BOUGHT.filled(data)),
        b'e' => mpp::present_json(&BOUGHT.edited(data)),
        _ => mpp::present_json(&BOUGHT.credential_of(data)),
    }
});

/// What reads as a credential is written as a credential that reads the same.
fn again(raw: &RawCredential) {
    let Ok(one) = raw.read() else { return };
    let text = one.format().expect("what was read can be written");
    let raw = RawCredential::find([text.as_bytes()])
        .expect("ours is read")
        .expect("one");
    let other = raw.read().expect("ours is read");
    assert_eq!(one.challenge, other.challenge);
    assert_eq!(one.source, other.source);
    assert_eq!(one.payload.get(), other.payload.get());
}
