use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Gate, Shared};
use crate::cors::Cors;
use crate::hooked::Hooked;
use crate::origin::Origin;
use crate::quote::QuoteKey;
use crate::{
    Clock, ConfigError, Hooks, Limits, MemoryReplayGuard, PaymentProtocol, Paywall, ReplayGuard,
    Secret, SystemClock,
};

/// A gate in the making.
pub struct GateBuilder<G = MemoryReplayGuard> {
    protocol: Arc<dyn PaymentProtocol>,
    guard: G,
    clock: Arc<dyn Clock>,
    limits: Limits,
    origin: Option<String>,
    hooks: Vec<Arc<dyn Hooks>>,
    hook_deadline: Duration,
    quote_key: Option<Secret>,
    paywall: Option<Arc<dyn Paywall>>,
    cors: Option<Cors>,
}

/// How long a hook has, unless the seller says otherwise.
pub(super) const HOOK_DEADLINE: Duration = Duration::from_secs(2);

impl GateBuilder {
    pub(super) fn new(protocol: Arc<dyn PaymentProtocol>) -> Self {
        Self {
            protocol,
            guard: MemoryReplayGuard::default(),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            origin: None,
            cors: None,
            paywall: None,
            hooks: Vec::new(),
            hook_deadline: HOOK_DEADLINE,
            quote_key: None,
        }
    }
}

impl<G: ReplayGuard> GateBuilder<G> {
    /// Sets the canonical origin, such as `https://api.example.com`. With it, a payment for
    /// another URL is told apart by more than its path.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Sets where used credentials are remembered.
    #[must_use]
    pub fn guard<H: ReplayGuard>(self, guard: H) -> GateBuilder<H> {
        let Self {
            protocol,
            clock,
            limits,
            origin,
            hooks,
            hook_deadline,
            quote_key,
            paywall,
            cors,
            ..
        } = self;
        GateBuilder {
            protocol,
            guard,
            clock,
            limits,
            origin,
            hooks,
            hook_deadline,
            quote_key,
            paywall,
            cors,
        }
    }

    /// Adds hooks. They are asked in the order they are added.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.hooks.push(Arc::new(hooks));
        self
    }

    /// Sets how long one hook has to answer; two seconds without this.
    #[must_use]
    pub const fn hook_deadline(mut self, time: Duration) -> Self {
        self.hook_deadline = time;
        self
    }

    /// Seals quotes under this key, of 32 random bytes at least. Every process that serves the same
    /// routes has the same, else each knows only the prices that it has quoted itself.
    #[must_use]
    pub fn quote_key(mut self, key: Secret) -> Self {
        self.quote_key = Some(key);
        self
    }

    /// Shows this page to people on every route that has no page of its own.
    #[must_use]
    pub fn paywall(mut self, paywall: impl Paywall) -> Self {
        self.paywall = Some(Arc::new(paywall));
        self
    }

    /// Lets pages of other origins pay. Without it a preflight is free all the same, and allows
    /// nothing.
    #[must_use]
    pub fn cors(mut self, cors: Cors) -> Self {
        self.cors = Some(cors);
        self
    }

    /// Sets where time comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes the gate.
    ///
    /// # Errors
    ///
    /// `ConfigError::Origin` for an origin with a path, without TLS (loopback excepted), or with
    /// characters that can't stand in a URL; `ConfigError::Setting` for a short quote key, and for
    /// CORS with an origin that is none, or with credentials of any origin.
    pub fn build(self) -> Result<Gate<G>, ConfigError> {
        let origin = self.origin.as_deref().map(canonical_origin).transpose()?;
        let Self {
            protocol,
            guard,
            clock,
            limits,
            hooks,
            hook_deadline,
            quote_key,
            paywall,
            cors,
            ..
        } = self;
        let cors = cors.map(Cors::rules).transpose()?;
        let in_flight = Arc::default();
        let quote_key = match quote_key {
            Some(key) => OnceLock::from(QuoteKey::shared(key)?),
            None => OnceLock::new(),
        };
        let shared = Shared {
            protocol,
            guard,
            clock,
            limits,
            origin,
            in_flight,
            hooks: Hooked::new(hooks, hook_deadline),
            quote_key,
            paywall,
            cors,
        };
        Ok(Gate {
            shared: Arc::new(shared),
        })
    }
}

impl<G> fmt::Debug for GateBuilder<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// An origin to be named in offers: over TLS, unless it is this very machine.
pub(super) fn canonical_origin(text: &str) -> Result<Box<str>, ConfigError> {
    let origin = Origin::parse(text).ok_or(ConfigError::Origin)?;
    let loopback = matches!(&*origin.host, "localhost" | "127.0.0.1" | "[::1]");
    match &*origin.scheme {
        "https" => Ok(origin.text.into()),
        "http" if loopback => Ok(origin.text.into()),
        _ => Err(ConfigError::Origin),
    }
}
