use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::BoxFuture;

/// Where work goes on when the request it began in is gone. Frameworks implement it on their
/// runtime.
pub trait Spawn: Clone + Send + Sync + Unpin + 'static {
    /// Runs the task to its end, whatever becomes of the caller. Must not panic; it is called
    /// from destructors, also while a panic unwinds.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// A task that is polled in place, and moves to the runtime when its request goes away first.
///
/// This is what lets a settlement finish whatever the client does, without a task switch for
/// the clients that stay.
pub(crate) struct Detach<S: Spawn, T: Send + 'static> {
    task: Option<BoxFuture<'static, T>>,
    spawn: S,
}

impl<S: Spawn, T: Send + 'static> Detach<S, T> {
    pub(crate) fn new(spawn: S, task: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            task: Some(Box::pin(task)),
            spawn,
        }
    }
}

impl<S: Spawn, T: Send + 'static> Future for Detach<S, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Taken out while it is polled: a task that panics is gone and is not polled again.
        let Some(mut task) = self.task.take() else {
            return Poll::Pending;
        };
        let polled = task.as_mut().poll(context);
        if polled.is_pending() {
            self.task = Some(task);
        }
        polled
    }
}

impl<S: Spawn, T: Send + 'static> Drop for Detach<S, T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.spawn.spawn(Box::pin(async move { drop(task.await) }));
        }
    }
}
