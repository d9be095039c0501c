use std::fmt;
use std::sync::Arc;

use payment_core::{Elapsed, Fault, ProtocolName};

use crate::contain::{Panicked, contained};

/// What one protocol behind the router could not do for a request. For logs and alarms: the
/// client sees a code at most.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{protocol} failed to {phase}: {code}: {cause}")]
#[non_exhaustive]
pub struct RouterError {
    /// What it was asked for.
    pub phase: Phase,
    /// The protocol.
    pub protocol: ProtocolName,
    /// How it failed.
    pub kind: FailureKind,
    /// The code of its fault, `challenge_late` or `protocol_panicked`.
    pub code: &'static str,
    /// What is known of the cause.
    pub cause: String,
    /// The path of the request, as dispatched.
    pub path: Box<str>,
}

/// What a protocol was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Whether the request speaks to it.
    Claim,
    /// Its challenge.
    Challenge,
    /// To bind a credential to its offers.
    Bind,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim => "claim",
            Self::Challenge => "challenge",
            Self::Bind => "bind",
        })
    }
}

/// How a protocol failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// It said so itself.
    Fault,
    /// It did not answer in time.
    Late,
    /// It panicked.
    Panic,
}

/// A failure of a protocol, and what the client gets of it where nothing else can be had.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) fault: Fault,
}

impl Failure {
    pub(crate) fn late() -> Self {
        Self {
            kind: FailureKind::Late,
            fault: Fault::timeout("challenge_late", Elapsed),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self {
            kind: FailureKind::Fault,
            fault,
        }
    }
}

impl From<Panicked> for Failure {
    fn from(panicked: Panicked) -> Self {
        Self {
            kind: FailureKind::Panic,
            fault: Fault::unavailable(PANICKED, panicked),
        }
    }
}

pub(crate) const PANICKED: &str = "protocol_panicked";

type OnError = dyn Fn(&RouterError) + Send + Sync;

/// Who is told when a protocol fails.
#[derive(Clone)]
pub(crate) struct Reporter(Option<Arc<OnError>>);

impl Reporter {
    /// Tells the log alone.
    pub(crate) const fn silent() -> Self {
        Self(None)
    }

    pub(crate) fn new(on_error: impl Fn(&RouterError) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(on_error)))
    }

    /// Tells the log, and whoever asked to be told.
    pub(crate) fn report(
        &self,
        phase: Phase,
        protocol: ProtocolName,
        failure: &Failure,
        path: &str,
    ) {
        let Failure { kind, fault } = failure;
        let cause = std::error::Error::source(fault).map(ToString::to_string);
        let (code, cause) = (fault.code(), cause.unwrap_or_default());
        tracing::warn!(%phase, %protocol, code, cause, path, "a protocol failed");
        let Some(on_error) = &self.0 else { return };
        let error = RouterError {
            phase,
            protocol,
            kind: *kind,
            code,
            cause,
            path: path.into(),
        };
        // Whoever listens decides nothing.
        let _ = contained(|| on_error(&error));
    }
}
