//! The `Payment` HTTP authentication scheme: challenge, credential, receipt, problems, and the
//! [`Mpp`] protocol for the gate.
//!
//! - A challenge is ours when its id is the HMAC over its own texts, and good for one route when
//!   its request is that route's own, byte for byte.
//! - A payment method ([`Method`]) sees a credential only after all of that was proven.
//! - Every challenge differs: it carries fresh randomness, so two unpaid requests never share an
//!   id.
//!
//! A seller gives the gate an [`Mpp`] with its methods. A buyer reads challenges and answers one:
//!
//! ```
//! use mpp_core::{Challenge, buyer};
//! use payment_core::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let line = r#"Payment id="x1", realm="api.example.com", method="evm", intent="charge",
//!     request="eyJhbW91bnQiOiIxMDAwMDAwIn0", expires="2026-01-15T12:05:00Z""#.replace('\n', "");
//! let challenges = Challenge::parse_all([line.as_bytes()]);
//! let now = Timestamp::from_seconds(1_768_478_400);
//! let challenge = buyer::choose(&challenges, now, |challenge| challenge.method == "evm")
//!     .ok_or("nothing we can pay")?;
//! assert_eq!(challenge.request.decode()["amount"], "1000000");
//!
//! let payload = serde_json::json!({ "type": "hash", "hash": "0xab" });
//! let value = buyer::answer(challenge, None, &payload)?;
//! assert!(value.to_str()?.starts_with("Payment "));
//! assert_eq!(challenge.credential_header(), "authorization");
//! # Ok(())
//! # }
//! ```

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
pub use method::{Asks, ChallengeUse, Method, MethodPayment, Presented, Settled, Terms};
pub use mpp::{Mpp, MppBuilder};
pub use problem::ProblemType;
pub use receipt::{PAYMENT_RECEIPT, Receipt, ReceiptError};

/// The name of this protocol at the gate.
pub const MPP: payment_core::ProtocolName = payment_core::ProtocolName::new("mpp");
