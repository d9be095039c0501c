//! The MPP intent `session` of the method `evm`: payment channels.
//!
//! - The buyer locks a deposit in an escrow contract once, and signs a voucher for each call after
//!   that; a voucher is checked here, without the chain.
//! - A [`Channel`] is a value and every change of it a pure function; the [`Ledger`] applies such
//!   steps to a [`ChannelStore`], which loads, compares and swaps.
//! - Deposit, payer, payee, token and signer come from the [`Escrow`], never from the buyer.

mod bell;
mod books;
mod channel;
mod deposit;
mod due;
mod escrow;
#[cfg(test)]
mod fixture;
mod id;
mod ledger;
mod memory;
mod method;
mod objection;
#[cfg(feature = "onchain")]
mod onchain;
mod payload;
mod payment;
mod permit;
mod store;
mod tab;
mod voucher;

pub use channel::{ChainState, Channel, ChannelError, Closing, Hold, Venue};
pub use escrow::{CheckedDeposit, DepositProof, Escrow, Moved, Purpose};
pub use id::{ChannelId, Opening, top_up_nonce};
pub use ledger::{Ledger, LedgerError};
pub use memory::MemoryChannelStore;
pub use method::Session;
#[cfg(feature = "onchain")]
pub use onchain::{EscrowError, OnchainEscrow};
pub use permit::DepositPermit;
pub use store::{ChannelStore, StoreFault, Swap, Version, Versioned};
pub use voucher::{CheckedVoucher, PayeeAuthorization, SignedVoucher, Voucher, escrow_domain};
