use std::time::Duration;

/// How OKX is called. The defaults are meant to be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OkxOptions {
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// For a call that only asks, with all its repetitions.
    pub ask_timeout: Duration,
    /// For a call that may move money, with all its repetitions.
    pub settle_timeout: Duration,
    /// Bytes of an answer that are read.
    pub max_body: usize,
    /// How often a call is made at most, the first time included.
    pub attempts: u32,
    /// The wait before the first repetition; it doubles each time, and is cut short at random.
    pub backoff: Duration,
    /// How often an unfinished settlement is asked about.
    pub poll_every: Duration,
    /// How long an unfinished settlement is asked about before the buyer is told to come back. Not
    /// at all, when this is no longer than `poll_every`.
    pub poll_for: Duration,
    /// How long an answer of `/supported` is taken for fresh.
    pub supported_for: Duration,
}

impl Default for OkxOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            ask_timeout: Duration::from_secs(10),
            settle_timeout: Duration::from_secs(30),
            max_body: 64 * 1024,
            attempts: 4,
            backoff: Duration::from_millis(250),
            poll_every: Duration::from_secs(1),
            poll_for: Duration::from_secs(5),
            supported_for: Duration::from_secs(600),
        }
    }
}

impl OkxOptions {
    /// Not all the time, whatever was set.
    pub(super) fn poll_pause(&self) -> Duration {
        self.poll_every
            .clamp(Duration::from_millis(1), super::api::LONGEST)
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl OkxOptions {
            $($(#[$doc])*
            #[must_use]
            pub const fn $name(mut self, value: $type) -> Self {
                self.$name = value;
                self
            })*
        }
    };
}

setters! {
    /// Sets [`field@Self::connect_timeout`].
    connect_timeout: Duration,
    /// Sets [`field@Self::ask_timeout`].
    ask_timeout: Duration,
    /// Sets [`field@Self::settle_timeout`].
    settle_timeout: Duration,
    /// Sets [`field@Self::max_body`].
    max_body: usize,
    /// Sets [`field@Self::attempts`].
    attempts: u32,
    /// Sets [`field@Self::backoff`].
    backoff: Duration,
    /// Sets [`field@Self::poll_every`].
    poll_every: Duration,
    /// Sets [`field@Self::poll_for`].
    poll_for: Duration,
    /// Sets [`field@Self::supported_for`].
    supported_for: Duration,
}
