use std::fmt::Display;

use crate::Denial;

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Whoever pays.
    Pay,
    /// This request, unpaid. A payment it brings is left alone.
    Grant,
    /// Not this request.
    Deny(Denial),
    /// Nobody can say, as if the hook had panicked. The text is for the log.
    Failed(String),
}

/// Whether a payment goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It does.
    GoOn,
    /// It ends here: 403, and nothing is charged.
    Deny(Denial),
    /// Nobody can say, as if the hook had panicked. The text is for the log.
    Failed(String),
}

/// What becomes of a payment that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// It has failed.
    Leave,
    /// It goes on.
    Recover,
}

/// What becomes of money that has moved for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refund {
    /// It waits for the same buyer to come again.
    Keep,
    /// It was given back.
    Done,
    /// Nobody knows, as if the hook had panicked. The text is for the log.
    Failed(String),
}

impl<E: Display> From<Result<Self, E>> for Access {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Failed(error.to_string()))
    }
}

impl<E: Display> From<Result<Self, E>> for Verdict {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Failed(error.to_string()))
    }
}

impl<E: Display> From<Result<Self, E>> for Recovery {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| {
            tracing::warn!(%error, "a hook failed, and a payment is left as it is");
            Self::Leave
        })
    }
}

impl<E: Display> From<Result<Self, E>> for Refund {
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(|error| Self::Failed(error.to_string()))
    }
}
