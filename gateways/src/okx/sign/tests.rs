#![allow(clippy::unwrap_used)]

use sha2::Digest as _;
use vectors::{Tally, cases, text};

use super::*;

fn moment(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(at.as_millisecond().try_into().unwrap())
}

#[test]
fn every_vector_is_signed_to_the_byte() {
    let file = vectors::load("okx_wire.json");
    let mut tally = Tally::new("okx hmac");
    for case in cases(&file, "/hmac/vectors") {
        let part = |member| text(case, member);
        let prehash = [
            part("timestamp"),
            &part("method").to_ascii_uppercase(),
            part("requestPath"),
            part("body"),
        ]
        .concat();
        assert_eq!(prehash, part("prehash"));
        let digest = alloy_primitives::hex::encode(Sha256::digest(prehash));
        assert_eq!(digest, part("prehashSha256"));
        let signed = signature(
            part("secret").as_bytes(),
            part("timestamp"),
            part("method"),
            part("requestPath"),
            part("body").as_bytes(),
        );
        assert_eq!(signed.unwrap(), part("sign"), "{}", part("name"));
        tally.ran();
    }
    assert_eq!(tally.count(), 7);
}

#[test]
fn the_headers_of_a_vector_are_its_own() {
    let file = vectors::load("okx_wire.json");
    let hmac = &file["hmac"];
    let mut tally = Tally::new("okx headers");
    for case in cases(&file, "/hmac/vectors") {
        let part = |member| text(case, member);
        if !part("timestamp").ends_with(".000Z") {
            tally.left_out(1, "a timestamp in seconds, which others send");
            continue;
        }
        let keys = OkxKeys::new(
            text(hmac, "apiKey"),
            part("secret"),
            text(hmac, "passphrase"),
        );
        let headers = headers(
            &keys.unwrap(),
            moment(part("timestamp")),
            part("method"),
            part("requestPath"),
            part("body").as_bytes(),
        )
        .unwrap();
        assert_eq!(headers.len(), 4);
        assert_eq!(headers["OK-ACCESS-KEY"], text(hmac, "apiKey"));
        assert_eq!(headers["OK-ACCESS-SIGN"], part("sign"));
        assert_eq!(headers["OK-ACCESS-TIMESTAMP"], part("timestamp"));
        assert_eq!(headers["OK-ACCESS-PASSPHRASE"], text(hmac, "passphrase"));
        assert!(headers.values().all(HeaderValue::is_sensitive));
        assert_eq!(format!("{headers:?}").matches("Sensitive").count(), 4);
        tally.ran();
    }
    assert_eq!(tally.count(), 6);
}

#[test]
fn a_timestamp_has_exactly_three_digits_of_a_second() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_774_864_800_000, "2026-03-30T10:00:00.000Z"),
        (1_774_864_800_007, "2026-03-30T10:00:00.007Z"),
        (1_774_864_800_070, "2026-03-30T10:00:00.070Z"),
        (1_774_864_800_999, "2026-03-30T10:00:00.999Z"),
        (1_709_164_799_123, "2024-02-28T23:59:59.123Z"),
    ] {
        assert_eq!(timestamp(Timestamp::from_millis(millis)).unwrap(), text);
    }
}

#[test]
fn a_clock_beyond_all_years_sends_nothing() {
    let fault = timestamp(Timestamp::from_millis(u64::MAX)).unwrap_err();
    assert!(matches!(fault, OkxFault::NotSent(_)));
}
