use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::contained::{Contained, contained};
use crate::detach::Spawn;
use crate::inflight::InFlight;
use crate::{Access, Alarm, Ask, Denied, Fault, Hooks, Recovery, Refund, Soon, Verdict};

/// The hooks of a gate, behind what keeps them from doing harm.
#[derive(Clone)]
pub(crate) struct Hooked {
    list: Arc<[Hook]>,
    /// Those that are told of what anybody can cause.
    mentions: Arc<InFlight>,
}

struct Hook {
    hooks: Arc<dyn Hooks>,
    deadline: Duration,
}

/// A hook that gave no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mute {
    /// It was late.
    #[error("a hook is late")]
    Late,
    /// It panicked.
    #[error("a hook panicked")]
    Panicked,
    /// It has failed, and says so.
    #[error("a hook failed: {0}")]
    Failed(String),
}

impl From<Mute> for Denied {
    fn from(mute: Mute) -> Self {
        Fault::unavailable("hook_failed", mute).into()
    }
}

/// What a hook's silence does to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It ends it.
    Ends,
    /// Nothing: the others are asked.
    ChangesNothing,
}

/// How many may be told at once of what costs nobody anything.
const MENTIONS: usize = 1024;

impl Hooked {
    pub(crate) fn new(list: Vec<Arc<dyn Hooks>>, deadline: Duration) -> Self {
        let own = |hooks: Arc<dyn Hooks>| Hook {
            deadline: hooks.deadline().unwrap_or(deadline),
            hooks,
        };
        Self {
            list: list.into_iter().map(own).collect(),
            mentions: Arc::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The headers that any of them reads.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.list.iter().flat_map(|hook| hook.hooks.headers())
    }

    /// Whether the request is let in unpaid. The first that grants or denies decides.
    pub(crate) async fn grants(&self, ask: &Ask) -> Result<bool, Denied> {
        for hook in &*self.list {
            let asked = hook.asked(&ask.alarm, |hooks| hooks.protected_request(ask));
            match asked.await {
                Ok(Access::Pay) => {}
                Ok(Access::Grant) => return Ok(true),
                Ok(Access::Deny(denial)) => return Err(denial.into()),
                Ok(Access::Failed(why)) => return Err(Mute::Failed(why).into()),
                Err(mute) => return Err(mute.into()),
            }
        }
        Ok(false)
    }

    /// Whether a payment goes on. The first that denies decides.
    pub(crate) async fn let_on<'a>(
        &'a self,
        alarm: &Alarm,
        silence: Silence,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Verdict>,
    ) -> Result<(), Denied> {
        for hook in &*self.list {
            let mute = match hook.asked(alarm, &ask).await {
                Ok(Verdict::GoOn) => continue,
                Ok(Verdict::Deny(denial)) => return Err(denial.into()),
                Ok(Verdict::Failed(why)) => Mute::Failed(why),
                Err(mute) => mute,
            };
            if silence == Silence::Ends {
                return Err(mute.into());
            }
            tracing::warn!(%mute, "a payment goes on without it");
        }
        Ok(())
    }

    /// Whether any of them recovers. What gives no answer does not.
    pub(crate) async fn recovers<'a>(
        &'a self,
        alarm: &Alarm,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Recovery>,
    ) -> bool {
        for hook in &*self.list {
            match hook.asked(alarm, &ask).await {
                Ok(Recovery::Recover) => return true,
                Ok(Recovery::Leave) => {}
                Err(mute) => tracing::warn!(%mute, "a failed payment is left as it is"),
            }
        }
        false
    }

    /// Whether any of them has given the money back. Where one does not say, it may have: the
    /// others are not asked to do it once more.
    pub(crate) async fn refunds<'a>(
        &'a self,
        alarm: &Alarm,
        ask: impl Fn(&'a dyn Hooks) -> Soon<'a, Refund>,
    ) -> bool {
        for hook in &*self.list {
            let mute = match hook.asked(alarm, &ask).await {
                Ok(Refund::Done) => return true,
                Ok(Refund::Keep) => continue,
                Ok(Refund::Failed(why)) => Mute::Failed(why),
                Err(mute) => mute,
            };
            tracing::error!(%mute, "nobody knows whether a refund was made");
            return false;
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
            for hook in &*hooked.list {
                let told = hook.asked(&alarm, |hooks| tell(hooks, &about)).await;
                if let Err(mute) = told {
                    tracing::warn!(%mute, "a hook was told and did not take it");
                }
            }
        }));
    }

    /// Tells all of them of what anybody can cause, unless too many are being told. (T120)
    pub(crate) fn mention<T, F>(&self, spawn: &impl Spawn, alarm: &Alarm, about: T, tell: F)
    where
        T: Send + Sync + 'static,
        F: for<'a> Fn(&'a dyn Hooks, &'a T) -> Soon<'a, ()> + Send + Sync + 'static,
    {
        match self.mentions.enter(MENTIONS) {
            Some(place) => self.tell(spawn, alarm, (about, place), move |hooks, (about, _)| {
                tell(hooks, about)
            }),
            None => tracing::warn!("hooks are slow, and are not told"),
        }
    }
}

impl Hook {
    async fn asked<'a, T: Unpin>(
        &'a self,
        alarm: &Alarm,
        ask: impl FnOnce(&'a dyn Hooks) -> Soon<'a, T>,
    ) -> Result<T, Mute> {
        within(alarm, self.deadline, || ask(&*self.hooks)).await
    }
}

/// Runs foreign code: so long and no longer, and without its panics.
pub(crate) async fn within<T, F: Future<Output = T> + Unpin>(
    alarm: &Alarm,
    deadline: Duration,
    begin: impl FnOnce() -> F,
) -> Result<T, Mute> {
    let future = contained(begin).ok_or(Mute::Panicked)?;
    match alarm.within(deadline, Contained::new(future)).await {
        Ok(answer) => answer.ok_or(Mute::Panicked),
        Err(_) => Err(Mute::Late),
    }
}
