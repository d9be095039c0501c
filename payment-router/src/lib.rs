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
//! use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
//!
//! let gate = Gate::new(PaymentRouter::new().add(MPP_PRIORITY, mpp).add(X402_PRIORITY, x402));
//! # let _ = gate;
//! ```
//!
//! The rules:
//!
//! - An unpaid request gets one 402 that every protocol of the route adds its challenge to, in
//!   order of priority. A protocol that can't make one just now is left out.
//! - A request that carries credentials of two protocols, readable or not, is ambiguous: it is
//!   refused with 400, and neither is spent.
//! - A credential of a protocol that the route doesn't take is no credential.

mod challenges;
mod offerings;
mod router;

pub use router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};

#[cfg(test)]
mod tests;
