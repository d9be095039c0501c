use std::time::Duration;

/// What there is to do for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Refresh,
    /// Settle while a grace period runs.
    Rescue,
    /// Close what somebody has left half closed. Perhaps a grace period runs.
    Resume,
    Settle,
    Close,
    Forget(Duration),
}

/// What waits together after a failure. What is urgent does not wait for what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Reading,
    Paying,
    Urgent,
}

impl Duty {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Refresh | Self::Forget(_) => Kind::Reading,
            Self::Settle | Self::Close => Kind::Paying,
            Self::Rescue | Self::Resume => Kind::Urgent,
        }
    }

    /// The longest wait after a failure.
    pub(super) const fn longest_wait(self) -> Duration {
        match self.kind() {
            Kind::Reading | Kind::Urgent => URGENT,
            Kind::Paying => PATIENT,
        }
    }
}

/// What waits between two tries of what has failed, at most: where a grace period runs, and where
/// none does.
const URGENT: Duration = Duration::from_secs(30);
const PATIENT: Duration = Duration::from_secs(600);
