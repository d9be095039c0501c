use std::time::Duration;

/// How a [`Settler`](super::Settler) talks to its node and how long it waits.
#[derive(Clone, Debug)]
#[must_use]
pub struct SettlerOptions {
    pub(super) connect_within: Duration,
    pub(super) answer_within: Duration,
    pub(super) mined_within: Duration,
    pub(super) poll_every: Duration,
    pub(super) answer_limit: usize,
    pub(super) fee_limit: Option<u128>,
}

impl Default for SettlerOptions {
    /// 5 s to connect, 10 s for an answer of at most 1 MiB, 30 s to be mined, looked up every
    /// second, no limit of the fee.
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(10),
            mined_within: Duration::from_secs(30),
            poll_every: Duration::from_secs(1),
            answer_limit: 1 << 20,
            fee_limit: None,
        }
    }
}

impl SettlerOptions {
    /// How long connecting to the node may take.
    pub const fn connect_within(mut self, limit: Duration) -> Self {
        self.connect_within = limit;
        self
    }

    /// How long one call may take, connecting and reading included.
    pub const fn answer_within(mut self, limit: Duration) -> Self {
        self.answer_within = limit;
        self
    }

    /// How long to wait for a transaction to be mined before its outcome counts as unknown.
    pub const fn mined_within(mut self, limit: Duration) -> Self {
        self.mined_within = limit;
        self
    }

    /// How often to ask for a receipt; about the block time of the chain serves well.
    pub const fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval;
        self
    }

    /// How many bytes one answer of the node may have.
    pub const fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// The highest fee to offer, in wei per gas: nothing is sent while the chain asks for more.
    pub const fn fee_limit(mut self, wei_per_gas: u128) -> Self {
        self.fee_limit = Some(wei_per_gas);
        self
    }
}
