use crate::{Inexact, KeyError};

/// A setting that can't work, found when the service starts and not when a buyer comes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The price is zero. A route that costs nothing has no gate.
    #[error("zero is not a price")]
    ZeroPrice,
    /// The price has more decimals than the token.
    #[error("the price can't be charged exactly in a token")]
    Price(#[from] Inexact),
    /// The price is in a token that this protocol was not configured with.
    #[error("no asset is configured for this price")]
    NoAsset,
    /// No protocol is left that takes this route.
    #[error("no protocol takes this route")]
    NoProtocol,
    /// The origin is not `https://host[:port]` (or `http` for a loopback host).
    #[error("the origin is not an https origin")]
    Origin,
    /// An entry of a route table can't work.
    #[error("route {key:?}: {reason}")]
    RouteKey {
        /// The key, as the seller wrote it.
        key: String,
        /// What is wrong with it, or with what is sold under it.
        reason: KeyError,
    },
    /// A route table without routes: it would leave everything free.
    #[error("the route table has no routes")]
    NoRoutes,
    /// A setting of a protocol is missing or wrong.
    #[error("{setting}: {reason}")]
    Setting {
        /// The name of the setting, as the seller wrote it.
        setting: &'static str,
        /// What is wrong with it. Never the value.
        reason: String,
    },
}

impl ConfigError {
    /// A setting that is missing or wrong.
    pub fn setting(setting: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting {
            setting,
            reason: reason.into(),
        }
    }
}
