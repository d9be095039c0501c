use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Calls foreign code; `None` when it panics.
pub(crate) fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(panic) => {
            // What was thrown is foreign too, and so is its destructor.
            if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(panic))) {
                mem::forget(again);
            }
            None
        }
    }
}

/// A foreign future whose panics stay inside: while it is polled, when it is ready and goes, and
/// when it is dropped before. Ready with `None` when polling it panics.
pub(crate) struct Contained<F>(Option<F>);

impl<F> Contained<F> {
    pub(crate) const fn new(future: F) -> Self {
        Self(Some(future))
    }

    fn end(&mut self) {
        if let Some(future) = self.0.take() {
            contained(|| drop(future));
        }
    }
}

impl<F: Future + Unpin> Future for Contained<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let Some(future) = self.0.as_mut() else {
            return Poll::Pending;
        };
        let polled = contained(|| Pin::new(future).poll(context));
        let answer = match polled {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(value)) => Some(value),
            None => None,
        };
        self.end();
        Poll::Ready(answer)
    }
}

impl<F> Drop for Contained<F> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::task::Waker;

    use super::*;

    fn polled<F: Future + Unpin>(future: &mut Contained<F>) -> Poll<Option<F::Output>> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Panics in its destructor.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }

    #[test]
    fn panic_ends_a_future_and_nothing_else() {
        let mut future = Contained::new(Box::pin(async { panic!("a poll") }));
        assert_eq!(
            polled::<Pin<Box<_>>>(&mut future),
            Poll::<Option<()>>::Ready(None)
        );
        assert_eq!(polled(&mut future), Poll::Pending);
    }

    #[test]
    fn answer_stands_though_a_destructor_panics() {
        let mut future = Contained::new(Box::pin(async {
            let _bomb = std::future::ready(Bomb).await;
            7
        }));
        // The destructor runs within the poll: no answer was given.
        assert_eq!(polled(&mut future), Poll::Ready(None));
        let bomb = Bomb;
        let mut future = Contained::new(Box::pin(ReadyWith(bomb)));
        assert_eq!(polled(&mut future), Poll::Ready(Some(7)));
    }

    struct ReadyWith(#[allow(dead_code)] Bomb);

    impl Future for ReadyWith {
        type Output = u8;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(7)
        }
    }

    #[test]
    fn dropped_future_may_panic_even_while_a_panic_unwinds() {
        let waits = || {
            let bomb = Bomb;
            let mut future = Contained::new(Box::pin(async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            }));
            assert_eq!(polled(&mut future), Poll::Pending);
            future
        };
        drop(waits());
        let future = waits();
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _future = future;
            panic!("something else");
        }));
        assert!(unwound.is_err());
    }

    #[test]
    fn what_is_thrown_may_panic_when_it_goes() {
        assert_eq!(contained(|| panic_any(Bomb)), None::<()>);
    }
}
