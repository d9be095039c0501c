use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_provider::Provider;
use alloy_sol_types::{SolCall, sol};
use payment_core::Timestamp;

use super::{CallFault, ChainFault, Settler};

#[allow(missing_docs)]
mod calls {
    use super::sol;

    sol! {
        function balanceOf(address account) returns (uint256);
        function allowance(address owner, address spender) returns (uint256);
        function authorizationState(address authorizer, bytes32 nonce) returns (bool);
        function nonceBitmap(address owner, uint256 word) returns (uint256);
    }
}

impl Settler {
    /// The code at an address; empty when there is no contract.
    ///
    /// # Errors
    ///
    /// `ChainFault` when the node does not answer.
    pub async fn code_at(&self, address: Address) -> Result<Bytes, ChainFault> {
        Ok(self.provider().get_code_at(address).await?)
    }

    /// How many base units of a token an account holds.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when there is no such token.
    pub async fn balance_of(&self, token: Address, owner: Address) -> Result<U256, CallFault> {
        self.read(token, &calls::balanceOfCall { account: owner })
            .await
    }

    /// How many base units the owner lets the spender take, such as Permit2.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when there is no such token.
    pub async fn allowance(
        &self,
        token: Address,
        owner: Address,
        spender: Address,
    ) -> Result<U256, CallFault> {
        self.read(token, &calls::allowanceCall { owner, spender })
            .await
    }

    /// Whether a token has taken the authorization with this nonce, or had it cancelled. That it
    /// has does not say that we were paid.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when the token does not know EIP-3009.
    pub async fn authorization_used(
        &self,
        token: Address,
        from: Address,
        nonce: B256,
    ) -> Result<bool, CallFault> {
        self.read(
            token,
            &calls::authorizationStateCall {
                authorizer: from,
                nonce,
            },
        )
        .await
    }

    /// Whether a Permit2 contract has taken the permit with this nonce, or had it cancelled. That
    /// it has does not say that we were paid.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when there is no such contract.
    pub async fn permit_used(
        &self,
        permit2: Address,
        owner: Address,
        nonce: U256,
    ) -> Result<bool, CallFault> {
        let word = nonce >> 8;
        let call = calls::nonceBitmapCall { owner, word };
        let bitmap = self.read(permit2, &call).await?;
        Ok(bitmap.bit(usize::from(nonce.byte(0))))
    }

    /// The nonce of the next transaction of an account, after those that the node knows to wait.
    /// One with a higher nonce can't be mined yet.
    ///
    /// # Errors
    ///
    /// `ChainFault` when the node does not answer.
    pub async fn next_nonce_of(&self, account: Address) -> Result<u64, ChainFault> {
        let count = self.provider().get_transaction_count(account);
        Ok(count.pending().await?)
    }

    /// When a block was made.
    ///
    /// # Errors
    ///
    /// `ChainFault` when the node does not answer or does not have the block.
    pub async fn block_time(&self, number: u64) -> Result<Timestamp, ChainFault> {
        let block = self
            .provider()
            .get_block_by_number(BlockNumberOrTag::Number(number))
            .await?;
        let block = block.ok_or(ChainFault::NoBlock { number })?;
        Ok(Timestamp::from_seconds(block.header.timestamp))
    }

    /// An address without code answers every call with nothing, which decodes to no value.
    async fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, CallFault> {
        let answer = self.simulate(to, call.abi_encode().into()).await?;
        C::abi_decode_returns_validate(&answer).map_err(|_| CallFault::Reverted(answer))
    }
}
