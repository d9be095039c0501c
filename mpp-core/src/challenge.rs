use http::HeaderName;
use payment_core::Timestamp;

use crate::{EncodedRequest, time};

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

/// The request header that takes the credential where `Authorization` is used for login.
pub const PAYMENT_AUTHORIZATION: HeaderName = HeaderName::from_static("payment-authorization");
