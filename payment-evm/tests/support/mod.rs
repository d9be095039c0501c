//! Reading members of vector cases.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use alloy_primitives::{Address, B256, U256};
use payment_evm::{Domain, LocalSigner, wire};
use serde_json::Value;
use vectors::text;

pub fn address(case: &Value, member: &str) -> Address {
    wire::address::parse(text(case, member)).unwrap()
}

pub fn word(case: &Value, member: &str) -> B256 {
    wire::word::parse(text(case, member)).unwrap()
}

pub fn decimal(case: &Value, member: &str) -> U256 {
    wire::decimal::parse(text(case, member)).unwrap()
}

pub fn domain(domain: &Value) -> Domain {
    Domain::new(
        text(domain, "name"),
        domain["version"].as_str(),
        domain["chainId"].as_u64().unwrap(),
        address(domain, "verifyingContract"),
    )
}

pub fn signer(key: &Value) -> LocalSigner {
    LocalSigner::from_hex(text(key, "privateKey")).unwrap()
}
