use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use x402_core::wire::{SupportedKind, SupportedResponse};

/// The data of `/supported`. The kinds must be there; one of a form of its own is passed over, and
/// so is what the rest may be.
#[derive(Deserialize)]
pub(super) struct Supported {
    kinds: Vec<Value>,
    #[serde(default)]
    extensions: Value,
    #[serde(default)]
    signers: Value,
}

impl From<Supported> for SupportedResponse {
    fn from(said: Supported) -> Self {
        let kinds = said.kinds.into_iter();
        let kinds = kinds.filter_map(|kind| serde_json::from_value::<SupportedKind>(kind).ok());
        let mut supported = Self::new(kinds.collect());
        supported.extensions = or_nothing(said.extensions);
        supported.signers = or_nothing(said.signers);
        supported
    }
}

fn or_nothing<T: DeserializeOwned + Default>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}
