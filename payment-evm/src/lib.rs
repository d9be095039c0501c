//! What x402 and MPP both need of EVM chains: typed data, signatures, signers, tokens, settlement.
//!
//! - A signature is taken only in the form that token contracts take: [`EvmSignature`].
//! - A digest is always built from our own [`Domain`]; nothing of it comes from the payer.
//! - Addresses, words and amounts are read strictly, once, at the edge: [`wire`].
//! - Feature `onchain` adds `Settler`: settlement with the seller's own key over JSON-RPC.
//!
//! ```
//! use payment_evm::{Authorization, LocalSigner, Signer, Token};
//! # use alloy_primitives::{B256, U256, address};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let usdc = Token::default_on(84532).ok_or("a chain without a default token")?;
//! let buyer = LocalSigner::random()?;
//! let authorization = Authorization {
//!     from: buyer.address(),
//!     to: address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
//!     value: U256::from(10_000),
//!     valid_after: U256::ZERO,
//!     valid_before: U256::from(1_790_000_000),
//!     nonce: B256::repeat_byte(1),
//! };
//! let domain = usdc.domain();
//! let signature = buyer.sign(&authorization.digest(&domain))?;
//! authorization.check_signature(&domain, &signature)?;
//! # Ok(())
//! # }
//! ```

mod authorization;
mod domain;
mod key;
mod money;
#[cfg(feature = "onchain")]
mod onchain;
pub mod permit2;
mod signature;
mod signer;
mod token;
pub mod wire;

pub use authorization::{Authorization, Untimely};
pub use domain::Domain;
pub use key::PublicKey;
pub use money::MoneyParsers;
#[cfg(feature = "onchain")]
pub use onchain::{
    CallFault, ChainFault, Mined, SendFault, Settler, SettlerOptions, SignedPermit, Transfer,
};
pub use signature::{EvmSignature, SignatureError};
pub use signer::{LocalSigner, Signer, SignerError, random_word};
pub use token::{Token, TransferMethod};
