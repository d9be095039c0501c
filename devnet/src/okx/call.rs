use std::fmt;

use http::{HeaderMap, Method};
use serde_json::Value;

use crate::script::Ask;

/// What the service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `GET x402/supported`
    Supported,
    /// `POST x402/verify`
    Verify,
    /// `POST x402/verify-signature`
    VerifySignature,
    /// `POST x402/settle`
    Settle,
    /// `GET x402/settle/status`
    SettleStatus,
    /// `POST mpp/charge/settle`
    ChargeSettle,
    /// `POST mpp/charge/verifyHash`
    ChargeVerifyHash,
    /// `POST mpp/session/open`
    SessionOpen,
    /// `POST mpp/session/topUp`
    SessionTopUp,
    /// `POST mpp/session/settle`
    SessionSettle,
    /// `POST mpp/session/close`
    SessionClose,
    /// `GET mpp/session/status`
    SessionStatus,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Supported,
        Self::Verify,
        Self::VerifySignature,
        Self::Settle,
        Self::SettleStatus,
        Self::ChargeSettle,
        Self::ChargeVerifyHash,
        Self::SessionOpen,
        Self::SessionTopUp,
        Self::SessionSettle,
        Self::SessionClose,
        Self::SessionStatus,
    ];

    /// Where it stands, below the base URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Supported => "/api/v6/pay/x402/supported",
            Self::Verify => "/api/v6/pay/x402/verify",
            Self::VerifySignature => "/api/v6/pay/x402/verify-signature",
            Self::Settle => "/api/v6/pay/x402/settle",
            Self::SettleStatus => "/api/v6/pay/x402/settle/status",
            Self::ChargeSettle => "/api/v6/pay/mpp/charge/settle",
            Self::ChargeVerifyHash => "/api/v6/pay/mpp/charge/verifyHash",
            Self::SessionOpen => "/api/v6/pay/mpp/session/open",
            Self::SessionTopUp => "/api/v6/pay/mpp/session/topUp",
            Self::SessionSettle => "/api/v6/pay/mpp/session/settle",
            Self::SessionClose => "/api/v6/pay/mpp/session/close",
            Self::SessionStatus => "/api/v6/pay/mpp/session/status",
        }
    }

    /// How it is asked.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Supported | Self::SettleStatus | Self::SessionStatus => Method::GET,
            _ => Method::POST,
        }
    }

    /// Whether it is of the SA-API, not of the x402 facilitator.
    pub(super) const fn is_mpp(self) -> bool {
        !matches!(
            self,
            Self::Supported
                | Self::Verify
                | Self::VerifySignature
                | Self::Settle
                | Self::SettleStatus
        )
    }

    pub(super) fn at(method: &Method, path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|endpoint| endpoint.path() == path && endpoint.method() == *method)
    }
}

/// A request that came in at an endpoint, let in or not.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// What was asked for.
    pub endpoint: Endpoint,
    /// The path with its query, as it stood on the request line.
    pub path: String,
    /// Every header.
    pub headers: HeaderMap,
    /// The JSON body; `Null` where there was none.
    pub body: Value,
}

impl Call {
    /// A header's text; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl fmt::Debug for Call {
    // Headers and bodies hold signatures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Ask for Call {
    type Kind = Endpoint;

    fn kind(&self) -> Endpoint {
        self.endpoint
    }
}
