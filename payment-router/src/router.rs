use std::fmt;

use payment_core::{ConfigError, Offering, PaymentProtocol, ProtocolName, Route};

use crate::offerings::{Entry, Offerings};

/// Where MPP usually stands.
pub const MPP_PRIORITY: u32 = 10;

/// Where x402 usually stands.
pub const X402_PRIORITY: u32 = 20;

/// Its own name, which no protocol behind it may have.
pub(crate) const ROUTER: ProtocolName = ProtocolName::new("router");

/// Several protocols, tried by priority.
#[derive(Default)]
pub struct PaymentRouter {
    /// In the order they are asked.
    protocols: Vec<(u32, Box<dyn PaymentProtocol>)>,
}

impl PaymentRouter {
    /// A router without protocols. A gate over it prices no route.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            protocols: Vec::new(),
        }
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
        // One alone needs nobody to choose; unless a pricer left it alone, and buyers bring what
        // others have quoted before.
        if entries.is_empty() || (entries.len() == 1 && route.pricing.is_none()) {
            return Ok(entries.pop().map(|entry| entry.offering));
        }
        Ok(Some(Box::new(Offerings::new(entries))))
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
