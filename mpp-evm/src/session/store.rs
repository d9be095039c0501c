use std::error::Error;
use std::future::Future;

use super::{Channel, ChannelId};

/// Which writing of a record was read. Two writings that differ never bear the same, also when
/// the record was forgotten between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub u128);

/// A channel, and the writing it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The channel.
    pub channel: Channel,
    /// What [`ChannelStore::swap`] compares with.
    pub version: Version,
}

/// What came of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Swap {
    /// It is stored, and survives what the store promises to survive.
    Done,
    /// Somebody else has written since: nothing was changed.
    Conflict,
}

/// The store can't say yes. Nothing that depends on it may happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// No room for another channel. Nothing old is forgotten to make some.
    #[error("the channel store is full")]
    Full,
    /// What it holds can't be read as a channel. It is left as it is.
    #[error("a stored channel can't be read")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// It does not answer.
    #[error("the channel store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Where channels are kept. It loads, and it compares and swaps; a backend that can't compare
/// before it swaps can't implement this.
pub trait ChannelStore: Send + Sync + 'static {
    /// Reads one channel; `None` when it is not there. Allocates nothing lasting.
    fn load(
        &self,
        id: ChannelId,
    ) -> impl Future<Output = Result<Option<Versioned>, StoreFault>> + Send;

    /// Replaces what was read by what follows from it, unless somebody else has written since.
    /// `expected` is `None` for a channel that must not be there yet, `next` is `None` to forget
    /// one. When it is `Done`, the next load of any process gives it.
    ///
    /// # Errors
    ///
    /// `StoreFault`; whether it was written is not known then, unless it is `Full`.
    fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> impl Future<Output = Result<Swap, StoreFault>> + Send;

    /// The names of channels in their order, beginning behind one, so many at most. For
    /// housekeeping: what comes and goes meanwhile may be missed.
    fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> impl Future<Output = Result<Vec<ChannelId>, StoreFault>> + Send;
}

impl<S: ChannelStore> ChannelStore for std::sync::Arc<S> {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        (**self).load(id).await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        (**self).swap(id, expected, next).await
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        (**self).list(after, most).await
    }
}
