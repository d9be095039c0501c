use std::io;
use std::sync::Arc;

use alloy_primitives::{Address, U256};

use crate::chain::Chain;
use crate::clock::{TimeSource, system_time};
use crate::error::SendError;
use crate::escrow::{ESCROW, X_LAYER_ESCROW};
use crate::rpc::Rpc;
use crate::token::{Token, TokenSpec};
use crate::wallet::Wallet;

/// A chain ready to use: tokens placed, wallets funded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Devnet {
    /// The chain itself; RPC and tests share it.
    pub chain: Arc<Chain>,
    /// The first token.
    pub token: Token,
    /// Every token, in the order they were asked for.
    pub tokens: Vec<Token>,
    /// The payment-channel escrow: [`ESCROW`], or where [`DevnetBuilder::escrow`] put it.
    pub escrow: Address,
    /// Hold native coin and some of every token.
    pub buyers: Vec<Wallet>,
    /// Gets paid. Holds native coin and no token.
    pub seller: Wallet,
    /// Sends settlements for others. Holds native coin and no token.
    pub settler: Wallet,
    /// The server; one that serves nothing after [`DevnetBuilder::build`].
    pub rpc: Rpc,
    /// Where it serves; empty after [`DevnetBuilder::build`].
    pub rpc_url: String,
}

impl Devnet {
    /// The default chain (Base Sepolia's id and USDC) with JSON-RPC on a free port of 127.0.0.1.
    /// The server stops when this value is dropped.
    ///
    /// # Errors
    /// No port could be opened.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// To choose chain id, clock, tokens and purses first.
    #[must_use]
    pub fn builder() -> DevnetBuilder {
        DevnetBuilder::default()
    }

    /// A chain that passes for X Layer: its id, its USD₮0, and the escrow where OKX has it.
    #[must_use]
    pub fn x_layer() -> DevnetBuilder {
        Self::builder()
            .chain_id(196)
            .token(TokenSpec::usdt0())
            .escrow(X_LAYER_ESCROW)
    }
}

/// Says what a [`Devnet`] should be like.
#[derive(Clone)]
pub struct DevnetBuilder {
    chain_id: u64,
    time: TimeSource,
    tokens: Vec<TokenSpec>,
    escrow: Address,
    buyers: usize,
    purse: U256,
    port: u16,
}

impl Default for DevnetBuilder {
    fn default() -> Self {
        Self {
            chain_id: 84532,
            time: system_time(),
            tokens: Vec::new(),
            escrow: ESCROW,
            buyers: 7,
            purse: U256::from(1_000_000_000),
            port: 0,
        }
    }
}

impl DevnetBuilder {
    /// Another chain id than 84532.
    #[must_use]
    pub const fn chain_id(mut self, chain_id: u64) -> Self {
        self.chain_id = chain_id;
        self
    }

    /// Reads the time, in seconds since the epoch, from here instead of the machine.
    #[must_use]
    pub fn clock(mut self, time: TimeSource) -> Self {
        self.time = time;
        self
    }

    /// Adds a token. The first one named here takes the place of the default USDC.
    #[must_use]
    pub fn token(mut self, spec: TokenSpec) -> Self {
        self.tokens.push(spec);
        self
    }

    /// Puts the payment-channel escrow at another address than [`ESCROW`].
    #[must_use]
    pub const fn escrow(mut self, address: Address) -> Self {
        self.escrow = address;
        self
    }

    /// How many buyers hold a purse. Seven without this.
    #[must_use]
    pub const fn buyers(mut self, buyers: usize) -> Self {
        self.buyers = buyers;
        self
    }

    /// What each buyer holds of each token, in base units: 1000 coins of 6 decimals without this.
    #[must_use]
    pub const fn purse(mut self, units: U256) -> Self {
        self.purse = units;
        self
    }

    /// Serves on this port instead of a free one.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The chain without a server.
    ///
    /// # Errors
    /// A token could not be deployed.
    pub fn build(self) -> Result<Devnet, SendError> {
        // 0 owns the tokens, 1 sells, 2 settles, the others buy.
        let [minter, seller, settler] = [0, 1, 2].map(Wallet::development);
        let buyers: Vec<_> = (3..).take(self.buyers).map(Wallet::development).collect();
        let chain = Chain::new(self.chain_id, self.time, minter.clone(), self.escrow);
        let coins = U256::from(10).pow(U256::from(22));
        for wallet in buyers.iter().chain([&minter, &seller, &settler]) {
            chain.set_native_balance(wallet.address, coins);
        }
        let specs = if self.tokens.is_empty() {
            vec![TokenSpec::usdc()]
        } else {
            self.tokens
        };
        let tokens = specs
            .into_iter()
            .map(|spec| chain.add_token(spec))
            .collect::<Result<Vec<_>, _>>()?;
        for token in &tokens {
            for buyer in &buyers {
                chain
                    .grant(token.address, buyer.address, self.purse)
                    .map_err(|error| crate::SubmitError::Invalid(error.to_string()))?;
            }
        }
        Ok(Devnet {
            chain: Arc::new(chain),
            token: tokens[0].clone(),
            tokens,
            escrow: self.escrow,
            buyers,
            seller,
            settler,
            rpc: Rpc::default(),
            rpc_url: String::new(),
        })
    }

    /// The chain with JSON-RPC, on the tokio runtime this is awaited in.
    ///
    /// # Errors
    /// No port could be opened, or a token could not be deployed.
    pub async fn start(self) -> io::Result<Devnet> {
        let port = self.port;
        let net = self.build().map_err(io::Error::other)?;
        let rpc = Rpc::serve(Arc::clone(&net.chain), port).await?;
        Ok(Devnet {
            rpc_url: rpc.url().to_owned(),
            rpc,
            ..net
        })
    }
}

impl std::fmt::Debug for DevnetBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevnetBuilder")
            .field("chain_id", &self.chain_id)
            .field("tokens", &self.tokens)
            .field("buyers", &self.buyers)
            .finish_non_exhaustive()
    }
}
