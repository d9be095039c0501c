use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::ChannelId;

/// Tells the streams of this process that a channel has changed. Knows only channels that a
/// stream listens to.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<ChannelId, Heard>>);

#[derive(Debug, Default)]
struct Heard {
    listeners: usize,
    rings: u64,
    wakers: Vec<Waker>,
}

impl Bells {
    /// The channel has changed.
    pub(crate) fn ring(&self, id: ChannelId) {
        let wakers = match self.lock().get_mut(&id) {
            Some(heard) => {
                heard.rings = heard.rings.wrapping_add(1);
                std::mem::take(&mut heard.wakers)
            }
            None => return,
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Listens to one channel.
    pub(crate) fn listen(self: &Arc<Self>, id: ChannelId) -> Listener {
        let mut channels = self.lock();
        let heard = channels.entry(id).or_default();
        heard.listeners += 1;
        let seen = heard.rings;
        drop(channels);
        Listener {
            bells: Arc::clone(self),
            id,
            seen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChannelId, Heard>> {
        // Nothing under the lock panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears what rings after it was last told to mark.
#[derive(Debug)]
pub(crate) struct Listener {
    bells: Arc<Bells>,
    id: ChannelId,
    seen: u64,
}

impl Listener {
    /// What rings from here on is heard.
    pub(crate) fn mark(&mut self) {
        if let Some(heard) = self.bells.lock().get(&self.id) {
            self.seen = heard.rings;
        }
    }

    /// Waits until it has rung since the mark.
    pub(crate) async fn heard(&mut self) {
        poll_fn(|context| {
            let mut channels = self.bells.lock();
            let Some(heard) = channels.get_mut(&self.id) else {
                return Poll::Ready(());
            };
            if heard.rings != self.seen {
                return Poll::Ready(());
            }
            if !heard
                .wakers
                .iter()
                .any(|waker| waker.will_wake(context.waker()))
            {
                heard.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Entry::Occupied(mut heard) = self.bells.lock().entry(self.id) {
            heard.get_mut().listeners -= 1;
            if heard.get().listeners == 0 {
                heard.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    use alloy_primitives::B256;

    use super::*;

    fn is_heard(listener: &mut Listener) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(listener.heard()).poll(&mut context).is_ready()
    }

    #[test]
    fn what_rings_after_the_mark_is_heard_even_before_the_wait() {
        let bells = Arc::new(Bells::default());
        let id = ChannelId::new(B256::repeat_byte(1));
        let mut listener = bells.listen(id);
        assert!(!is_heard(&mut listener));
        bells.ring(ChannelId::new(B256::repeat_byte(2)));
        assert!(!is_heard(&mut listener));
        bells.ring(id);
        assert!(is_heard(&mut listener));
        assert!(is_heard(&mut listener), "until it is marked");
        listener.mark();
        assert!(!is_heard(&mut listener));
    }

    #[test]
    fn nothing_is_kept_of_channels_that_nobody_listens_to() {
        let bells = Arc::new(Bells::default());
        let id = ChannelId::new(B256::repeat_byte(1));
        bells.ring(id);
        assert!(bells.lock().is_empty());
        let (first, second) = (bells.listen(id), bells.listen(id));
        drop(first);
        assert_eq!(bells.lock().len(), 1);
        drop(second);
        assert!(bells.lock().is_empty());
    }
}
