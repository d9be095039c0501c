use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Challenge, encode};

/// What answers a challenge: the challenge echoed, and the method's payload.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Credential<'a> {
    /// The challenge as the payer echoes it. Proves nothing by itself.
    pub challenge: EchoedChallenge<'a>,
    /// Who the payer claims to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Cow<'a, str>>,
    /// The method's own part: a JSON object.
    pub payload: &'a RawValue,
}

/// A challenge as a payer echoes it: texts that decide nothing before the id is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EchoedChallenge<'a> {
    /// The id.
    pub id: Cow<'a, str>,
    /// The protection space.
    pub realm: Cow<'a, str>,
    /// The payment method.
    pub method: Cow<'a, str>,
    /// The intent.
    pub intent: Cow<'a, str>,
    /// The encoded request.
    pub request: Cow<'a, str>,
    /// When it expires, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Cow<'a, str>>,
    /// Digest of the request body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Cow<'a, str>>,
    /// The header that takes the credential, when it is not `Authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Cow<'a, str>>,
    /// The server's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opaque: Option<Cow<'a, str>>,
    /// For display only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
}

/// A credential that can't be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// More than one `Payment` credential came.
    #[error("several Payment credentials")]
    Several,
    /// Longer than is read.
    #[error("the credential is too long")]
    TooLong,
    /// Not base64.
    #[error("the credential is not base64")]
    Encoding,
    /// Not one JSON value with distinct members, within bounds.
    #[error("the credential is not one JSON object with distinct members")]
    Json,
    /// A member is missing or of the wrong type or form.
    #[error("a member of the credential is missing or wrong")]
    Shape,
}

impl<'a> From<&'a Challenge> for EchoedChallenge<'a> {
    fn from(challenge: &'a Challenge) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        Self {
            id: challenge.id.as_str().into(),
            realm: challenge.realm.as_str().into(),
            method: challenge.method.as_str().into(),
            intent: challenge.intent.as_str().into(),
            request: challenge.request.as_str().into(),
            expires: text(&challenge.expires),
            digest: text(&challenge.digest),
            header: text(&challenge.header),
            opaque: text(&challenge.opaque),
            description: text(&challenge.description),
        }
    }
}

impl<'a> Credential<'a> {
    /// An answer to this challenge.
    ///
    /// # Errors
    ///
    /// `CredentialError::Shape` when the payload is not a JSON object.
    pub fn new(
        challenge: EchoedChallenge<'a>,
        payload: &'a RawValue,
    ) -> Result<Self, CredentialError> {
        if !payload.get().starts_with('{') {
            return Err(CredentialError::Shape);
        }
        Ok(Self { challenge, source: None, payload })
    }

    /// The header value.
    ///
    /// # Errors
    ///
    /// `CredentialError::Json` when it does not serialize.
    pub fn format(&self) -> Result<String, CredentialError> {
        let json = serde_json::to_vec(self).map_err(|_| CredentialError::Json)?;
        Ok(format!("Payment {}", encode::to_base64url(&json)))
    }
}
