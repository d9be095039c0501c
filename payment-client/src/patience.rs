use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::fmt::rfc2822::DateTimeParser;
use payment_core::Timestamp;

/// How long a buyer asks for the answer to a payment whose outcome is not known, always with the
/// same credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    tries: u32,
    deadline: Duration,
    answer: Duration,
}

/// Between two tries when the seller does not say how long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

impl Patience {
    /// Sends the paid request at most so often, the first time included; at least once.
    #[must_use]
    pub const fn tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }

    /// Begins no try later than this after the first.
    #[must_use]
    pub const fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Waits at most this long for the head of each answer, paid or not.
    #[must_use]
    pub const fn answer_within(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    pub(crate) const fn answer(&self) -> Duration {
        self.answer
    }

    /// How long to wait after this many tries, `None` when it is enough.
    pub(crate) fn pause(
        &self,
        tried: u32,
        asked: Option<Duration>,
        spent: Duration,
    ) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << tried.saturating_sub(1).min(8));
        let pause = asked.unwrap_or_else(|| doubled.min(LONGEST_PAUSE));
        // Asking earlier than the seller wants would not help.
        (spent.saturating_add(pause) <= self.deadline).then_some(pause)
    }
}

impl Default for Patience {
    /// Five tries within a minute, thirty seconds for an answer.
    fn default() -> Self {
        Self {
            tries: 5,
            deadline: Duration::from_secs(60),
            answer: Duration::from_secs(30),
        }
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let at = u64::try_from(date.as_millisecond()).ok()?;
    Some(Duration::from_millis(at.saturating_sub(now.millis())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn header(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers, Timestamp::from_seconds(784_111_770))
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(header("3"), Some(Duration::from_secs(3)));
        assert_eq!(
            header("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            header("Sun, 06 Nov 1994 08:49:00 GMT"),
            Some(Duration::ZERO)
        );
        for bad in ["", "-1", "1.5", "soon"] {
            assert_eq!(header(bad), None, "{bad}");
        }
        assert!(header("99999999999999999999999").unwrap() > Duration::from_secs(1 << 60));
    }

    #[test]
    fn patience_ends_by_tries_and_by_time() {
        let second = Duration::from_secs(1);
        let patience = Patience::default().tries(3).deadline(second * 10);
        assert_eq!(patience.pause(1, None, Duration::ZERO), Some(FIRST_PAUSE));
        assert_eq!(
            patience.pause(2, None, Duration::ZERO),
            Some(FIRST_PAUSE * 2)
        );
        assert_eq!(patience.pause(3, None, Duration::ZERO), None);
        assert_eq!(
            patience.pause(1, Some(second * 10), Duration::ZERO),
            Some(second * 10)
        );
        assert_eq!(patience.pause(1, Some(second * 10), second), None);
        assert_eq!(patience.pause(1, Some(Duration::MAX), second), None);
    }
}
