use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use devnet::{Devnet, ITollToken, Wallet};
use payment_core::Secret;
use payment_evm::{
    Authorization, Domain, EvmSignature, LocalSigner, Settler, SettlerOptions, Token,
};

/// A chain with a token, and a settler on it.
pub struct Scene {
    pub net: Devnet,
    pub settler: Settler,
}

pub fn quick() -> SettlerOptions {
    let options = SettlerOptions::default().poll_every(Duration::from_millis(5));
    options.mined_within(Duration::from_secs(20))
}

pub fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_secret(&Secret::new(wallet.key.to_vec())).unwrap()
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(quick()).await
    }

    pub async fn with(options: SettlerOptions) -> Self {
        let net = Devnet::start().await.unwrap();
        let settler = Settler::connect(&net.rpc_url, signer(&net.settler), options)
            .await
            .unwrap();
        Self { net, settler }
    }

    pub fn token(&self) -> Address {
        self.net.token.address
    }

    pub fn domain(&self) -> Domain {
        Token::known(84532, self.token()).unwrap().domain()
    }

    /// The first buyer pays the seller.
    pub fn authorization(&self, value: u64, nonce: u8) -> (Authorization, EvmSignature) {
        let buyer = signer(&self.net.buyers[0]);
        let authorization = Authorization {
            from: buyer.address(),
            to: self.net.seller.address,
            value: U256::from(value),
            valid_after: U256::ZERO,
            valid_before: U256::from(self.net.chain.now() + 3600),
            nonce: B256::repeat_byte(nonce),
        };
        let signature = buyer.sign(&authorization.digest(&self.domain())).unwrap();
        (authorization, signature)
    }

    pub fn paid(&self) -> U256 {
        self.net
            .chain
            .balance_of(self.token(), self.net.seller.address)
    }

    /// Lets other tasks run until so many transactions wait to be mined.
    pub async fn wait_for(&self, transactions: usize) {
        while self.net.chain.waiting() < transactions {
            tokio::task::yield_now().await;
        }
    }
}

/// A call of the token that always works and can be told apart by its value.
pub fn approve(spender: Address, value: u64) -> Bytes {
    ITollToken::approveCall {
        spender,
        value: U256::from(value),
    }
    .abi_encode()
    .into()
}
