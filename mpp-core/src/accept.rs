use crate::challenge::{is_intent, is_method};
use crate::header::is_token;

/// Longest `Accept-Payment` value that is read, in bytes.
const MAX_READ: usize = 4 * 1024;

/// Ranges that are read.
const MAX_RANGES: usize = 64;

/// What a client would rather pay with: the ranges of `Accept-Payment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptPayment<'a>(Vec<Range<'a>>);

/// One range, such as `evm/*;q=0.5`. `None` stands for `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Range<'a> {
    /// The payment method, or any.
    pub method: Option<&'a str>,
    /// The intent, or any.
    pub intent: Option<&'a str>,
    /// The weight in thousandths; 0 excludes.
    pub weight: u16,
}

/// A value that is to be ignored as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a list of payment ranges")]
pub struct AcceptPaymentError;

impl<'a> AcceptPayment<'a> {
    /// Reads the header value.
    ///
    /// # Errors
    ///
    /// `AcceptPaymentError` for a value that breaks the grammar anywhere, is empty, or passes
    /// 4 KiB or 64 ranges.
    pub fn parse(value: &'a str) -> Result<Self, AcceptPaymentError> {
        if value.len() > MAX_READ {
            return Err(AcceptPaymentError);
        }
        let elements = value
            .split(',')
            .map(trim)
            .filter(|element| !element.is_empty());
        let ranges = elements.take(MAX_RANGES + 1).map(Range::parse);
        let ranges: Vec<_> = ranges.collect::<Option<_>>().ok_or(AcceptPaymentError)?;
        match ranges.len() {
            1..=MAX_RANGES => Ok(Self(ranges)),
            _ => Err(AcceptPaymentError),
        }
    }

    /// The ranges in the order they stand.
    #[must_use]
    pub fn ranges(&self) -> &[Range<'a>] {
        &self.0
    }

    /// Ranks offers, given by method and intent: the places of those that are wanted, best
    /// first, equals in their own order. Empty when nothing is wanted; the normal offers are to
    /// be made then.
    #[must_use]
    pub fn rank<'o>(&self, offers: impl IntoIterator<Item = (&'o str, &'o str)>) -> Vec<usize> {
        let weighed = offers.into_iter().enumerate();
        let mut wanted: Vec<_> = weighed
            .map(|(at, (method, intent))| (self.weight(method, intent), at))
            .filter(|(weight, _)| *weight > 0)
            .collect();
        wanted.sort_by_key(|(weight, at)| (std::cmp::Reverse(*weight), *at));
        wanted.into_iter().map(|(_, at)| at).collect()
    }

    /// The weight of the most specific range that matches; of equals the higher.
    fn weight(&self, method: &str, intent: &str) -> u16 {
        let matching = self.0.iter().filter(|range| range.matches(method, intent));
        let best = matching
            .map(|range| (range.specificity(), range.weight))
            .max();
        best.map_or(0, |(_, weight)| weight)
    }
}

impl<'a> Range<'a> {
    fn parse(element: &'a str) -> Option<Self> {
        let mut parts = element.split(';').map(trim);
        let (method, intent) = parts.next()?.split_once('/')?;
        let method = any_or(method, is_method)?;
        let intent = any_or(intent, is_intent)?;
        let mut weight = None;
        for param in parts {
            let (name, value) = param.split_once('=')?;
            let (name, value) = (trim(name), trim(value));
            if name.is_empty() || !name.bytes().all(is_token) || value.is_empty() {
                return None;
            }
            if name.eq_ignore_ascii_case("q") && weight.replace(parse_weight(value)?).is_some() {
                return None;
            }
        }
        Some(Self {
            method,
            intent,
            weight: weight.unwrap_or(1000),
        })
    }

    fn matches(&self, method: &str, intent: &str) -> bool {
        self.method.is_none_or(|own| own == method)
            && self
                .intent
                .is_none_or(|own| own.eq_ignore_ascii_case(intent))
    }

    fn specificity(&self) -> u8 {
        u8::from(self.method.is_some()) + u8::from(self.intent.is_some())
    }
}

/// `None` when the text is neither `*` nor keeps the rule.
fn any_or(text: &str, rule: fn(&str) -> bool) -> Option<Option<&str>> {
    match text {
        "*" => Some(None),
        text => rule(text).then_some(Some(text)),
    }
}

/// Reads a weight in thousandths: 0 to 1 with up to three decimals.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths = decimals.bytes().chain([b'0'; 3]).take(3);
    let thousandths = thousandths.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", weight) => Some(weight),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ranges_read_as_recommended() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("accept_payment_parse");
        for case in vectors::cases(&file, "/accept_payment_parse") {
            let read = AcceptPayment::parse(vectors::text(case, "header"));
            match vectors::text(case, "recommended") {
                "error" => assert!(read.is_err(), "{case}"),
                "as mppx" => {
                    let expected = case["mppx"].as_array().unwrap();
                    let accept = read.unwrap();
                    assert_eq!(accept.ranges().len(), expected.len(), "{case}");
                    for (range, expected) in accept.ranges().iter().zip(expected) {
                        assert_eq!(range.method.unwrap_or("*"), expected["method"]);
                        assert_eq!(range.intent.unwrap_or("*"), expected["intent"]);
                        let weight = format!("{:.3}", expected["q"].as_f64().unwrap());
                        assert_eq!(Some(range.weight), parse_weight(&weight), "{case}");
                    }
                }
                other if other.starts_with("accept") => assert!(read.is_ok(), "{case}"),
                other => {
                    assert!(other.ends_with("q=0"), "{case}");
                    assert_eq!(read.unwrap().ranges()[0].weight, 0);
                }
            }
            tally.ran();
        }
        assert_eq!(tally.count(), 21);
    }

    #[test]
    fn offers_rank_as_recommended() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("accept_payment_rank");
        for case in vectors::cases(&file, "/accept_payment_rank") {
            let offers = vectors::cases(case, "/server_offers_in_order");
            let offers: Vec<_> = offers.iter().map(|offer| offer.as_str().unwrap()).collect();
            let accept = AcceptPayment::parse(vectors::text(case, "header")).unwrap();
            let ranked = accept.rank(offers.iter().map(|offer| offer.split_once('/').unwrap()));
            let ranked: Vec<_> = ranked.into_iter().map(|at| offers[at]).collect();
            assert_eq!(serde_json::json!(ranked), case["ranked"], "{case}");
            tally.ran();
        }
        assert_eq!(tally.count(), 9);
    }

    #[test]
    fn long_values_are_ignored() {
        let many = |count| vec!["evm/charge"; count].join(",");
        assert!(AcceptPayment::parse(&many(MAX_RANGES)).is_ok());
        assert!(AcceptPayment::parse(&many(MAX_RANGES + 1)).is_err());
        let long = format!("evm/charge;x={}", "y".repeat(MAX_READ));
        assert!(AcceptPayment::parse(&long).is_err());
        assert!(AcceptPayment::parse("evm/charge;q=1;q=0").is_err());
    }
}
