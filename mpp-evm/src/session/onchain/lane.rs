use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy_primitives::B256;
use payment_core::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::session::ChannelId;

/// Lets one transaction of ours at a time work on a channel. The same deposit, presented many
/// times at once, costs the gas of one.
#[derive(Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<ChannelId, Arc<AsyncMutex<Lane>>>>>);

/// What is known of our transactions on one channel.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The last one, if its outcome was not known then.
    sent: Option<(B256, Timestamp)>,
}

/// How long a transaction that was sent and not seen since keeps others from being sent. Nodes
/// drop what they can't have mined for long.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(300);

/// From so many on, lanes that nobody needs are looked for.
const MANY: usize = 64;

impl Lanes {
    /// Waits until nobody else works on this channel.
    pub(super) async fn enter(&self, id: ChannelId, now: Timestamp) -> OwnedMutexGuard<Lane> {
        let lane = {
            let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lanes.len() >= MANY {
                lanes.retain(|_, lane| is_needed(lane, now));
            }
            Arc::clone(lanes.entry(id).or_default())
        };
        lane.lock_owned().await
    }
}

/// Whether somebody is in it, or waits to, or it has something to tell. Nobody can come to hold
/// it meanwhile: that takes the lock of them all.
fn is_needed(lane: &Arc<AsyncMutex<Lane>>, now: Timestamp) -> bool {
    Arc::strong_count(lane) > 1
        || lane
            .try_lock()
            .is_ok_and(|lane| lane.in_flight(now).is_some())
}

impl Lane {
    /// Our transaction that may yet be mined.
    pub(super) fn in_flight(&self, now: Timestamp) -> Option<B256> {
        self.sent
            .filter(|(_, at)| now < at.plus(GIVEN_UP_AFTER))
            .map(|(hash, _)| hash)
    }

    pub(super) fn sent(&mut self, hash: B256, now: Timestamp) {
        self.sent = Some((hash, now));
    }

    pub(super) fn clear(&mut self) {
        self.sent = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lanes_that_nobody_needs_are_forgotten_and_others_are_not() {
        let lanes = Lanes::default();
        let now = Timestamp::from_seconds(1_000);
        let id = |n: usize| ChannelId::new(B256::left_padding_from(&n.to_be_bytes()));
        let held = lanes.enter(id(0), now).await;
        lanes.enter(id(1), now).await.sent(B256::ZERO, now);
        for n in 2..10 * MANY {
            drop(lanes.enter(id(n), now).await);
        }
        let names = |lanes: &Lanes| lanes.0.lock().map(|lanes| lanes.len()).unwrap_or_default();
        assert!(names(&lanes) <= MANY);
        let told = lanes.enter(id(1), now).await.in_flight(now);
        assert_eq!(told, Some(B256::ZERO));
        assert!(
            tokio::time::timeout(Duration::ZERO, lanes.enter(id(0), now))
                .await
                .is_err()
        );
        drop(held);
        // After a while it is taken to be lost.
        let late = now.plus(GIVEN_UP_AFTER);
        assert_eq!(lanes.enter(id(1), late).await.in_flight(late), None);
    }
}
