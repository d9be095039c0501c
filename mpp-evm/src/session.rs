//! The MPP intent `session` of the method `evm`: payment channels.
//!
//! - The buyer locks a deposit in an escrow contract once, and signs a voucher for each call after
//!   that; a voucher is checked here, without the chain.
//! - A [`Channel`] is a value and every change of it a pure function; the [`Ledger`] applies such
//!   steps to a [`ChannelStore`], which loads, compares and swaps.
//! - Deposit, payer, payee, token and signer come from the [`Escrow`], never from the buyer.
//! - A [`Desk`] settles and closes channels. Feature `onchain` adds `OnchainEscrow`: the contract by
//!   the seller's own key. Feature `keeper` adds `Keeper`: a task that does all of it in time.

mod bell;
mod books;
mod channel;
mod deposit;
mod desk;
mod due;
mod escrow;
#[cfg(test)]
mod fixture;
mod id;
#[cfg(feature = "keeper")]
mod keeper;
mod ledger;
mod memory;
mod method;
mod objection;
#[cfg(feature = "onchain")]
mod onchain;
mod payload;
mod payment;
mod permit;
#[cfg(all(test, feature = "onchain"))]
mod scene;
mod state;
mod store;
mod tab;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod voucher;

pub use channel::{ChainState, Channel, ChannelError, Closing, Hold, Venue};
pub use desk::{Booked, Desk, DeskError};
pub use escrow::{CheckedDeposit, DepositProof, Escrow, Moved, Purpose};
pub use id::{ChannelId, Opening, top_up_nonce};
#[cfg(feature = "keeper")]
pub use keeper::{Keeper, Tally};
pub use ledger::{Ledger, LedgerError};
pub use memory::MemoryChannelStore;
pub use method::Session;
#[cfg(feature = "onchain")]
pub use onchain::{EscrowError, OnchainEscrow};
pub use permit::DepositPermit;
pub use state::{ChannelState, StateError, VoucherSignature};
pub use store::{ChannelStore, StoreFault, Swap, Version, Versioned};
pub use voucher::{CheckedVoucher, PayeeAuthorization, SignedVoucher, Voucher, escrow_domain};
