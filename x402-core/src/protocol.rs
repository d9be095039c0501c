use std::fmt;
use std::sync::Arc;

use payment_core::{ConfigError, Offering, PaymentProtocol, ProtocolName, Route};

use crate::crowd::{Crowd, Outside};
use crate::offering::RouteOffers;
use crate::wire::SupportedResponse;
use crate::{Facilitator, FacilitatorFault, NAME, Scheme, Version, v1_name};

/// The x402 protocol, for a gate.
pub struct X402<F> {
    outside: Arc<Outside<F>>,
    schemes: Vec<Arc<dyn Scheme>>,
    versions: Versions,
}

/// Which versions are offered and taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Both,
    V2Only,
}

/// Why a configuration can't take payments with its facilitator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// The facilitator did not say what it supports.
    #[error("the facilitator does not say what it supports")]
    Unanswered(#[from] FacilitatorFault),
    /// The facilitator does not support one of the offers.
    #[error("the facilitator does not support x402 v{version} {scheme} on {network}")]
    Kind {
        /// The version.
        version: u8,
        /// The scheme.
        scheme: String,
        /// The network.
        network: String,
    },
}

impl<F: Facilitator> X402<F> {
    /// Payments that this facilitator verifies and settles. Takes nothing yet: add schemes.
    #[must_use]
    pub fn new(facilitator: F) -> Self {
        Self {
            outside: Arc::new(Outside {
                facilitator,
                crowd: Crowd::default(),
            }),
            schemes: Vec::new(),
            versions: Versions::Both,
        }
    }

    /// Adds a way to be paid. The first one is what a buyer without preferences takes.
    #[must_use]
    pub fn accept(mut self, scheme: impl Scheme) -> Self {
        self.schemes.push(Arc::new(scheme));
        self
    }

    /// Offers and takes version 2 alone.
    #[must_use]
    pub const fn v2_only(mut self) -> Self {
        self.versions = Versions::V2Only;
        self
    }

    /// Asks the facilitator whether it supports every scheme here. For start-up: a network that
    /// it does not settle on would show only when a buyer pays.
    ///
    /// # Errors
    ///
    /// `Unsupported` with the first scheme that it does not support, or no answer.
    pub async fn check_supported(&self) -> Result<(), Unsupported> {
        let supported = self.outside.facilitator.supported().await?;
        for scheme in &self.schemes {
            let caip = scheme.network().to_string();
            require(&supported, Version::V2, scheme.name(), &caip)?;
            let v1 = self.versions == Versions::Both && scheme.takes_v1();
            if let Some(name) = v1_name(scheme.network()).filter(|_| v1) {
                require(&supported, Version::V1, scheme.name(), name)?;
            }
        }
        Ok(())
    }
}

fn require(
    supported: &SupportedResponse,
    version: Version,
    scheme: &str,
    network: &str,
) -> Result<(), Unsupported> {
    let covers = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => prefix.ends_with(':') && network.starts_with(prefix),
        None => pattern == network,
    };
    let found = supported.kinds.iter().any(|kind| {
        kind.x402_version == version.number() && kind.scheme == scheme && covers(&kind.network)
    });
    if found {
        return Ok(());
    }
    Err(Unsupported::Kind {
        version: version.number(),
        scheme: scheme.to_owned(),
        network: network.to_owned(),
    })
}

impl<F: Facilitator> PaymentProtocol for X402<F> {
    fn name(&self) -> ProtocolName {
        NAME
    }

    /// After MPP.
    fn priority(&self) -> u32 {
        20
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        // One payment for one request: what is counted while it is served is not for it.
        if !route.takes(NAME) || route.is_metered() {
            return Ok(None);
        }
        let outside = Arc::clone(&self.outside);
        let offers = RouteOffers::new(outside, &self.schemes, self.versions, route)?;
        Ok(offers.map(|offers| Box::new(offers) as _))
    }
}

impl<F> fmt::Debug for X402<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schemes = self.schemes.iter();
        let names = schemes.map(|scheme| format!("{} {}", scheme.name(), scheme.network()));
        f.debug_struct("X402")
            .field("schemes", &names.collect::<Vec<_>>())
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}
