//! A real EVM inside the process: a chain with a dollar token, Permit2 and the payment-channel
//! escrow on it, funded wallets, a clock that tests move by hand, and JSON-RPC over HTTP for clients
//! that want a node.
//!
//! - Every transaction is mined at once, one to a block, unless mining is paused.
//! - A call sees the block that would be mined now, so a simulation is true at this moment.
//! - Nothing here needs a network, an account or a compiler, and all keys are public.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use alloy_primitives::U256;
//! use devnet::Devnet;
//!
//! let net = Devnet::builder().build()?;
//! let (usdc, buyer) = (net.token.address, &net.buyers[0]);
//! net.chain.transfer(usdc, buyer, net.seller.address, U256::from(250_000))?;
//! assert_eq!(net.chain.balance_of(usdc, net.seller.address), U256::from(250_000));
//! # Ok(())
//! # }
//! ```
//!
//! [`Devnet::start`] does the same and serves it on a free port of 127.0.0.1.

mod artifacts;
mod block;
mod chain;
mod clock;
pub mod ears;
mod error;
mod escrow;
mod evm;
pub mod facilitator;
mod genesis;
mod net;
pub mod okx;
mod pool;
mod rpc;
mod script;
mod serve;
mod token;
mod wallet;
mod world;

pub use artifacts::{Artifact, PERMIT2, USDC_BASE_SEPOLIA, USDT0_X_LAYER};
pub use chain::Chain;
pub use clock::TimeSource;
pub use error::{CallError, SendError, SubmitError};
pub use escrow::{ESCROW, IPaymentChannelEscrow, X_LAYER_ESCROW};
pub use net::{Devnet, DevnetBuilder};
pub use rpc::{Fault, Rpc};
pub use token::{ITollToken, Token, TokenSpec};
pub use wallet::Wallet;
