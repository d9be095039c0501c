//! The buyer's side of a session: read what a challenge asks for, deposit once, promise by vouchers.
//!
//! - A [`SessionBill`] is a challenge read strictly. Its escrow is the seller's choice: a deposit is
//!   as good as paid to whoever made that contract, unless the buyer knows it.
//! - A [`Purse`] is the buyer's end of one channel, and writes what answers a challenge. It keeps no
//!   count: how much may be promised is the caller's to know, and to have on disk before.
//! - [`SessionReceipt`] and [`NeedVoucher`] are what a seller says. Neither proves anything.

mod bill;
mod dialect;
mod payload;
mod purse;
mod receipt;

pub use bill::SessionBill;
pub use dialect::Dialect;
pub use payload::SessionPayload;
pub use purse::Purse;
pub use receipt::{NeedVoucher, SessionReceipt, SessionReceiptError};
