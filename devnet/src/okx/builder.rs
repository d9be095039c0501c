use std::io;
use std::time::Duration;

use super::account::OkxAccount;
use super::server::Okx;
use crate::Devnet;
use crate::clock::{TimeSource, system_time};

/// How codes are written: the service's documents show texts, its clients read numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codes {
    /// `0`
    #[default]
    Number,
    /// `"0"`
    Text,
}

/// What a settlement gets that was asked for before, and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeats {
    /// The answer of the first.
    #[default]
    SameAnswer,
    /// No. The facilitator says `payment processing` for a while, and then `nonce_used`.
    Refused,
}

/// Says what an [`Okx`] should be like.
#[derive(Clone)]
pub struct OkxBuilder {
    pub(super) accounts: Vec<OkxAccount>,
    pub(super) port: u16,
    pub(super) time: TimeSource,
    pub(super) codes: Codes,
    pub(super) repeats: Repeats,
    pub(super) window: Duration,
}

impl Default for OkxBuilder {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            port: 0,
            time: system_time(),
            codes: Codes::default(),
            repeats: Repeats::default(),
            window: Duration::from_secs(60),
        }
    }
}

impl OkxBuilder {
    /// Adds an account. The first one takes the place of the default one.
    #[must_use]
    pub fn account(mut self, account: OkxAccount) -> Self {
        self.accounts.push(account);
        self
    }

    /// Serves on this port instead of a free one.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Where the server reads the time that a request's own is compared with: the machine's
    /// clock without this. Payments are judged by the chain's time.
    #[must_use]
    pub fn clock(mut self, time: TimeSource) -> Self {
        self.time = time;
        self
    }

    /// Writes codes in another way.
    #[must_use]
    pub const fn codes(mut self, codes: Codes) -> Self {
        self.codes = codes;
        self
    }

    /// What a settlement gets that was asked for before.
    #[must_use]
    pub const fn repeats(mut self, repeats: Repeats) -> Self {
        self.repeats = repeats;
        self
    }

    /// How long a repeated payment is called one in process, on the chain's clock: a minute
    /// without this.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Serves the devnet's chain, settling with its settler's key.
    ///
    /// # Errors
    ///
    /// The port could not be opened.
    pub async fn start(mut self, net: &Devnet) -> io::Result<Okx> {
        if self.accounts.is_empty() {
            self.accounts.push(OkxAccount::default());
        }
        Okx::serve(self, net).await
    }
}

impl std::fmt::Debug for OkxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OkxBuilder")
            .field("port", &self.port)
            .field("codes", &self.codes)
            .field("repeats", &self.repeats)
            .finish_non_exhaustive()
    }
}
