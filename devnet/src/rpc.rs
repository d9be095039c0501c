//! JSON-RPC over HTTP for a [`Chain`](crate::Chain), and the faults tests can order.

mod fault;
mod message;
mod method;
mod server;

pub use fault::Fault;
pub use server::Rpc;
