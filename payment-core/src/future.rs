use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A value that is often there at once. Awaiting one that is costs no allocation.
pub enum Soon<'a, T> {
    /// It is here; `None` once taken.
    Now(Option<T>),
    /// It takes an await.
    Later(BoxFuture<'a, T>),
}

impl<T> Soon<'_, T> {
    /// A value that is here.
    pub const fn now(value: T) -> Self {
        Self::Now(Some(value))
    }
}

impl<'a, T> Soon<'a, T> {
    /// A value that takes an await.
    pub fn later(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Later(Box::pin(future))
    }
}

impl<T: Unpin> Future for Soon<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut *self {
            // A future polled after it was ready stays pending, it does not panic.
            Self::Now(value) => value.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> std::fmt::Debug for Soon<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Soon::Now",
            Self::Later(_) => "Soon::Later",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn soon_is_ready_once_and_never_panics() {
        let mut context = Context::from_waker(Waker::noop());
        let mut now = Soon::now(7);
        assert_eq!(Pin::new(&mut now).poll(&mut context), Poll::Ready(7));
        assert_eq!(Pin::new(&mut now).poll(&mut context), Poll::Pending);
        let mut later = Soon::later(async { 7 });
        assert_eq!(Pin::new(&mut later).poll(&mut context), Poll::Ready(7));
        let mut never = Soon::<()>::later(std::future::pending());
        assert_eq!(Pin::new(&mut never).poll(&mut context), Poll::Pending);
    }
}
