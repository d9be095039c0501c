use std::fmt;
use std::time::Duration;

use payment_core::{ConfigError, Offering, PaymentProtocol, ProtocolName, Route};

use crate::error::{Reporter, RouterError};
use crate::offerings::{Entry, Offerings};

/// Where MPP places itself.
pub const MPP_PRIORITY: u32 = 10;

/// Where x402 places itself.
pub const X402_PRIORITY: u32 = 20;

/// Its own name, which no protocol behind it may have.
pub(crate) const ROUTER: ProtocolName = ProtocolName::new("router");

/// How long a challenge may take where nothing else is said.
const CHALLENGE_DEADLINE: Duration = Duration::from_secs(2);

/// Several protocols, tried by priority.
pub struct PaymentRouter {
    /// In the order they are asked.
    protocols: Vec<(u32, Box<dyn PaymentProtocol>)>,
    challenge_deadline: Duration,
    reporter: Reporter,
}

impl PaymentRouter {
    /// A router without protocols. A gate over it prices no route.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocols: Vec::new(),
            challenge_deadline: CHALLENGE_DEADLINE,
            reporter: Reporter::silent(),
        }
    }

    /// Adds a protocol where it places itself: MPP at 10, x402 at 20, others at 100 unless they
    /// say otherwise.
    #[must_use]
    pub fn with(self, protocol: impl PaymentProtocol) -> Self {
        self.add(protocol.priority(), protocol)
    }

    /// Adds a protocol. Lower priorities are asked, and stand in a 402, first; equal ones in the
    /// order they were added.
    #[must_use]
    pub fn add(mut self, priority: u32, protocol: impl PaymentProtocol) -> Self {
        let at = self
            .protocols
            .partition_point(|(before, _)| *before <= priority);
        self.protocols.insert(at, (priority, Box::new(protocol)));
        self
    }

    /// Sets how long each protocol may take for its challenge: two seconds by default. They are
    /// asked together; one that is late is left out.
    #[must_use]
    pub const fn challenge_deadline(mut self, time: Duration) -> Self {
        self.challenge_deadline = time;
        self
    }

    /// Calls this whenever a protocol fails to do its part for a request, in the place of what was
    /// set before. It runs while the buyer waits, so it is to be quick; a panic in it changes
    /// nothing. The same goes to the log.
    #[must_use]
    pub fn on_error(mut self, on_error: impl Fn(&RouterError) + Send + Sync + 'static) -> Self {
        self.reporter = Reporter::new(on_error);
        self
    }

    /// A claim names its protocol, and by that name it is bound: names must tell apart.
    fn check_names(&self) -> Result<(), ConfigError> {
        for (at, (_, protocol)) in self.protocols.iter().enumerate() {
            let name = protocol.name();
            if name == ROUTER {
                return Err(ConfigError::setting(
                    "router",
                    "a router stands behind a router",
                ));
            }
            if self.protocols[..at]
                .iter()
                .any(|(_, before)| before.name() == name)
            {
                return Err(ConfigError::setting(
                    "router",
                    format!("{name} was added twice"),
                ));
            }
        }
        Ok(())
    }
}

impl PaymentProtocol for PaymentRouter {
    fn name(&self) -> ProtocolName {
        ROUTER
    }

    /// # Errors
    ///
    /// The first error of a protocol that the route takes; `ConfigError::Setting` when two
    /// protocols have one name or a router was added to a router.
    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        self.check_names()?;
        let mut entries = Vec::with_capacity(self.protocols.len());
        for (_, protocol) in &self.protocols {
            let name = protocol.name();
            if !route.takes(name) {
                continue;
            }
            if let Some(offering) = protocol.offer(route)? {
                entries.push(Entry { name, offering });
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        // One alone is looked after as well: it may be late, or panic.
        let receipts = entries
            .iter()
            .flat_map(|entry| entry.offering.receipt_headers());
        Ok(Some(Box::new(Offerings {
            receipts: receipts.cloned().collect(),
            entries: entries.into(),
            challenge_deadline: self.challenge_deadline,
            reporter: self.reporter.clone(),
        })))
    }
}

impl Default for PaymentRouter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PaymentRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.protocols
                    .iter()
                    .map(|(priority, protocol)| (priority, protocol.name())),
            )
            .finish()
    }
}
