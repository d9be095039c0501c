use crate::{Job, MemoryReplayGuard, ReplayGuard, Reply, RequestHead};

/// What is to happen with a request.
#[derive(Debug)]
#[must_use]
pub enum Admission<G = MemoryReplayGuard> {
    /// The gate answers in the handler's place, at once.
    Answer(Reply),
    /// The handler is behind the gate: run the job.
    Priced(Job<G>),
}

/// Decides what is to happen with each request: the gate of one route, or a table of many.
/// Framework crates are generic over it.
pub trait Admit: Clone + Send + Sync + 'static {
    /// Where used credentials are remembered.
    type Guard: ReplayGuard;

    /// Reads the head once and decides. `None` where the request is not priced: the handler is
    /// called, and nothing was allocated.
    fn admit(&self, head: &dyn RequestHead) -> Option<Admission<Self::Guard>>;

    /// Up to how many bytes of the body are to be gathered before `admit` is asked, as the price is
    /// read from them; `None` where it is not. What is not gathered is not served, and a body of
    /// nothing is gathered too: heads do not always tell. (T07)
    fn reads_body(&self, _head: &dyn RequestHead) -> Option<usize> {
        None
    }

    /// The answer to a request whose body could not be gathered.
    fn unread(&self, _head: &dyn RequestHead, why: Unread) -> Reply {
        why.reply()
    }
}

/// Why a body was not gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unread {
    /// It is larger than is read for its price: 413.
    TooLarge,
    /// It ended before its end: 400.
    Broken,
}

impl Unread {
    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::TooLarge => Reply::body_too_large(),
            Self::Broken => Reply::body_broken(),
        }
    }
}
