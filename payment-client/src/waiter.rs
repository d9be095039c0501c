use std::time::Duration;

/// How the buyer waits before it asks again.
#[derive(Clone, Debug, Default)]
pub(crate) enum Waiter {
    #[default]
    Timer,
    /// Moves the clock of a test instead, and remembers for how long.
    #[cfg(test)]
    Jump(std::sync::Arc<crate::tests::Jumps>),
}

impl Waiter {
    pub(crate) async fn wait(&self, time: Duration) {
        match self {
            Self::Timer => tokio::time::sleep(time).await,
            #[cfg(test)]
            Self::Jump(jumps) => jumps.jump(time),
        }
    }
}
