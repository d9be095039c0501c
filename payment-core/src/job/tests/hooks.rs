//! The seller's own code: what it may decide, and what it can't break. (T24)

mod charges;
mod drops;
mod facts;
mod grants;
mod matrix;
mod refunds;
mod several;
mod verifying;
