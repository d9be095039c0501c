use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{BoxFuture, Timer};

/// Where work goes on when the request it began in is gone, and how time passes for what waits.
/// Frameworks implement it on their runtime.
pub trait Spawn: Timer + Clone + Unpin {
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;

    #[derive(Clone, Default)]
    struct Spawned(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

    impl Spawn for Spawned {
        fn spawn(&self, task: BoxFuture<'static, ()>) {
            self.0.lock().expect("not poisoned").push(task);
        }
    }

    impl Timer for Spawned {
        fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn two_steps() -> (Arc<Mutex<u8>>, impl Future<Output = u8> + Send + 'static) {
        let steps = Arc::new(Mutex::new(0));
        let count = Arc::clone(&steps);
        let mut waited = false;
        let task = std::future::poll_fn(move |_| {
            *count.lock().expect("not poisoned") += 1;
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(2)
            } else {
                Poll::Pending
            }
        });
        (steps, task)
    }

    fn goes_on(spawned: &Spawned, steps: &Mutex<u8>) {
        assert_eq!(*steps.lock().expect("not poisoned"), 1);
        let mut tasks = std::mem::take(&mut *spawned.0.lock().expect("not poisoned"));
        assert_eq!(tasks.len(), 1);
        assert!(poll(&mut tasks[0]).is_ready());
        assert_eq!(*steps.lock().expect("not poisoned"), 2);
    }

    #[test]
    fn task_that_ends_in_place_is_not_spawned() {
        let spawned = Spawned::default();
        let (_, task) = two_steps();
        let mut detach = Detach::new(spawned.clone(), task);
        assert!(poll(&mut detach).is_pending());
        assert_eq!(poll(&mut detach), Poll::Ready(2));
        assert!(poll(&mut detach).is_pending());
        drop(detach);
        assert!(spawned.0.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn dropped_task_goes_on_where_it_was() {
        let spawned = Spawned::default();
        let (steps, task) = two_steps();
        let mut detach = Detach::new(spawned.clone(), task);
        assert!(poll(&mut detach).is_pending());
        drop(detach);
        goes_on(&spawned, &steps);
    }

    #[test]
    fn task_goes_on_when_something_else_panics() {
        let spawned = Spawned::default();
        let (steps, task) = two_steps();
        let mut detach = Detach::new(spawned.clone(), task);
        assert!(poll(&mut detach).is_pending());
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _detach = detach;
            panic!("something else");
        }));
        assert!(unwound.is_err());
        goes_on(&spawned, &steps);
    }

    #[test]
    fn task_that_panicked_is_not_polled_again() {
        let spawned = Spawned::default();
        let mut detach = Detach::new(spawned.clone(), async { panic!("the task") });
        let unwound = catch_unwind(AssertUnwindSafe(|| poll::<()>(&mut detach)));
        assert!(unwound.is_err());
        assert!(poll(&mut detach).is_pending());
        drop(detach);
        assert!(spawned.0.lock().expect("not poisoned").is_empty());
    }
}
