use std::fmt;

use payment_core::{ConfigError, Secret};

/// What OKX knows a seller by: an API key with its secret and its passphrase. `Debug` shows none of
/// them.
#[derive(Clone)]
pub struct OkxKeys {
    pub(super) key: Secret,
    pub(super) secret: Secret,
    pub(super) passphrase: Secret,
}

const KEY: &str = "OKX_API_KEY";
const SECRET: &str = "OKX_SECRET_KEY";
const PASSPHRASE: &str = "OKX_PASSPHRASE";

impl OkxKeys {
    /// An API key, its secret and its passphrase.
    ///
    /// # Errors
    ///
    /// `ConfigError` that names the one that is empty, or can't stand in a header.
    pub fn new(
        key: impl Into<String>,
        secret: impl Into<String>,
        passphrase: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        let text = |name, text: String| {
            // The secret is in no header; whoever pasted a line end into it would be told late. So
            // would one with a blank at an end, which no header keeps.
            let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
            let fits = plain && !text.is_empty() && text.trim() == text;
            fits.then(|| Secret::new(text))
                .ok_or_else(|| ConfigError::setting(name, "is empty, or has odd characters"))
        };
        Ok(Self {
            key: text(KEY, key.into())?,
            secret: text(SECRET, secret.into())?,
            passphrase: text(PASSPHRASE, passphrase.into())?,
        })
    }

    /// The keys in `OKX_API_KEY`, `OKX_SECRET_KEY` and `OKX_PASSPHRASE`.
    ///
    /// # Errors
    ///
    /// `ConfigError` that names the variable that is missing or odd. There are no defaults.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`Self::from_env`], from any place that holds texts by name.
    ///
    /// # Errors
    ///
    /// `ConfigError` that names the one that is missing or odd.
    pub fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let find = |name| lookup(name).ok_or_else(|| ConfigError::setting(name, "is not set"));
        Self::new(find(KEY)?, find(SECRET)?, find(PASSPHRASE)?)
    }
}

impl fmt::Debug for OkxKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OkxKeys([redacted])")
    }
}

#[cfg(test)]
mod tests;
