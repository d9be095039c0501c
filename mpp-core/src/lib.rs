//! The `Payment` HTTP authentication scheme: challenge, credential, receipt, problems, and the
//! [`Mpp`] protocol for the gate.
//!
//! - A challenge is ours when its id is the HMAC over its own texts, and good for one route when
//!   its request is that route's own, byte for byte.
//! - A payment method ([`Method`]) sees a credential only after all of that was proven.
//! - Every challenge differs: it carries fresh randomness, so two unpaid requests never share an
//!   id.

mod accept;
mod body_digest;
pub mod buyer;
mod challenge;
mod credential;
mod encode;
mod header;
mod key;
mod method;
mod mpp;
mod offer;
mod opaque;
mod payment;
mod problem;
mod receipt;
pub mod refuse;
mod time;

pub use accept::{AcceptPayment, AcceptPaymentError, Range};
pub use body_digest::{BodyTooLarge, MAX_DIGESTED, body_digest, body_matches};
pub use challenge::{Challenge, ChallengeError, PAYMENT_AUTHORIZATION};
pub use credential::{Credential, CredentialError, EchoedChallenge, RawCredential};
pub use encode::{CanonicalError, EncodedRequest, RequestError, canonical_json};
pub use key::MIN_SECRET;
pub use method::{Method, MethodPayment, Presented, Settled, Terms};
pub use mpp::{Mpp, MppBuilder};
pub use problem::ProblemType;
pub use receipt::{PAYMENT_RECEIPT, Receipt, ReceiptError};

/// The name of this protocol at the gate.
pub const MPP: payment_core::ProtocolName = payment_core::ProtocolName::new("mpp");
