use std::error::Error;

use x402_core::FacilitatorFault;

use super::ApiCode;

/// No data to rely on. None of the texts that OKX sends are in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OkxFault {
    /// The request never left: nothing will come of it.
    #[error("OKX can't be reached")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
    /// The request left and no answer came in time.
    #[error("OKX does not answer in time")]
    TimedOut,
    /// The request left and the answer was lost.
    #[error("the answer of OKX was lost")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// A well-formed answer with this code in place of data.
    #[error("OKX answers with code {0}")]
    Refused(ApiCode),
    /// An answer that says yes by its code and no by its status.
    #[error("OKX contradicts itself: code 0, with status {status}")]
    Contradictory {
        /// Its HTTP status.
        status: u16,
    },
    /// An answer that is none.
    #[error("the answer of OKX can't be relied on: {what}, with status {status}")]
    Garbage {
        /// What is wrong with it.
        what: &'static str,
        /// Its HTTP status.
        status: u16,
    },
}

impl OkxFault {
    /// Whether it is certain that nothing was done: the request did not leave, or was turned away
    /// before anything looked at it.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        match self {
            Self::NotSent(_) => true,
            Self::Refused(code) => code.is_turned_away(),
            // At the door: nothing there has looked at a payment.
            Self::Garbage { status, .. } => matches!(status, 401 | 403 | 404 | 405 | 429),
            Self::TimedOut | Self::Lost(_) | Self::Contradictory { .. } => false,
        }
    }

    /// Whether another attempt may find what this one did not.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::TimedOut | Self::Lost(_) => true,
            Self::Refused(code) => code.is_passing(),
            Self::Contradictory { status } | Self::Garbage { status, .. } => {
                matches!(status, 429 | 500..=599)
            }
        }
    }
}

impl From<OkxFault> for FacilitatorFault {
    fn from(fault: OkxFault) -> Self {
        match fault {
            undone if undone.is_undone() => Self::NotSent(undone.into()),
            OkxFault::TimedOut => Self::TimedOut,
            OkxFault::Garbage { what, .. } => Self::Garbage(what),
            open => Self::Unknown(open.into()),
        }
    }
}
