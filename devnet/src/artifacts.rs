use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, address};
use alloy_sol_types::SolValue;
use serde::Deserialize;

/// Where Permit2 stands on every chain.
pub const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");

/// The USDC of Base Sepolia: an asset that stock x402 buyers pay without being told about it.
pub const USDC_BASE_SEPOLIA: Address = address!("036CbD53842c5426634e7929541eC2318f3dCF7e");

/// The USD₮0 of X Layer, which OKX settles in by default.
pub const USDT0_X_LAYER: Address = address!("779Ded0c9e1022225f8E0630b35a9b54bE713736");

/// Compiled code of a contract in `contracts/`.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Artifact {
    /// What to send in a transaction without a recipient, before the constructor's arguments.
    /// Empty for code that is only ever placed.
    #[serde(default)]
    pub creation: Bytes,
    /// What stands at the address afterwards.
    pub runtime: Bytes,
    /// keccak256 of each file it was built from: a path under `contracts/src`, or one that starts
    /// with the name of a package. Empty for code that is not built here.
    #[serde(default)]
    pub sources: BTreeMap<String, B256>,
    /// The version of each package among the sources.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
}

impl Artifact {
    /// The EIP-3009 test token.
    #[must_use]
    pub fn toll_token() -> Self {
        Self::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../contracts/out/TollToken.json"
        )))
    }

    /// The ERC-1271 contract account; its constructor takes the owner's address.
    #[must_use]
    pub fn smart_wallet() -> Self {
        Self::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../contracts/out/SmartWallet.json"
        )))
    }

    /// The payment-channel escrow. No constructor arguments; its code is right at any address.
    #[must_use]
    pub fn escrow() -> Self {
        Self::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../contracts/out/PaymentChannelEscrow.json"
        )))
    }

    /// A token that misbehaves as it is told to, for attacks on what holds it.
    #[must_use]
    pub fn hostile_token() -> Self {
        Self::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../contracts/out/HostileToken.json"
        )))
    }

    /// Canonical Permit2.
    #[must_use]
    pub fn permit2() -> Self {
        Self::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../contracts/out/Permit2.json"
        )))
    }

    /// Creation code with the constructor's arguments behind it.
    pub fn with_arguments<A: SolValue>(&self, arguments: &A) -> Bytes
    where
        for<'a> <A::SolType as alloy_sol_types::SolType>::Token<'a>:
            alloy_sol_types::abi::TokenSeq<'a>,
    {
        [&self.creation[..], &arguments.abi_encode_params()]
            .concat()
            .into()
    }

    fn parse(json: &str) -> Self {
        serde_json::from_str(json)
            .expect("committed next to this crate, and each is parsed by a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_artifact_has_code() {
        assert!(!Artifact::toll_token().creation.is_empty());
        assert!(!Artifact::smart_wallet().creation.is_empty());
        assert!(!Artifact::escrow().creation.is_empty());
        assert!(!Artifact::hostile_token().creation.is_empty());
        assert_eq!(Artifact::permit2().runtime.len(), 9152);
    }
}
