use http::StatusCode;
use http::header::CONTENT_LENGTH;

use crate::{HoldError, ResponseHead};

/// Compares what is there of a body with the length that its head announces. A handler that passes
/// on the head of another server and less than its body has nothing whole to sell.
///
/// Not for answers to `HEAD`, which announce what they do not send.
///
/// # Errors
///
/// `HoldError::Broken` where the head announces another length, or none that can be read.
pub fn as_announced(head: &dyn ResponseHead, length: usize) -> Result<(), HoldError> {
    // Nor does this one send what it announces.
    if head.status() == StatusCode::NOT_MODIFIED && length == 0 {
        return Ok(());
    }
    let mut same = true;
    head.each_value(&CONTENT_LENGTH, &mut |value| {
        let digits = value.iter().all(u8::is_ascii_digit);
        let said = std::str::from_utf8(value).ok().filter(|_| digits);
        same &= said.and_then(|said| said.parse().ok()) == Some(length);
    });
    if same { Ok(()) } else { Err(HoldError::Broken) }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn a_body_is_as_long_as_its_head_says() {
        for (status, said, length, whole) in [
            (200, &[][..], 3, true),
            (200, &["3"], 3, true),
            (200, &["3", "3"], 3, true),
            (200, &["4"], 3, false),
            (200, &["2"], 3, false),
            (200, &["3", "4"], 3, false),
            (200, &["3, 3"], 3, false),
            (200, &["+3"], 3, false),
            (200, &[""], 0, false),
            (200, &["99999999999999999999"], 3, false),
            (304, &["3"], 0, true),
            (304, &["3"], 2, false),
        ] {
            let mut response = Response::builder().status(status);
            for said in said {
                response = response.header(CONTENT_LENGTH, *said);
            }
            let response = response.body(()).expect("a response");
            let held = as_announced(&response, length);
            assert_eq!(held.is_ok(), whole, "{status} {said:?} {length}");
        }
    }
}
