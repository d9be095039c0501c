use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Map, Value};

use crate::accept::is_token;
use crate::{Ask, Failure, Paywall};

/// The body of a refusal in the seller's own words.
///
/// The status and the headers of the answer stay as they are: how to pay is in them. Only buyers of
/// x402 version 1 read it from the body, so they can pay where the seller adds members, and can't
/// where the whole body is the seller's.
///
/// ```
/// use payment_core::{CustomBody, Route, usd};
///
/// let route = Route::priced(usd!("0.01"))
///     .unpaid_body(|ask| CustomBody::json([("sample", ask.path.len().into())]))
///     .settlement_failed_body(|_, failure| {
///         CustomBody::of("text/plain", format!("not paid: {}", failure.code))
///     });
/// # drop(route);
/// ```
#[derive(Clone, Debug)]
pub struct CustomBody(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Members(Map<String, Value>),
    Whole { content_type: String, bytes: Bytes },
}

impl CustomBody {
    /// Adds these members to the problem document. Where a name is taken, ours stays: `type`,
    /// `title`, `status`, `detail`, `code`, and what protocols add, such as `x402Version`,
    /// `accepts` and `error`.
    #[must_use]
    pub const fn members(members: Map<String, Value>) -> Self {
        Self(Kind::Members(members))
    }

    /// The same, of a list.
    #[must_use]
    pub fn json<N: Into<String>>(members: impl IntoIterator<Item = (N, Value)>) -> Self {
        let members = members
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        Self::members(members.collect())
    }

    /// Replaces the problem document. Buyers of x402 version 1 can't pay then. A content type that
    /// is none leaves the answer as it is.
    #[must_use]
    pub fn of(content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole {
            content_type: content_type.into(),
            bytes: bytes.into(),
        })
    }

    /// What stands in the answer in the place of this body; `None` leaves it.
    pub(crate) fn over(self, ours: &Bytes) -> Option<(Option<HeaderValue>, Bytes)> {
        match self.0 {
            Kind::Members(members) => Some((None, merged(ours, members)?)),
            Kind::Whole {
                content_type,
                bytes,
            } => match media_type(&content_type) {
                Some(content_type) => Some((Some(content_type), bytes)),
                None => {
                    tracing::warn!("the content type of a seller's own body is none");
                    None
                }
            },
        }
    }
}

/// Our object, byte for byte, and the members that it has not.
fn merged(ours: &Bytes, mut members: Map<String, Value>) -> Option<Bytes> {
    let taken: Map<String, Value> = serde_json::from_slice(ours).ok()?;
    members.retain(|name, _| !taken.contains_key(name));
    if members.is_empty() {
        return None;
    }
    let theirs = serde_json::to_vec(&members).ok()?;
    let mut body = ours.strip_suffix(b"}")?.to_vec();
    if !taken.is_empty() {
        body.push(b',');
    }
    body.extend_from_slice(theirs.strip_prefix(b"{")?);
    Some(body.into())
}

/// A media type as a header value: `type/subtype`, and whatever parameters stand behind it.
fn media_type(text: &str) -> Option<HeaderValue> {
    let kind = text.split_once(';').map_or(text, |(kind, _)| kind).trim();
    let (kind, subtype) = kind.split_once('/')?;
    if !is_token(kind) || !is_token(subtype) || !text.is_ascii() || text.len() > 256 {
        return None;
    }
    HeaderValue::from_str(text.trim()).ok()
}

type Unpaid = Arc<dyn Fn(&Ask) -> CustomBody + Send + Sync>;
type Unsettled = Arc<dyn Fn(&Ask, &Failure) -> CustomBody + Send + Sync>;

/// How a route words what the gate answers.
#[derive(Clone)]
pub(crate) struct Wording {
    pub(crate) unpaid: Option<Unpaid>,
    pub(crate) unsettled: Option<Unsettled>,
    pub(crate) paywall: Wall,
}

/// The page of a route.
#[derive(Clone)]
pub(crate) enum Wall {
    /// That of the gate.
    Shared,
    Own(Arc<dyn Paywall>),
    Without,
}

impl Wording {
    /// As the gate says it.
    pub(crate) const DEFAULT: Self = Self {
        unpaid: None,
        unsettled: None,
        paywall: Wall::Shared,
    };

    /// The seller's body for a request that brought no payment.
    pub(crate) fn unpaid_body(&self, ask: &Ask) -> Option<CustomBody> {
        let unpaid = self.unpaid.as_ref()?;
        unharmed(|| unpaid(ask))
    }

    /// The seller's body for a request whose payment was not settled.
    pub(crate) fn unsettled_body(
        &self,
        ask: &Ask,
        failure: impl FnOnce() -> Failure,
    ) -> Option<CustomBody> {
        let unsettled = self.unsettled.as_ref()?;
        unharmed(|| unsettled(ask, &failure()))
    }
}

/// What a seller's function says, unless it panics.
pub(crate) fn unharmed<T>(say: impl FnOnce() -> T) -> Option<T> {
    let said = catch_unwind(AssertUnwindSafe(say));
    if said.is_err() {
        tracing::warn!("what words an answer has panicked");
    }
    said.ok()
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wording")
            .field("unpaid", &self.unpaid.is_some())
            .field("unsettled", &self.unsettled.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_and_none_is_replaced() {
        let ours = Bytes::from_static(br#"{"code":"c","accepts":[ 1 ],"status":402}"#);
        for (theirs, body) in [
            (
                r#"{"sample":1}"#,
                r#"{"code":"c","accepts":[ 1 ],"status":402,"sample":1}"#,
            ),
            (
                r#"{"code":"free","accepts":[],"a":"}"}"#,
                r#"{"code":"c","accepts":[ 1 ],"status":402,"a":"}"}"#,
            ),
        ] {
            let members = serde_json::from_str(theirs).expect("members");
            let (content_type, said) = CustomBody::members(members).over(&ours).expect("a body");
            assert_eq!((content_type, &*said), (None, body.as_bytes()));
        }
        // Nothing to add leaves the answer, and nothing is added to what is no object.
        let clash = || CustomBody::json([("code", Value::Null)]);
        assert!(clash().over(&ours).is_none());
        for other in ["[]", "", "{", "\"{}\"", "{}x"] {
            let sample = CustomBody::json([("sample", Value::Null)]);
            assert!(sample.over(&Bytes::from(other)).is_none(), "{other}");
        }
        let (_, said) = clash().over(&"{}".into()).expect("a body");
        assert_eq!(said, "{\"code\":null}");
    }

    #[test]
    fn only_a_media_type_becomes_one() {
        for good in [
            "text/plain",
            "application/vnd.shop+json",
            " text/html; charset=utf-8 ",
        ] {
            let (content_type, said) = CustomBody::of(good, "b").over(&"{}".into()).expect(good);
            assert_eq!(content_type.expect(good), good.trim());
            assert_eq!(said, "b");
        }
        let long = format!("text/{}", "a".repeat(256));
        for bad in [
            "",
            " ",
            "text",
            "text/",
            "/plain",
            "text/plain\r\nset-cookie: a=b",
            "text/plain; a=\u{f6}",
            "text/pl ain",
            "a/b/c",
            "text/plain;\0",
            &long,
        ] {
            assert!(CustomBody::of(bad, "b").over(&"{}".into()).is_none());
        }
    }
}
