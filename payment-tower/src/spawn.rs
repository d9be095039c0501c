use payment_core::{BoxFuture, Spawn};
use tokio::runtime::Handle;

/// Goes on with settlements on the tokio runtime that a request was polled on.
#[derive(Clone, Debug)]
pub struct TokioSpawn(Option<Handle>);

impl TokioSpawn {
    /// The runtime of the caller. Without one, work whose request went away is not gone on with:
    /// the credential is set free by its lease, or followed up when it comes again.
    #[must_use]
    pub fn current() -> Self {
        Self(Handle::try_current().ok())
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        match &self.0 {
            // A runtime that was shut down drops the task.
            Some(handle) => drop(handle.spawn(task)),
            None => tracing::error!("no tokio runtime to go on with a payment"),
        }
    }
}
