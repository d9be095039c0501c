use std::time::Duration;

use payment_core::{BoxFuture, Spawn, Timer};
use tokio::runtime::Handle;

/// Goes on with settlements on the runtime of the worker that a request came to.
#[derive(Clone, Debug)]
pub(crate) struct TokioSpawn(Option<Handle>);

impl TokioSpawn {
    /// The runtime of the caller. Without one, work whose request went away is not gone on with:
    /// the credential is set free by its lease, or followed up when it comes again.
    pub(crate) fn current() -> Self {
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

/// Time as tokio tells it, on a runtime whose timer is enabled. Outside of one nothing that waits
/// goes on.
impl Timer for TokioSpawn {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        match &self.0 {
            Some(handle) => {
                let _entered = handle.enter();
                Box::pin(tokio::time::sleep(time))
            }
            None => {
                tracing::error!("no tokio runtime to tell the time");
                Box::pin(std::future::pending())
            }
        }
    }
}
