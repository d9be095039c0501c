use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::{BoxFuture, Timer};

/// Ends what takes too long, by the time of the runtime that serves the request. The default one
/// waits for ever.
#[derive(Clone, Default)]
pub struct Alarm(Option<Arc<dyn Timer>>);

/// It took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline has passed")]
pub struct Elapsed;

impl Alarm {
    /// An alarm by this timer.
    pub fn new(timer: impl Timer) -> Self {
        Self(Some(Arc::new(timer)))
    }

    /// Is ready when so much time has passed; never, where nothing tells the time.
    #[must_use]
    pub fn after(&self, time: Duration) -> BoxFuture<'static, ()> {
        match &self.0 {
            Some(timer) => timer.sleep(time),
            None => Box::pin(std::future::pending()),
        }
    }

    /// Waits so long and no longer. What is ready at once needs no timer.
    ///
    /// # Errors
    ///
    /// `Elapsed` when it was not ready in time; it is dropped then.
    pub async fn within<T>(
        &self,
        time: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut future = pin!(future);
        let mut timer = None;
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            let timer = timer.get_or_insert_with(|| self.after(time));
            timer.as_mut().poll(context).map(|()| Err(Elapsed))
        })
        .await
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Alarm",
            None => "Alarm(never)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tokio;

    impl Timer for Tokio {
        fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
            Box::pin(tokio::time::sleep(time))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_ended_and_what_is_in_time_is_not() {
        let alarm = Alarm::new(Tokio);
        let second = Duration::from_secs(1);
        let just = async {
            tokio::time::sleep(second - Duration::from_millis(1)).await;
            7
        };
        assert_eq!(alarm.within(second, just).await, Ok(7));
        let never = std::future::pending::<u8>();
        assert_eq!(alarm.within(second, never).await, Err(Elapsed));
    }

    #[tokio::test]
    async fn what_is_ready_needs_no_timer() {
        struct None;
        impl Timer for None {
            fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
                panic!("nobody is to wait")
            }
        }
        let ready = std::future::ready(1);
        assert_eq!(Alarm::new(None).within(Duration::ZERO, ready).await, Ok(1));
    }
}
