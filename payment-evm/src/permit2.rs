//! Permit2 signature transfers: what the payer signs so that the signed spender may move tokens
//! which the payer has approved to the Permit2 contract.
//!
//! - [`ChargePermit`] is MPP's (`evm`/`charge`, type `permit2`); one token permission is signed as
//!   `PermitWitnessTransferFrom`, several as `PermitBatchWitnessTransferFrom`.
//! - [`ExactPermit`] is x402's (scheme `exact`, transfer method `permit2`).

mod charge;
mod exact;

use alloy_primitives::{Address, U256, address};
use payment_core::ReplayKey;
use serde::{Deserialize, Serialize};

use crate::{Domain, wire};

pub use charge::{ChargePermit, Spelling};
pub use exact::{ExactPermit, ExactWitness};

/// Where Permit2 stands on every chain that has it.
pub const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");

/// x402's proxy that settles [`ExactPermit`]s; equal on every chain that has it.
pub const EXACT_PROXY: Address = address!("0x402085c248EeA27D92E8b30b2C58ed07f9E20001");

/// The domain of a Permit2 contract. It has no version.
#[must_use]
pub fn domain(chain_id: u64, contract: Address) -> Domain {
    Domain::new("Permit2", None, chain_id, contract)
}

/// The name of one nonce of one owner at one Permit2 contract. Every token and spender shares it.
#[must_use]
pub fn replay_key(chain_id: u64, permit2: Address, owner: Address, nonce: U256) -> ReplayKey {
    let nonce = nonce.to_be_bytes::<32>();
    ReplayKey::token_nonce(chain_id, permit2.into_array(), owner.into_array(), nonce)
}

/// Leave to take up to so much of one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPermissions {
    /// The token contract.
    #[serde(with = "wire::address")]
    pub token: Address,
    /// At most so many base units.
    #[serde(with = "wire::decimal")]
    pub amount: U256,
}

/// Where one part of a permit goes. Decided by the spender, so the seller checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferDetails {
    /// Who gets it.
    #[serde(with = "wire::address")]
    pub to: Address,
    /// How many base units, up to the amount permitted.
    #[serde(with = "wire::decimal")]
    pub requested_amount: U256,
}
