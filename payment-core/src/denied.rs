use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{Problem, ProtocolName};

/// Why a request is not served.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum Denied {
    /// The payer's side: says why, with a fresh challenge where paying again can help.
    Refused(Refusal),
    /// Ours or a third party's: 5xx, opaque to the client, the cause goes to the log.
    Failed(Fault),
    /// The money may have moved: 503, the reservation stays, the same credential is reconciled.
    Unknown(Pending),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Denied {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// A refusal that is the payer's to mend. Definite: no money has moved and none will by it.
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal(Box<Refused>);

#[derive(Clone, Debug)]
struct Refused {
    by: ProtocolName,
    problem: Problem,
    headers: Vec<(HeaderName, HeaderValue)>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal in the protocol's own problem type and code.
    pub fn new(by: ProtocolName, problem: Problem) -> Self {
        Self(Box::new(Refused {
            by,
            problem,
            headers: Vec::new(),
            retry_after: None,
        }))
    }

    /// Adds a header to the answer, such as a failed settlement receipt.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Tells the client when trying again can help.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Replaces the code, where it came from a checked list of the protocol.
    pub fn code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.problem.code = code.into();
        self
    }

    /// The protocol that refused.
    #[must_use]
    pub const fn by(&self) -> ProtocolName {
        self.0.by
    }

    /// What the client reads.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.0.problem
    }

    /// Headers of the answer beside the challenges.
    #[must_use]
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.0.headers
    }

    /// When trying again can help.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether a fresh challenge goes with it: only an answer of 402 invites to pay again, and
    /// 412 tells what to do first.
    #[must_use]
    pub fn invites_payment(&self) -> bool {
        matches!(
            self.0.problem.status,
            StatusCode::PAYMENT_REQUIRED | StatusCode::PRECONDITION_FAILED
        )
    }
}

/// A request that is not served, whatever it pays: 403, unless the seller says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    status: StatusCode,
}

impl Denial {
    /// A denial with this stable code, in `snake_case`. Clients see it.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: code.into(),
            detail: Cow::Borrowed("this request is not served"),
            status: StatusCode::FORBIDDEN,
        }
    }

    /// Says why, in words for the client.
    #[must_use]
    pub fn detail(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.detail = text.into();
        self
    }

    /// Answers with this status. Only an error can be a denial, and none that invites to pay:
    /// everything else stays 403.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        let error = status.is_client_error() || status.is_server_error();
        let invites = [
            StatusCode::PAYMENT_REQUIRED,
            StatusCode::PRECONDITION_FAILED,
        ];
        if error && !invites.contains(&status) {
            self.status = status;
        }
        self
    }
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        let Denial {
            code,
            detail,
            status,
        } = denial;
        let problem = Problem {
            status,
            detail,
            code,
            ..ACCESS_DENIED
        };
        Self::Refused(Refusal::new(GATE, problem))
    }
}

/// Who denies.
const GATE: ProtocolName = ProtocolName::new("gate");

const ACCESS_DENIED: Problem = Problem::new(
    "urn:tollgate:problem:access-denied",
    "Access Denied",
    StatusCode::FORBIDDEN,
    "access_denied",
    "",
);

/// A fault on our side or a third party's. Definite: no money has moved.
pub struct Fault {
    /// 414, 500, 502, 503 or 504.
    status: StatusCode,
    code: &'static str,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// Something we depend on gave a wrong answer: 502.
    pub fn upstream(code: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            code,
            cause: Some(cause.into()),
        }
    }

    /// Something we depend on can't be reached, or we are at a limit: 503.
    pub fn unavailable(code: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code,
            cause: Some(cause.into()),
        }
    }

    /// Something we depend on did not answer in time: 504.
    pub fn timeout(code: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            status: StatusCode::GATEWAY_TIMEOUT,
            code,
            cause: Some(cause.into()),
        }
    }

    /// The URL is longer than an offer can name it: 414.
    pub fn uri_too_long(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            status: StatusCode::URI_TOO_LONG,
            code: "uri_too_long",
            cause: Some(cause.into()),
        }
    }

    /// Our own mistake: 500.
    pub fn internal(code: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code,
            cause: Some(cause.into()),
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code that the client sees.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("status", &self.status.as_u16())
            .field("code", &self.code)
            .field("cause", &self.cause)
            .finish()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// A settlement that may have happened. The credential stays reserved until that is known.
#[must_use]
pub struct Pending {
    /// What the protocol needs to find the settlement again, such as a transaction hash.
    pub evidence: Bytes,
    /// Headers of the 503, such as a receipt that says the settlement is pending.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The stable code that the client sees.
    pub code: &'static str,
    /// The cause, for the log.
    pub cause: Box<dyn Error + Send + Sync>,
}

/// Without the evidence, which may be a signed transaction. (T124)
impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("evidence", &self.evidence.len())
            .field("code", &self.code)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}
