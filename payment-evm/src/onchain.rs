//! Settlement with the seller's own key over JSON-RPC.

mod fault;
mod mined;
mod options;
mod reads;
mod rejection;
mod rpc;
mod settler;
mod transfers;

pub use fault::{CallFault, ChainFault, SendFault};
pub use mined::{Mined, Transfer};
pub use options::SettlerOptions;
pub use settler::Settler;
pub use transfers::SignedPermit;
