use jiff::Timestamp as Instant;
use jiff::fmt::temporal::DateTimePrinter;
use payment_core::Timestamp;

/// Reads an RFC 3339 time: offset required, `T`/`Z` of either case. Before 1970 reads as 1970.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if !is_rfc3339(text.as_bytes()) {
        return None;
    }
    let millis = text.parse::<Instant>().ok()?.as_millisecond();
    Some(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// Writes whole seconds in upper case: `2026-01-15T12:05:00Z`. Stays at the year 9999.
pub(crate) fn format(at: Timestamp) -> String {
    let seconds = i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    let at = Instant::from_second(seconds).unwrap_or(Instant::MAX);
    let mut text = String::with_capacity("2026-01-15T12:05:00Z".len());
    // A string takes all that is written to it.
    let _ = PRINTER.print_timestamp(&at, &mut text);
    text
}

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(0));

/// The shape alone; the library knows the calendar, and accepts more than RFC 3339 does.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else {
        return false;
    };
    if !matches(date_time, b"dddd-dd-ddTdd:dd:dd") {
        return false;
    }
    let rest = match rest.split_first() {
        Some((b'.', rest)) => {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &rest[digits..]
        }
        _ => rest,
    };
    match rest {
        b"Z" | b"z" => true,
        [b'+' | b'-', offset @ ..] => {
            matches(offset, b"dd:dd") && offset[..2] <= b"23"[..] && offset[3..] <= b"59"[..]
        }
        _ => false,
    }
}

fn matches(text: &[u8], shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text.iter().zip(shape).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            other => byte.eq_ignore_ascii_case(other),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc_3339_is_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01t00:00:01z", Some(1000)),
            ("1970-01-01T02:00:01+02:00", Some(1000)),
            ("1970-01-01T00:00:01.5Z", Some(1500)),
            ("1970-01-01T00:00:01.123456789Z", Some(1123)),
            ("1969-12-31T23:59:59Z", Some(0)),
            ("1970-01-01T00:00:01", None),
            ("1970-01-01 00:00:01Z", None),
            ("1970-01-01T00:00:01+02", None),
            ("1970-01-01T00:00:01+24:00", None),
            ("1970-01-01T00:00:01+02:60", None),
            ("1970-01-01T00:00:01Z[UTC]", None),
            ("1970-01-01T00:00:01.Z", None),
            ("1970-01-01T00:00:01,5Z", None),
            ("1970-02-30T00:00:01Z", None),
            ("1970-01-01T25:00:01Z", None),
            ("+001970-01-01T00:00:01Z", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(parse(text).map(Timestamp::millis), millis, "{text}");
        }
    }

    #[test]
    fn writes_whole_seconds_in_upper_case() {
        let at = Timestamp::from_millis(1_768_478_700_999);
        assert_eq!(format(at), "2026-01-15T12:05:00Z");
        assert_eq!(format(Timestamp::from_millis(0)), "1970-01-01T00:00:00Z");
        assert!(parse(&format(Timestamp::from_millis(u64::MAX))).is_some());
    }
}
