//! x402 v1 and v2: wire, headers, offers, schemes, facilitators, and the protocol for the gate.
//!
//! A seller configures [`X402`] with a [`Facilitator`] and one [`Scheme`] for each way to be
//! paid, and puts it behind a `payment_core::Gate`. One 402 carries both versions: the
//! `PAYMENT-REQUIRED` header for v2 clients, members of the JSON body for v1 clients.
//!
//! The rules that hold here:
//!
//! - What goes to a facilitator is our own [`Offer`], never the buyer's echo of it. The echo is
//!   an [`Accepted`]: it can be compared, and not read.
//! - The header text is decoded once, by one strict grammar: what reads differently to two
//!   parsers is refused.
//! - Only a well-typed, consistent "yes" of a facilitator is a yes, only a definite "no" is a
//!   no. Everything else is an unknown outcome, and never a 402.
//! - One authorization has one replay key, whichever version it arrives by.

mod accepted;
mod answer;
mod code;
mod crowd;
mod evidence;
mod facilitator;
mod names;
mod offer;
mod offering;
mod payment;
mod protocol;
mod request;
mod scheme;
#[cfg(test)]
mod shop;
mod version;
pub mod wire;

#[cfg(feature = "client")]
mod client;

pub use accepted::Accepted;
pub use answer::{SettleAnswer, VerifyAnswer};
#[cfg(feature = "client")]
pub use client::{Call, CallKind, HttpFacilitator, HttpOptions, SupportedCache};
pub use code::{Code, refuse};
pub use facilitator::{Facilitator, FacilitatorFault};
pub use names::{v1_name, v1_network};
pub use offer::Offer;
pub use protocol::{Unsupported, X402};
pub use request::PaymentRequest;
pub use scheme::{Presented, Scheme, SchemePayment, Settlement, Window};
pub use version::Version;

/// The name of this protocol at the gate.
pub const NAME: payment_core::ProtocolName = payment_core::ProtocolName::new("x402");
