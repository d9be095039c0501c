//! The MPP method `evm`: charge and session.
//!
//! - A [`Charge`] is a payment method for `mpp_core::Mpp`: it says what a route asks for, and
//!   compares what a buyer presents with that, value by value.
//! - Several types of credentials pay it ([`CredentialType`]). Two are bound to the challenge by a
//!   signature over its hash ([`ChallengeHash`]); the others are used once by their transaction.
//! - Buyers of OKX are served by the same routes ([`Charge::okx`]). What they sign for a charge
//!   names no challenge, and is used once by its nonces; their sessions need no setting.
//! - A [`ChargeBackend`] settles it. Feature `onchain` adds `OnchainCharge`: the seller's own key.

mod authorization;
mod backend;
pub mod buyer;
mod candidate;
mod challenge_hash;
mod charge;
mod checked;
mod credential_type;
mod due;
mod mismatch;
#[cfg(feature = "onchain")]
mod onchain;
mod payload;
mod payment;
mod permit2;
pub mod session;
mod source;
mod split;
mod terms;
#[cfg(feature = "onchain")]
mod transaction;
mod transfer_hash;
mod transfers;

pub use backend::ChargeBackend;
pub use challenge_hash::ChallengeHash;
pub use charge::Charge;
pub use checked::{CheckedCharge, Proof, SignedTransfer};
pub use credential_type::CredentialType;
pub use due::Due;
#[cfg(feature = "onchain")]
pub use onchain::OnchainCharge;
pub use session::Session;
pub use split::{Leg, Split};

/// The name of the method on the wire.
const METHOD: &str = "evm";
