use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use serde::Deserialize;

/// What an MPP challenge says to people. It is shown, never answered: no wallet in a browser
/// signs one without knowing the token's domain, which the challenge does not hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) method: String,
    pub(crate) intent: String,
    /// An RFC 3339 time.
    pub(crate) expires: Option<String>,
    pub(crate) terms: Option<Terms>,
}

/// The amount of a challenge.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terms {
    pub(crate) amount: String,
    pub(crate) currency: String,
    /// What is counted, where the amount is for one of it.
    #[serde(default)]
    pub(crate) unit_type: Option<String>,
    #[serde(default)]
    pub(crate) method_details: Option<Details>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    #[serde(default)]
    pub(crate) chain_id: Option<u64>,
}

/// More challenges than these are not shown.
const MOST: usize = 16;

impl Challenge {
    /// Reads the `Payment` lines of an answer, one challenge a line as the gate writes them. A
    /// line that can't be read is left out.
    pub(crate) fn read_all(headers: &HeaderMap) -> Vec<Self> {
        let lines = headers.get_all(WWW_AUTHENTICATE).iter().take(MOST);
        lines
            .filter_map(|line| Self::read(line.to_str().ok()?))
            .collect()
    }

    fn read(line: &str) -> Option<Self> {
        let (scheme, parameters) = line.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("payment") {
            return None;
        }
        let mut challenge = Self::default();
        let mut rest = parameters.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=')?;
            let (value, after) = value(after)?;
            match &*name.trim().to_ascii_lowercase() {
                "method" => challenge.method = value,
                "intent" => challenge.intent = value,
                "expires" => challenge.expires = Some(value).filter(|time| is_time(time)),
                "request" => challenge.terms = terms(&value),
                _ => {}
            }
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        let named = !challenge.method.is_empty() && !challenge.intent.is_empty();
        named.then_some(challenge)
    }

    /// The network of its terms in CAIP-2, where it is an EVM chain.
    pub(crate) fn network(&self) -> Option<String> {
        let chain = self.terms.as_ref()?.method_details.as_ref()?.chain_id?;
        Some(format!("eip155:{chain}"))
    }
}

/// A token or a quoted string, and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

fn terms(request: &str) -> Option<Terms> {
    let json = URL_SAFE_NO_PAD.decode(request.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Whether a text has only what RFC 3339 times have, so that it may be called one.
fn is_time(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_digit() || b"-:.+TZtz".contains(&byte);
    (20..=40).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terms_are_read_from_the_request() {
        let request = URL_SAFE_NO_PAD.encode(
            r#"{"amount":"10000","currency":"0xabc","methodDetails":{"chainId":8453},"unitType":"word"}"#,
        );
        let line = format!(
            r#"Payment id="a\"b, c", realm="r", METHOD="evm" , intent=charge,request="{request}", expires="2026-01-02T03:04:05Z""#
        );
        let challenge = Challenge::read(&line).unwrap();
        assert_eq!((&*challenge.method, &*challenge.intent), ("evm", "charge"));
        assert_eq!(challenge.expires.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(challenge.network().as_deref(), Some("eip155:8453"));
        let terms = challenge.terms.unwrap();
        assert_eq!((&*terms.amount, &*terms.currency), ("10000", "0xabc"));
        assert_eq!(terms.unit_type.as_deref(), Some("word"));
    }

    #[test]
    fn what_is_not_a_challenge_is_left_out() {
        for line in [
            "",
            "Payment",
            "Basic realm=\"a\"",
            "Payment id=\"a\"",
            "Payment method=\"a",
            "Payment method=\"a\\",
            "Payment method=a",
            "Payment x",
        ] {
            assert_eq!(Challenge::read(line), None, "{line}");
        }
        let odd = "Payment method=a, intent=b, request=\"%%%\", expires=\"<b>\"";
        let challenge = Challenge::read(odd).unwrap();
        assert_eq!((challenge.terms, challenge.expires), (None, None));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "(Payment )?[ -~]{0,80}") {
            let _ = Challenge::read(&line);
        }
    }
}
