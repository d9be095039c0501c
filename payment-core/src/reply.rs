use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{Challenge, Problem};

/// A whole response that the gate gives in the handler's place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What it is about, for those who word it anew.
    pub(crate) about: About,
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum About {
    #[default]
    Other,
    /// The request brought no payment.
    Unpaid,
    /// It brought one, which was not settled, or not for all that is known.
    Unsettled,
}

/// The request headers that decide what a priced route answers.
pub(crate) const VARY_ON: &str =
    "Authorization, Payment-Authorization, PAYMENT-SIGNATURE, X-PAYMENT";

impl Reply {
    /// An empty answer with this status.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            about: About::Other,
        }
    }

    /// A JSON document, not to be stored by any cache.
    #[must_use]
    pub fn json(status: StatusCode, document: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status);
        reply
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply.body = document.into();
        reply.not_stored()
    }

    /// A problem document, not to be stored by any cache.
    #[must_use]
    pub fn problem(problem: &Problem) -> Self {
        Self::challenged(problem, &[])
    }

    /// A problem document that carries what each challenge adds: header lines, and members of
    /// the one JSON object.
    pub(crate) fn challenged(problem: &Problem, challenges: &[Challenge]) -> Self {
        Self::of(problem.status, &encoded(problem), challenges)
    }

    /// The 402 of a request that brought no payment. Its problem is written once.
    pub(crate) fn payment_required(challenge: &Challenge) -> Self {
        static PROBLEM: LazyLock<Bytes> = LazyLock::new(|| encoded(&PAYMENT_REQUIRED));
        let challenges = std::slice::from_ref(challenge);
        let mut reply = Self::of(PAYMENT_REQUIRED.status, &PROBLEM, challenges);
        reply.about = About::Unpaid;
        reply
    }

    fn of(status: StatusCode, problem: &Bytes, challenges: &[Challenge]) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static(VARY_ON));
        for challenge in challenges {
            for (name, value) in &challenge.headers {
                headers.append(name.clone(), value.clone());
            }
        }
        Self {
            status,
            headers,
            body: with_members(problem, challenges),
            about: About::Other,
        }
    }

    /// The answer to a request whose body is larger than is read for its price.
    #[must_use]
    pub fn body_too_large() -> Self {
        Self::problem(&BODY_TOO_LARGE)
    }

    /// The answer to a request whose body ends before its end.
    #[must_use]
    pub fn body_broken() -> Self {
        Self::problem(&BODY_BROKEN)
    }

    /// The answer to a CORS preflight: it asks nothing of the handler and costs nothing.
    pub(crate) fn preflight() -> Self {
        let mut reply = Self::empty(StatusCode::NO_CONTENT).not_stored();
        reply
            .headers
            .insert(ALLOW, HeaderValue::from_static("OPTIONS"));
        reply
    }

    /// For this buyer alone: no cache keeps it.
    pub(crate) fn not_stored(mut self) -> Self {
        self.headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self
    }

    pub(crate) fn retry_after(mut self, wait: std::time::Duration) -> Self {
        self.headers
            .insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        self
    }
}

fn encoded(problem: &Problem) -> Bytes {
    let mut json = Vec::with_capacity(512);
    // A struct of strings and a number always serializes; an empty body would still be a 402.
    let _ = serde_json::to_writer(&mut json, problem);
    json.into()
}

/// The object with the members that challenges add.
fn with_members(problem: &Bytes, challenges: &[Challenge]) -> Bytes {
    let added: usize = challenges.iter().map(added).sum();
    let Some(open) = problem.strip_suffix(b"}").filter(|_| added > 0) else {
        return problem.clone();
    };
    let mut body = Vec::with_capacity(problem.len() + added);
    body.extend_from_slice(open);
    for challenge in challenges.iter().filter(|c| !c.members.is_empty()) {
        body.push(b',');
        body.extend_from_slice(&challenge.members);
    }
    body.push(b'}');
    body.into()
}

/// Bytes of the members, and of the comma before them.
fn added(challenge: &Challenge) -> usize {
    match challenge.members.len() {
        0 => 0,
        length => length + 1,
    }
}

const BODY_TOO_LARGE: Problem = Problem::new(
    "urn:tollgate:problem:body-too-large",
    "Body Too Large",
    StatusCode::PAYLOAD_TOO_LARGE,
    "body_too_large",
    "the body is larger than is read here",
);

const BODY_BROKEN: Problem = Problem::new(
    "urn:tollgate:problem:body-broken",
    "Body Broken",
    StatusCode::BAD_REQUEST,
    "body_broken",
    "the body broke off",
);

const PAYMENT_REQUIRED: Problem = Problem::new(
    "https://paymentauth.org/problems/payment-required",
    "Payment Required",
    StatusCode::PAYMENT_REQUIRED,
    "payment_required",
    "this resource is paid for",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(detail: &'static str) -> Problem {
        let status = StatusCode::PAYMENT_REQUIRED;
        Problem::new("urn:a", "A \"title\"", status, "code", detail)
    }

    fn challenge(name: &'static str, members: &'static str) -> Challenge {
        let value = HeaderValue::from_static(name);
        Challenge::new(
            vec![(http::header::WWW_AUTHENTICATE, value)],
            members.into(),
        )
    }

    #[test]
    fn body_is_one_object_whatever_the_challenges_add() {
        let (a, b) = (
            challenge("a", "\"a\":[1,2]"),
            challenge("b", "\"b\":{},\"c\":\"}\""),
        );
        let none = challenge("none", "");
        for (challenges, members) in [
            (vec![], vec![]),
            (vec![none.clone()], vec![]),
            (vec![a.clone()], vec!["a"]),
            (vec![none, a.clone(), b.clone()], vec!["a", "b", "c"]),
            (vec![b, a], vec!["b", "c", "a"]),
        ] {
            for detail in ["", "ends in }"] {
                let reply = Reply::challenged(&problem(detail), &challenges);
                let body: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_slice(&reply.body).expect("one JSON object");
                let fixed = if detail.is_empty() { 4 } else { 5 };
                assert_eq!(body.len(), fixed + members.len(), "{body:?}");
                assert!(members.iter().all(|member| body.contains_key(*member)));
                assert_eq!(
                    (&body["status"], &body["code"]),
                    (&402.into(), &"code".into())
                );
                // Each challenge on a line of its own.
                let lines = reply
                    .headers
                    .get_all(http::header::WWW_AUTHENTICATE)
                    .iter()
                    .count();
                assert_eq!(lines, challenges.len());
            }
        }
    }

    #[test]
    fn an_unpaid_request_reads_the_problem_that_every_402_has() {
        for challenge in [challenge("a", "\"a\":1"), challenge("none", "")] {
            let reply = Reply::payment_required(&challenge);
            let same = Reply::challenged(&PAYMENT_REQUIRED, &[challenge]);
            assert_eq!((reply.status, &reply.body), (same.status, &same.body));
            assert_eq!(reply.headers, same.headers);
        }
    }

    #[test]
    fn no_cache_keeps_a_refusal() {
        let json = Reply::json(StatusCode::OK, "{}");
        for reply in [Reply::problem(&problem("")), Reply::preflight(), json] {
            assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
        }
        assert_eq!(Reply::problem(&problem("")).headers[VARY], VARY_ON);
    }

    #[test]
    fn wait_is_at_least_a_second() {
        for (millis, seconds) in [(0, "1"), (999, "1"), (2000, "2")] {
            let wait = std::time::Duration::from_millis(millis);
            let reply = Reply::problem(&problem("")).retry_after(wait);
            assert_eq!(reply.headers[RETRY_AFTER], seconds);
        }
    }
}
