use std::fmt;

use super::{Channel, ChannelError, ChannelId, ChannelStore, StoreFault, Swap};

/// The books: applies steps to channels, each as one atomic change of the store.
pub struct Ledger<S> {
    store: S,
}

/// Why a step was not taken. Nothing has changed, unless it is `Store`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is no such channel.
    #[error("there is no such channel")]
    Unknown,
    /// The channel can't do it.
    #[error(transparent)]
    Refused(#[from] ChannelError),
    /// Others kept changing the channel meanwhile.
    #[error("the channel is changed too often")]
    Contended,
    /// The store failed; whether the step was taken is not known.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Tries of one step. Each conflict is somebody else's success, so this many in a row are a
/// channel that far too many requests work on.
const TRIES: usize = 256;

impl<S: ChannelStore> Ledger<S> {
    /// The books in this store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Reads a channel.
    ///
    /// # Errors
    ///
    /// `StoreFault` when the store does not answer.
    pub async fn load(&self, id: ChannelId) -> Result<Option<Channel>, StoreFault> {
        Ok(self.store.load(id).await?.map(|found| found.channel))
    }

    /// Takes up a channel, unless it is there already: opening twice changes nothing. Answers
    /// what is stored.
    ///
    /// # Errors
    ///
    /// `LedgerError::Store`, `Contended`.
    pub async fn open(&self, channel: Channel) -> Result<Channel, LedgerError> {
        for _ in 0..TRIES {
            if let Some(known) = self.load(channel.id()).await? {
                return Ok(known);
            }
            match self.store.swap(channel.id(), None, Some(&channel)).await? {
                Swap::Done => return Ok(channel),
                Swap::Conflict => {}
            }
        }
        Err(LedgerError::Contended)
    }

    /// Applies a step: a pure function of the channel, run again when somebody else was faster.
    /// What does not change the channel is not written. Answers the channel as it is stored, and
    /// what the step says.
    ///
    /// # Errors
    ///
    /// `Unknown` when there is no such channel, `Refused` when the step refuses.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has taken the step or has not.
    pub async fn apply<T>(
        &self,
        id: ChannelId,
        step: impl Fn(&Channel) -> Result<(Channel, T), ChannelError> + Send + Sync,
    ) -> Result<(Channel, T), LedgerError>
    where
        T: Send,
    {
        for _ in 0..TRIES {
            let found = self.store.load(id).await?.ok_or(LedgerError::Unknown)?;
            let (next, answer) = step(&found.channel)?;
            if next == found.channel {
                return Ok((next, answer));
            }
            debug_assert!(next.is_sound(), "a step broke the books: {next:?}");
            match self
                .store
                .swap(id, Some(found.version), Some(&next))
                .await?
            {
                Swap::Done => return Ok((next, answer)),
                Swap::Conflict => {}
            }
        }
        Err(LedgerError::Contended)
    }
}

impl<S> fmt::Debug for Ledger<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
