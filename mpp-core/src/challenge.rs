use std::borrow::Cow;

use http::HeaderName;
use payment_core::Timestamp;

use crate::header::{self, Scheme};
use crate::{EncodedRequest, body_digest, encode, time};

/// Largest challenge that we send, in bytes.
pub(crate) const MAX_SENT: usize = 8 * 1024;

/// Largest header line that is searched for challenges, in bytes.
const MAX_READ: usize = 64 * 1024;

/// Challenges of one response that are read.
const MAX_CHALLENGES: usize = 64;

/// One `Payment` challenge, with every text as it stands on the wire after unquoting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The id; not empty. Echoed unchanged.
    pub id: String,
    /// The protection space.
    pub realm: String,
    /// The payment method, `[a-z][a-z0-9:_-]*`.
    pub method: String,
    /// The intent, `[A-Za-z0-9_-]+`.
    pub intent: String,
    /// What is asked for.
    pub request: EncodedRequest,
    /// RFC 3339; nothing may be paid later.
    pub expires: Option<String>,
    /// Digest of the request body this is good for.
    pub digest: Option<String>,
    /// The header for the credential when it is not `Authorization`. Nothing but
    /// `Payment-Authorization`, in any case.
    pub header: Option<String>,
    /// The server's own; base64url of a flat JSON object of texts. Echoed unchanged.
    pub opaque: Option<String>,
    /// For display only: not protected by the id.
    pub description: Option<String>,
}

impl Challenge {
    /// A challenge with the parameters that every one has.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        realm: impl Into<String>,
        method: impl Into<String>,
        intent: impl Into<String>,
        request: EncodedRequest,
    ) -> Self {
        Self {
            id: id.into(),
            realm: realm.into(),
            method: method.into(),
            intent: intent.into(),
            request,
            expires: None,
            digest: None,
            header: None,
            opaque: None,
            description: None,
        }
    }

    /// Reads the one challenge of a header value, among challenges of other schemes.
    ///
    /// # Errors
    ///
    /// `ChallengeError` unless there is exactly one, and it is well-formed.
    pub fn parse(value: &str) -> Result<Self, ChallengeError> {
        if value.len() > MAX_READ {
            return Err(ChallengeError::TooLong);
        }
        let schemes = header::schemes(value);
        let mut ours = schemes.iter().skip_while(|scheme| !is_payment(scheme));
        let scheme = ours.next().ok_or(ChallengeError::Absent)?;
        // A bare word behind it may be a scheme, or a parameter that lost its value.
        if ours.any(|other| is_payment(other) || other.is_lone()) {
            return Err(ChallengeError::Ambiguous);
        }
        Self::from_scheme(scheme)
    }

    /// Reads all challenges of a response, from all its `WWW-Authenticate` lines. One that is
    /// malformed is left out. Of several with one id the first counts; [`crate::buyer::choose`]
    /// sees to that.
    pub fn parse_all<'v>(values: impl IntoIterator<Item = &'v [u8]>) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        for value in values {
            if value.len() > MAX_READ {
                continue;
            }
            let text = field_text(value);
            for scheme in header::schemes(&text)
                .iter()
                .filter(|scheme| is_payment(scheme))
            {
                if challenges.len() == MAX_CHALLENGES {
                    return challenges;
                }
                challenges.extend(Self::from_scheme(scheme));
            }
        }
        challenges
    }

    fn from_scheme(scheme: &Scheme<'_>) -> Result<Self, ChallengeError> {
        if scheme.spoiled || scheme.token68 {
            return Err(ChallengeError::Grammar);
        }
        let find = |name: &'static str| {
            let mut params = scheme.params.iter();
            let found = params.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(found.1.clone().into_owned())
        };
        let need = |name| find(name).ok_or(ChallengeError::Missing(name));
        let request = need("request")?;
        let challenge = Self {
            id: need("id")?,
            realm: need("realm")?,
            method: need("method")?,
            intent: need("intent")?,
            request: EncodedRequest::parse(&request)
                .map_err(|_| ChallengeError::Wrong("request"))?,
            expires: find("expires"),
            digest: find("digest"),
            header: find("header").filter(|name| !name.eq_ignore_ascii_case("authorization")),
            opaque: find("opaque").filter(|text| !text.is_empty()),
            description: find("description")
                .filter(|text| !text.is_empty())
                .map(printable),
        };
        challenge.check()?;
        Ok(challenge)
    }

    /// What holds for challenges that are read and for those that are written.
    fn check(&self) -> Result<(), ChallengeError> {
        let given =
            |text: &Option<String>, rule: fn(&str) -> bool| text.as_deref().is_none_or(rule);
        let rules = [
            ("id", !self.id.is_empty() && is_slot(&self.id)),
            ("realm", is_slot(&self.realm)),
            ("method", is_method(&self.method)),
            ("intent", is_intent(&self.intent)),
            (
                "expires",
                given(&self.expires, |text| time::parse(text).is_some()),
            ),
            ("digest", given(&self.digest, body_digest::is_digest)),
            (
                "header",
                given(&self.header, |name| name.eq_ignore_ascii_case(HEADER)),
            ),
            ("opaque", given(&self.opaque, encode::is_opaque)),
        ];
        match rules.iter().find(|(_, holds)| !holds) {
            Some((name, _)) => Err(ChallengeError::Wrong(name)),
            None => Ok(()),
        }
    }

    /// Writes the header value: pure ASCII, every value quoted.
    ///
    /// # Errors
    ///
    /// `ChallengeError` for a text that breaks its rule or has control characters, and for a
    /// value of more than 8 KiB.
    pub fn format(&self) -> Result<String, ChallengeError> {
        self.check()?;
        let mut value = String::with_capacity(256 + self.request.as_str().len());
        value.push_str("Payment");
        let params = [
            ("id", Some(&*self.id)),
            ("realm", Some(&*self.realm)),
            ("method", Some(&*self.method)),
            ("intent", Some(&*self.intent)),
            ("request", Some(self.request.as_str())),
            ("expires", self.expires.as_deref()),
            ("digest", self.digest.as_deref()),
            ("header", self.header.as_deref()),
            ("opaque", self.opaque.as_deref()),
            ("description", self.description.as_deref()),
        ];
        for (name, text) in params {
            let Some(text) = text else { continue };
            value.push_str(if name == "id" { " " } else { ", " });
            value.push_str(name);
            value.push('=');
            header::quote(text, &mut value).ok_or(ChallengeError::Wrong(name))?;
        }
        if value.len() > MAX_SENT {
            return Err(ChallengeError::TooLong);
        }
        Ok(value)
    }

    /// When it expires; `None` when it does not say or says it unreadably.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        time::parse(self.expires.as_deref()?)
    }

    /// The request header that takes the credential.
    #[must_use]
    pub fn credential_header(&self) -> HeaderName {
        match self.header {
            Some(_) => PAYMENT_AUTHORIZATION,
            None => http::header::AUTHORIZATION,
        }
    }
}

/// A challenge that can't be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// There is no `Payment` challenge.
    #[error("no Payment challenge")]
    Absent,
    /// There is more than one, or a word that belongs to none.
    #[error("not exactly one Payment challenge")]
    Ambiguous,
    /// Quotes, separators or names that break the grammar; a parameter named twice.
    #[error("the challenge breaks the grammar")]
    Grammar,
    /// A parameter that every challenge has is missing.
    #[error("parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter breaks its rule.
    #[error("parameter {0} is wrong")]
    Wrong(&'static str),
    /// Longer than is read or sent.
    #[error("the challenge is too long")]
    TooLong,
}

const HEADER: &str = "Payment-Authorization";

fn is_payment(scheme: &Scheme<'_>) -> bool {
    scheme.name.eq_ignore_ascii_case("payment")
}

/// Whether a text can stand in a slot of the id: the separator and controls would let two
/// challenges share one.
pub(crate) fn is_slot(text: &str) -> bool {
    !text.chars().any(|c| c == '|' || c.is_control())
}

pub(crate) fn is_method(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b":_-".contains(&b);
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(rest)
}

pub(crate) fn is_intent(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !text.is_empty() && text.bytes().all(known)
}

/// Field values are bytes; some servers send UTF-8, some Latin-1.
fn field_text(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// A text for people must not move their cursor.
fn printable(text: String) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\t') {
        return text;
    }
    let visible = |c: char| {
        if c.is_control() && c != '\t' {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(visible).collect()
}

/// The request header that takes the credential where `Authorization` is used for login.
pub const PAYMENT_AUTHORIZATION: HeaderName = HeaderName::from_static("payment-authorization");

#[cfg(test)]
mod tests;
