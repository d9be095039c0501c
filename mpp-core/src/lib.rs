//! The `Payment` HTTP authentication scheme: challenge, credential, receipt, problems, and the
//! [`Mpp`] protocol for the gate.
//!
//! - A challenge is ours when its id is the HMAC over its own texts, and good for one route when
//!   its request is that route's own, byte for byte.
//! - A payment method ([`Method`]) sees a credential only after all of that was proven.
//! - Every challenge differs: it carries fresh randomness, so two unpaid requests never share an
//!   id.

pub mod buyer;
mod challenge;
mod credential;
mod encode;
mod method;
mod problem;
pub mod refuse;
mod time;

pub use challenge::{Challenge, PAYMENT_AUTHORIZATION};
pub use credential::{Credential, CredentialError, EchoedChallenge};
pub use encode::{CanonicalError, EncodedRequest, RequestError, canonical_json};
pub use method::{Method, MethodPayment, Presented, Settled, Terms};
pub use problem::ProblemType;

/// The name of this protocol at the gate.
pub const MPP: payment_core::ProtocolName = payment_core::ProtocolName::new("mpp");
