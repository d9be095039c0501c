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

/// Deposits that wait in one lane at once. Each has its turn at the node, and perhaps a block.
const MOST_IN_LINE: usize = 16;

/// From so many on, lanes that nobody needs are looked for.
const MANY: usize = 64;

impl Lanes {
    /// Waits until nobody else works on this channel.
    pub(super) async fn enter(&self, id: ChannelId, now: Timestamp) -> OwnedMutexGuard<Lane> {
        self.lane(id, now).lock_owned().await
    }

    /// The same, unless many wait already: for work that the payer asks for and that must not keep
    /// the payout of the channel waiting for as long as the payer likes. (T67)
    pub(super) async fn enter_short(
        &self,
        id: ChannelId,
        now: Timestamp,
    ) -> Option<OwnedMutexGuard<Lane>> {
        let lane = self.lane(id, now);
        // One for the map, one for whoever is in it, one each for those who wait, and ours.
        if Arc::strong_count(&lane) >= 3 + MOST_IN_LINE {
            return None;
        }
        Some(lane.lock_owned().await)
    }

    fn lane(&self, id: ChannelId, now: Timestamp) -> Arc<AsyncMutex<Lane>> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= MANY {
            lanes.retain(|_, lane| is_needed(lane, now));
        }
        Arc::clone(lanes.entry(id).or_default())
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

    /// The payer of a channel can ask for deposits without end, and not keep us from being paid.
    #[tokio::test]
    async fn t67_deposits_in_line_are_few_so_that_a_payout_has_its_turn() {
        let lanes = Lanes::default();
        let now = Timestamp::from_seconds(1_000);
        let id = ChannelId::new(B256::repeat_byte(1));
        let inside = lanes.enter(id, now).await;
        let mut line = tokio::task::JoinSet::new();
        for _ in 0..4 * MOST_IN_LINE {
            let lanes = lanes.clone();
            line.spawn(async move { lanes.enter_short(id, now).await.is_some() });
        }
        while line.len() > MOST_IN_LINE {
            let entered = line.join_next().await.map(Result::ok);
            assert_eq!(entered, Some(Some(false)));
        }
        // Another channel is none of theirs.
        let other = ChannelId::new(B256::repeat_byte(2));
        assert!(lanes.enter_short(other, now).await.is_some());
        let mut payout = std::pin::pin!(lanes.enter(id, now));
        assert!(
            tokio::time::timeout(Duration::ZERO, payout.as_mut())
                .await
                .is_err()
        );
        drop(inside);
        drop(payout.await);
        while let Some(entered) = line.join_next().await {
            assert_eq!(entered.ok(), Some(true));
        }
        assert!(lanes.enter_short(id, now).await.is_some());
    }

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
