//! Several payment protocols behind one face, tried by priority.
//!
//! A [`PaymentRouter`] is itself a [`PaymentProtocol`](payment_core::PaymentProtocol), so a gate
//! takes one protocol or many in the same way:
//!
//! ```
//! # use payment_core::{ConfigError, Gate, Offering, PaymentProtocol, ProtocolName, Route};
//! # struct Named(&'static str);
//! # impl PaymentProtocol for Named {
//! #     fn name(&self) -> ProtocolName { ProtocolName::new(self.0) }
//! #     fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> { Ok(None) }
//! # }
//! # let (mpp, x402) = (Named("mpp"), Named("x402"));
//! use payment_router::PaymentRouter;
//!
//! let gate = Gate::new(PaymentRouter::new().with(mpp).with(x402));
//! # let _ = gate;
//! ```
//!
//! The rules:
//!
//! - Protocols place themselves: MPP at [10](MPP_PRIORITY), x402 at [20](X402_PRIORITY), others at
//!   100, unless [`PaymentRouter::add`] says otherwise.
//! - An unpaid request gets one 402 that every protocol of the route adds its challenge to, in
//!   order of priority. They are asked together. One that fails, panics or is late
//!   ([two seconds](PaymentRouter::challenge_deadline) by default) is left out and
//!   [reported](PaymentRouter::on_error); if none is left the answer is 503, never a 402 that
//!   nobody can pay.
//! - A request that carries credentials of two protocols, readable or not, is ambiguous: it is
//!   refused with 400, and neither is spent.
//! - A credential of a protocol that the route doesn't take is no credential.
//! - Where a protocol panics while it looks for its credential, nobody knows whether there was one:
//!   the answer is 503, and no payment is taken, not even one that another protocol knows.
//! - A credential is bound by the protocol that recognised it, and by no other.
//! - `Accept-Payment` goes to every protocol as it came and takes none of them away. Its ranges
//!   name methods of MPP, which ranks its own offers by them and makes all of them when none is
//!   wanted. x402 has no name in that grammar, so that its challenge always stands: it lies in a
//!   header of its own, and which of the two to pay is the buyer's to choose.

mod challenges;
mod contain;
mod error;
mod offerings;
mod router;

pub use error::{FailureKind, Phase, RouterError};
pub use router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};

#[cfg(test)]
mod tests;
