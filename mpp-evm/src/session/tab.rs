use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use payment_core::{BoxFuture, Short, Soon, Tab, Timestamp};
use serde_json::Value;

use super::bell::Listener;
use super::books::{self, Books};
use super::channel::is_fresh;
use super::due::SessionDue;
use super::{Channel, ChannelError, ChannelId, ChannelStore, Escrow, LedgerError};

/// Pays for one stream out of one channel, each unit before it leaves.
pub(crate) struct ChannelTab<E, S> {
    books: Arc<Books<E, S>>,
    due: Arc<SessionDue>,
    id: ChannelId,
    challenge: Box<str>,
    /// The number of the stream, once it has begun. Nothing is charged before.
    stream: Arc<OnceLock<u64>>,
    listener: Option<Listener>,
    seen_at: Timestamp,
    /// What was left after the last charge. There may be less by now: the charge decides.
    left: u128,
}

impl<E: Escrow, S: ChannelStore> ChannelTab<E, S> {
    pub(crate) fn new(
        books: Arc<Books<E, S>>,
        due: Arc<SessionDue>,
        id: ChannelId,
        challenge: &str,
        stream: Arc<OnceLock<u64>>,
    ) -> Self {
        Self {
            books,
            due,
            id,
            challenge: challenge.into(),
            stream,
            listener: None,
            seen_at: Timestamp::default(),
            left: 0,
        }
    }

    /// The cost of so many units; `None` when it passes every bound.
    fn cost(&self, units: u64) -> Option<u128> {
        self.due.price.checked_mul(u128::from(units))
    }

    /// Before the step is tried, so that what changes after it is heard.
    fn listen(&mut self) {
        match &mut self.listener {
            Some(listener) => listener.mark(),
            None => self.listener = Some(self.books.bells.listen(self.id)),
        }
    }

    async fn take(&mut self, units: u64) -> Result<(), Short> {
        let (Some(stream), Some(cost)) = (self.stream.get().copied(), self.cost(units)) else {
            return Err(Short::Ended);
        };
        self.listen();
        self.look().await?;
        let now = self.books.clock.now();
        let charge = |channel: &Channel| Ok((channel.charge(stream, cost, units, now)?, ()));
        let charged = self.books.ledger.apply(self.id, charge).await;
        self.outcome(charged, cost).await
    }

    /// Looks without taking anything.
    async fn look_ahead(&mut self, units: u64) -> Result<(), Short> {
        let (Some(stream), Some(cost)) = (self.stream.get().copied(), self.cost(units)) else {
            return Err(Short::Ended);
        };
        self.listen();
        self.look().await?;
        let now = self.books.clock.now();
        // The same step, not taken.
        let try_out = |channel: &Channel| {
            channel.charge(stream, cost, units, now)?;
            Ok((channel.clone(), ()))
        };
        let covered = self.books.ledger.apply(self.id, try_out).await;
        self.outcome(covered, cost).await
    }

    /// Reads the chain again when what is known of it has become too old. (T67)
    async fn look(&mut self) -> Result<(), Short> {
        let now = self.books.clock.now();
        if is_fresh(self.seen_at, now, self.due.fresh_for) {
            return Ok(());
        }
        let channel = self.books.channel(self.id, &self.due, now).await;
        let channel = channel.map_err(|denied| {
            tracing::debug!(?denied, "a stream ends with its channel");
            Short::Ended
        })?;
        self.seen_at = channel.seen_at();
        Ok(())
    }

    async fn outcome(
        &mut self,
        step: Result<(Channel, ()), LedgerError>,
        cost: u128,
    ) -> Result<(), Short> {
        match step {
            Ok((channel, ())) => {
                self.left = channel.available(self.books.clock.now());
                Ok(())
            }
            Err(LedgerError::Refused(ChannelError::Insufficient { .. })) => {
                let channel = self.books.ledger.load(self.id).await;
                let Ok(Some(channel)) = channel else {
                    return Err(Short::Ended);
                };
                self.left = 0;
                let now = self.books.clock.now();
                let need = books::need_voucher(&channel, cost, self.due.least_delta, now);
                Err(need.map_or(Short::Ended, |need| Short::NeedVoucher(need.into())))
            }
            Err(LedgerError::Refused(error)) => {
                tracing::debug!(%error, "a stream ends with its channel");
                Err(Short::Ended)
            }
            Err(error) => {
                tracing::warn!(%error, "a stream ends: the books can't be kept");
                Err(Short::Ended)
            }
        }
    }
}

impl<E: Escrow, S: ChannelStore> Tab for ChannelTab<E, S> {
    fn covers(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        match self.cost(units) {
            Some(cost) if cost <= self.left => Soon::now(Ok(())),
            _ => Soon::later(self.look_ahead(units)),
        }
    }

    fn charge(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        Soon::later(self.take(units))
    }

    fn lasts(&mut self) -> Soon<'_, bool> {
        Soon::later(async move {
            let Some(stream) = self.stream.get().copied() else {
                return false;
            };
            if self.look().await.is_err() {
                return false;
            }
            match self.books.ledger.load(self.id).await {
                Ok(Some(channel)) => channel.stream() == stream && channel.is_open().is_ok(),
                Ok(None) => false,
                // The next charge tells.
                Err(_) => true,
            }
        })
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match &mut self.listener {
                Some(listener) => listener.heard().await,
                None => std::future::pending().await,
            }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async move {
            let channel = self.books.ledger.load(self.id).await.ok()??;
            let settled = books::receipt(&channel, None);
            let receipt = mpp_core::Receipt::of(
                settled,
                crate::METHOD,
                &self.challenge,
                self.books.clock.now(),
            );
            Some(Value::Object(receipt.to_object()).to_string().into())
        })
    }
}
