//! x402 schemes on EVM chains: exact and aggr_deferred by EIP-3009, buyer signing, on-chain
//! facilitator.
//!
//! - [`ExactEvm`] makes the offers of a token and checks what buyers present for them.
//! - [`AggrDeferred`] does so for payments by session keys, which a facilitator settles in
//!   batches; it can stand beside `ExactEvm` on one route.
//! - [`buyer`] signs exact payments, in both versions.
//! - Feature `onchain` adds `OnchainFacilitator`: verification and settlement with the seller's
//!   own key, without a hosted facilitator.
//!
//! ```
//! use payment_core::{Gate, usd};
//! use payment_evm::Token;
//! use x402_core::X402;
//! use x402_evm::ExactEvm;
//! # use alloy_primitives::address;
//! # fn shop(facilitator: impl x402_core::Facilitator) -> Result<(), Box<dyn std::error::Error>> {
//! let usdc = Token::default_on(84532).ok_or("a chain without a default token")?;
//! let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
//! let gate = Gate::new(X402::new(facilitator).accept(ExactEvm::new(usdc, seller)));
//! let weather = gate.route(usd!("0.01"))?;
//! # Ok(())
//! # }
//! ```

mod aggr_deferred;
pub mod buyer;
mod exact;
#[cfg(feature = "onchain")]
mod onchain;
mod payload;
mod terms;

pub use aggr_deferred::AggrDeferred;
pub use exact::ExactEvm;
#[cfg(feature = "onchain")]
pub use onchain::OnchainFacilitator;
