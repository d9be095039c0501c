mod table;

use std::borrow::Cow;

use alloy_primitives::Address;
use payment_core::Network;

use self::table::{Rank, Row, TABLE};
use crate::Domain;

/// A token contract on a chain, and what signing for it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token {
    /// The chain.
    pub chain_id: u64,
    /// The contract.
    pub address: Address,
    /// How people call it. Not the name in its domain.
    pub symbol: Cow<'static, str>,
    /// How many base units make one token, as a power of ten.
    pub decimals: u8,
    /// The name in its EIP-712 domain.
    pub name: Cow<'static, str>,
    /// The version in its EIP-712 domain.
    pub version: Cow<'static, str>,
    /// How it can be moved with the payer's signature.
    pub transfer: TransferMethod,
}

/// How a token is moved with a signature of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransferMethod {
    /// The token takes authorizations itself (EIP-3009).
    Eip3009,
    /// Through the Permit2 contract, which the owner must have approved by a transaction.
    Permit2,
    /// Through Permit2, which the owner can approve with an EIP-2612 signature.
    Permit2WithEip2612,
}

impl Token {
    /// The token at this address, when it is one we know.
    #[must_use]
    pub fn known(chain_id: u64, address: Address) -> Option<Self> {
        Self::find(|row| row.chain_id == chain_id && row.address == address)
    }

    /// The token that a plain price on this chain means to x402 buyers. Some chains have tokens
    /// and no such default.
    #[must_use]
    pub fn default_on(chain_id: u64) -> Option<Self> {
        Self::find(|row| row.chain_id == chain_id && row.rank == Rank::Default)
    }

    /// The token with this symbol, in any case.
    #[must_use]
    pub fn by_symbol(chain_id: u64, symbol: &str) -> Option<Self> {
        Self::find(|row| row.chain_id == chain_id && row.symbol.eq_ignore_ascii_case(symbol))
    }

    /// A token we don't know, with the name and version of its EIP-712 domain as the contract
    /// has them: a signature under any other is void. Taken to be EIP-3009.
    #[must_use]
    pub fn custom(
        chain_id: u64,
        address: Address,
        symbol: impl Into<Cow<'static, str>>,
        decimals: u8,
        name: impl Into<Cow<'static, str>>,
        version: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (symbol, name, version) = (symbol.into(), name.into(), version.into());
        let transfer = TransferMethod::Eip3009;
        Self {
            chain_id,
            address,
            symbol,
            decimals,
            name,
            version,
            transfer,
        }
    }

    /// Sets how it is moved.
    #[must_use]
    pub const fn transfer(mut self, method: TransferMethod) -> Self {
        self.transfer = method;
        self
    }

    /// The domain in which the contract checks signatures. Keep it: this hashes.
    #[must_use]
    pub fn domain(&self) -> Domain {
        Domain::new(&self.name, Some(&self.version), self.chain_id, self.address)
    }

    /// Its chain as a network.
    #[must_use]
    pub const fn network(&self) -> Network {
        Network::eip155(self.chain_id)
    }

    fn find(matches: impl Fn(&Row) -> bool) -> Option<Self> {
        TABLE.iter().find(|row| matches(row)).map(Self::from)
    }
}

impl From<&Row> for Token {
    fn from(row: &Row) -> Self {
        Self {
            chain_id: row.chain_id,
            address: row.address,
            symbol: row.symbol.into(),
            decimals: row.decimals,
            name: row.name.into(),
            version: row.version.into(),
            transfer: row.transfer,
        }
    }
}
