use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::HeaderName;

use crate::detach::Spawn;
use crate::{Access, Alarm, Ask, Fault, Hooks, Recovery, Refund, Soon, Verdict};

/// The hooks of a gate, behind what keeps them from doing harm.
#[derive(Clone)]
pub(crate) struct Hooked {
    list: Arc<[Arc<dyn Hooks>]>,
    deadline: Duration,
}

/// A hook that gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mute {
    /// It was late.
    #[error("a hook is late")]
    Late,
    /// It panicked.
    #[error("a hook panicked")]
    Panicked,
}

impl From<Mute> for Fault {
    fn from(mute: Mute) -> Self {
        Self::unavailable("hook_failed", mute)
    }
}

impl Hooked {
    pub(crate) fn new(list: Vec<Arc<dyn Hooks>>, deadline: Duration) -> Self {
        Self {
            list: list.into(),
            deadline,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The headers that any of them reads.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.list.iter().flat_map(|hooks| hooks.headers())
    }

    /// The first that grants or denies decides.
    pub(crate) async fn access(&self, ask: &Ask) -> Result<Access, Mute> {
        for hooks in &*self.list {
            let asked = || hooks.protected_request(ask);
            match within(&ask.alarm, self.deadline, asked).await? {
                Access::Pay => {}
                decided => return Ok(decided),
            }
        }
        Ok(Access::Pay)
    }

    /// The first that denies decides.
    pub(crate) async fn verdict<'a>(
        &'a self,
        alarm: &Alarm,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Verdict>,
    ) -> Result<Verdict, Mute> {
        for hooks in &*self.list {
            match within(alarm, self.deadline, || ask(&**hooks)).await? {
                Verdict::GoOn => {}
                denied => return Ok(denied),
            }
        }
        Ok(Verdict::GoOn)
    }

    /// Whether any of them recovers. What gives no answer does not.
    pub(crate) async fn recovers<'a>(
        &'a self,
        alarm: &Alarm,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Recovery>,
    ) -> bool {
        for hooks in &*self.list {
            match within(alarm, self.deadline, || ask(&**hooks)).await {
                Ok(Recovery::Recover) => return true,
                Ok(Recovery::Leave) => {}
                Err(mute) => tracing::warn!(%mute, "a failed payment is left as it is"),
            }
        }
        false
    }

    /// Whether any of them has given the money back.
    pub(crate) async fn refunds<'a>(
        &'a self,
        alarm: &Alarm,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Refund>,
    ) -> bool {
        for hooks in &*self.list {
            match within(alarm, self.deadline, || ask(&**hooks)).await {
                Ok(Refund::Done) => return true,
                Ok(Refund::Keep) => {}
                Err(mute) => tracing::error!(%mute, "nobody knows whether a refund was made"),
            }
        }
        false
    }

    /// Tells all of them, on their own time.
    pub(crate) fn tell<T, F>(&self, spawn: &impl Spawn, alarm: &Alarm, about: T, tell: F)
    where
        T: Send + Sync + 'static,
        F: for<'a> Fn(&'a dyn Hooks, &'a T) -> Soon<'a, ()> + Send + Sync + 'static,
    {
        if self.list.is_empty() {
            return;
        }
        let (hooked, alarm) = (self.clone(), alarm.clone());
        spawn.spawn(Box::pin(async move {
            for hooks in &*hooked.list {
                let told = within(&alarm, hooked.deadline, || tell(&**hooks, &about)).await;
                if let Err(mute) = told {
                    tracing::warn!(%mute, "a hook was told and did not take it");
                }
            }
        }));
    }
}

/// Runs foreign code: so long and no longer, and without its panics.
pub(crate) async fn within<T, F: Future<Output = T> + Unpin>(
    alarm: &Alarm,
    deadline: Duration,
    begin: impl FnOnce() -> F,
) -> Result<T, Mute> {
    let Ok(mut future) = catch_unwind(AssertUnwindSafe(begin)) else {
        return Err(Mute::Panicked);
    };
    let contained = poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            std::pin::Pin::new(&mut future).poll(context)
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(_) => Poll::Ready(Err(Mute::Panicked)),
        }
    });
    match alarm.within(deadline, contained).await {
        Ok(answer) => answer,
        Err(_) => Err(Mute::Late),
    }
}
