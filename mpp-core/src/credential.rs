use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use payment_core::{JsonLimits, strict_json};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::challenge::{is_intent, is_method, is_slot};
use crate::{Challenge, body_digest, encode, time};

/// Largest credential that is read, in characters. What a gate takes is less, and its setting.
const MAX_READ: usize = 64 * 1024;

/// A credential as it came, decoded to JSON text and not yet looked at.
#[derive(Clone)]
pub struct RawCredential(Vec<u8>);

/// What answers a challenge: the challenge echoed, and the method's payload.
#[derive(Clone, Serialize)]
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

impl RawCredential {
    /// Finds the one `Payment` credential among all values of the header that takes it. `None`
    /// when there is none, or only the bare scheme.
    ///
    /// # Errors
    ///
    /// `CredentialError::Several` for more than one, `TooLong` or `Encoding` for one that can't
    /// be decoded.
    pub fn find<'v>(
        values: impl IntoIterator<Item = &'v [u8]>,
    ) -> Result<Option<Self>, CredentialError> {
        let mut found = None;
        for value in values {
            scan(value, &mut found)?;
        }
        found.map(Self::decode).transpose()
    }

    /// Decodes what follows the word `Payment`.
    ///
    /// # Errors
    ///
    /// `CredentialError::TooLong` or `Encoding`.
    pub fn decode(token: &[u8]) -> Result<Self, CredentialError> {
        if token.len() > MAX_READ {
            return Err(CredentialError::TooLong);
        }
        encode::from_base64(token)
            .map(Self)
            .ok_or(CredentialError::Encoding)
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// `CredentialError::Json` or `Shape`.
    pub fn read(&self) -> Result<Credential<'_>, CredentialError> {
        strict_json(&self.0, JsonLimits::default()).map_err(|_| CredentialError::Json)?;
        let text = std::str::from_utf8(&self.0).map_err(|_| CredentialError::Json)?;
        let wire: Object<Wire<'_>> =
            serde_json::from_str(text).map_err(|_| CredentialError::Shape)?;
        let wire = wire.0;
        let challenge = EchoedChallenge::read(wire.challenge.0)?;
        let mut credential = Credential::new(challenge, wire.payload)?;
        credential.source = wire.source.map(|text| text.0);
        Ok(credential)
    }
}

impl fmt::Debug for RawCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawCredential([redacted])")
    }
}

/// Looks for the `Payment` scheme at list level in one header value.
///
/// # Errors
///
/// `CredentialError::Several` when `found` holds one already.
pub(crate) fn scan<'v>(
    value: &'v [u8],
    found: &mut Option<&'v [u8]>,
) -> Result<(), CredentialError> {
    let mut rest = value;
    // Credentials are long, and most have neither commas nor quotes.
    let alone = !value.contains(&b',') && !value.contains(&b'"');
    while !rest.is_empty() {
        let end = if alone { rest.len() } else { element_end(rest) };
        let (element, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let element = element.trim_ascii();
        let Some((scheme, token)) = element.split_at_checked(SCHEME.len()) else {
            continue;
        };
        let ours = scheme.eq_ignore_ascii_case(SCHEME)
            && token.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        let token = token.trim_ascii_start();
        // `payment = "x"` is a parameter of the scheme before.
        if !ours || token.is_empty() || token.starts_with(b"=") {
            continue;
        }
        if found.replace(token).is_some() {
            return Err(CredentialError::Several);
        }
    }
    Ok(())
}

const SCHEME: &[u8] = b"payment";

/// Where the list element ends: at a comma outside quotes.
fn element_end(text: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    let ends = |byte: &u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return true,
            _ => {}
        }
        false
    };
    text.iter().position(ends).unwrap_or(text.len())
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    challenge: Object<WireChallenge<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct WireChallenge<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    realm: Text<'a>,
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    intent: Text<'a>,
    #[serde(borrow)]
    request: Text<'a>,
    #[serde(borrow)]
    expires: Option<Text<'a>>,
    #[serde(borrow)]
    digest: Option<Text<'a>>,
    #[serde(borrow)]
    header: Option<Text<'a>>,
    #[serde(borrow)]
    opaque: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
}

/// A text, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A struct that is read from an object only. The library would take an array for one too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

impl<'a> EchoedChallenge<'a> {
    /// A challenge of these texts, with nothing optional.
    #[must_use]
    pub fn new(
        id: &'a str,
        realm: &'a str,
        method: &'a str,
        intent: &'a str,
        request: &'a str,
    ) -> Self {
        Self {
            id: id.into(),
            realm: realm.into(),
            method: method.into(),
            intent: intent.into(),
            request: request.into(),
            expires: None,
            digest: None,
            header: None,
            opaque: None,
            description: None,
        }
    }

    /// What the id protects, to keep: all but the description.
    #[must_use]
    pub fn protected(&self) -> EchoedChallenge<'static> {
        let own = |text: &Cow<'a, str>| Cow::Owned(text.to_string());
        let may = |text: &Option<Cow<'a, str>>| text.as_ref().map(own);
        EchoedChallenge {
            id: own(&self.id),
            realm: own(&self.realm),
            method: own(&self.method),
            intent: own(&self.intent),
            request: own(&self.request),
            expires: may(&self.expires),
            digest: may(&self.digest),
            header: may(&self.header),
            opaque: may(&self.opaque),
            description: None,
        }
    }

    fn read(wire: WireChallenge<'a>) -> Result<Self, CredentialError> {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0);
        let challenge = Self {
            id: wire.id.0,
            realm: wire.realm.0,
            method: wire.method.0,
            intent: wire.intent.0,
            request: wire.request.0,
            expires: text(wire.expires),
            digest: text(wire.digest),
            header: text(wire.header).filter(|name| !name.eq_ignore_ascii_case("authorization")),
            opaque: wire
                .opaque
                .map(read_opaque)
                .transpose()?
                .filter(|text| !text.is_empty()),
            description: text(wire.description),
        };
        if challenge.is_well_formed() {
            Ok(challenge)
        } else {
            Err(CredentialError::Shape)
        }
    }

    /// What can be said of the texts before the id is verified.
    fn is_well_formed(&self) -> bool {
        let given =
            |text: &Option<Cow<'a, str>>, rule: fn(&str) -> bool| text.as_deref().is_none_or(rule);
        !self.id.is_empty()
            && is_slot(&self.id)
            && !self.realm.is_empty()
            && is_slot(&self.realm)
            && is_method(&self.method)
            && is_intent(&self.intent)
            && self.request.len() <= encode::MAX_REQUEST
            && encode::is_base64(&self.request)
            && given(&self.expires, |text| time::parse(text).is_some())
            && given(&self.digest, body_digest::is_digest)
            && given(&self.header, |name| {
                name.eq_ignore_ascii_case("payment-authorization")
            })
            && given(&self.opaque, encode::is_base64)
    }
}

/// The wire text of `opaque`; older clients send the object behind it.
fn read_opaque(json: &RawValue) -> Result<Cow<'_, str>, CredentialError> {
    if json.get().starts_with('{') {
        let object = serde_json::from_str(json.get()).map_err(|_| CredentialError::Shape)?;
        return encode::opaque_again(&object).ok_or(CredentialError::Shape);
    }
    let text: Text<'_> = serde_json::from_str(json.get()).map_err(|_| CredentialError::Shape)?;
    Ok(text.0)
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

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("challenge", &self.challenge.id)
            .finish_non_exhaustive()
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
        Ok(Self {
            challenge,
            source: None,
            payload,
        })
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

#[cfg(test)]
mod tests;
