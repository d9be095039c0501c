//! OKX: the x402 facilitator, and the SA-API behind MPP.
//!
//! - [`OkxFacilitator`] verifies and settles x402 payments, `exact` and `aggr_deferred`.
//! - [`SaClient`] has the seven calls of the SA-API; [`OkxCharge`] and [`OkxEscrow`] let
//!   `mpp_evm`'s charge and session run on it, with no node of a chain.
//! - [`OkxKeys`] are what all of them authenticate with.
//!
//! The rules that hold here:
//!
//! - What is signed is what is sent, to the byte, and it is signed anew for each attempt.
//! - A call is repeated only where repeating can't move money: reads freely, settlements only when
//!   the request was turned away before anything looked at it.
//! - The code of an answer is looked at before its data; what is not a well-formed yes is no yes.
//! - No text of OKX's goes anywhere: not to a buyer, not to a log. Its codes do.
//!
//! A seller who has OKX's keys, and the key of the account that is paid, on X Layer:
//!
//! ```no_run
//! use gateways::okx::{OkxCharge, OkxEscrow, OkxFacilitator, OkxKeys, SaClient, USDT0, X_LAYER};
//! # use mpp_core::Mpp;
//! # use mpp_evm::{Charge, session::Session};
//! # use payment_core::{Gate, Secret};
//! # use payment_evm::{LocalSigner, Token, random_word};
//! # use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
//! # use x402_core::X402;
//! # use x402_evm::{AggrDeferred, ExactEvm};
//!
//! # async fn sell(payee: LocalSigner) -> Result<(), Box<dyn std::error::Error>> {
//! let keys = OkxKeys::from_env()?; // OKX_API_KEY, OKX_SECRET_KEY, OKX_PASSPHRASE
//! let (usdt0, seller) = (Token::known(X_LAYER, USDT0).ok_or("not in the table")?, payee.address());
//! let x402 = X402::new(OkxFacilitator::new(keys.clone())?)
//!     .v2_only()
//!     .accept(ExactEvm::new(usdt0.clone(), seller))
//!     .accept(AggrDeferred::new(usdt0.clone(), seller));
//! x402.check_supported().await?; // answers for the keys too
//!
//! let sa = SaClient::new(keys)?;
//! let charge = Charge::okx(usdt0.clone(), seller).settle_with(OkxCharge::new(sa.clone()));
//! let session = Session::new(usdt0, seller, OkxEscrow::new(sa, payee));
//! let secret = Secret::new(random_word()?.to_vec()); // of this process alone, as the replay guard
//! let mpp = Mpp::builder("shop.example", secret).method(charge).method(session).build()?;
//! let router = PaymentRouter::new().add(MPP_PRIORITY, mpp).add(X402_PRIORITY, x402);
//! let gate = Gate::builder(router).origin("https://shop.example").build()?;
//! # drop(gate);
//! # Ok(())
//! # }
//! ```
//!
//! - In production a session gets a [`store`](mpp_evm::session::Session::store) that outlives the
//!   process: vouchers are money until they are settled.
//! - A challenge key that outlives the replay guard takes what was paid before: OKX may answer a
//!   settlement that it has done as it did the first time, and then it is served again.

mod api;
mod arrived;
mod attempts;
mod charge;
mod code;
mod compat;
mod envelope;
mod escrow;
mod facilitator;
mod fault;
mod keys;
mod options;
pub mod parity;
#[cfg(test)]
mod peer;
mod reason;
mod receipt;
mod sa;
mod settle_answer;
mod settle_status;
mod settlement;
mod sign;
mod supported;
pub mod wire;

pub use charge::OkxCharge;
pub use code::{ApiCode, SaCode};
pub use compat::Compat;
pub use escrow::OkxEscrow;
pub use facilitator::{OkxFacilitator, SettleMode};
pub use fault::OkxFault;
pub use keys::OkxKeys;
pub use options::OkxOptions;
pub use sa::SaClient;
pub use settle_status::SettleStatus;

use alloy_primitives::{Address, address};

/// Where OKX serves.
pub const BASE_URL: &str = "https://web3.okx.com";

/// The chain that OKX settles on unless told otherwise.
pub const X_LAYER: u64 = 196;

/// USD₮0 on X Layer: what a plain price means to OKX's buyers.
pub const USDT0: Address = address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736");

/// OKX's escrow contract on X Layer.
pub const DEFAULT_ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
