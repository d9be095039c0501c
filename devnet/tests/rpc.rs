//! JSON-RPC as clients meet it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use alloy_network::EthereumWallet;
use alloy_primitives::{Bytes, U256};
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use devnet::{Devnet, ITollToken};
use support::*;

/// reqwest wants a TLS provider even for plain HTTP.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn alloy_provider_settles_a_payment() {
    install_tls();
    let net = Devnet::start().await.unwrap();
    let signer = PrivateKeySigner::from_bytes(&net.settler.key).unwrap();
    let provider = ProviderBuilder::new()
        .wallet(EthereumWallet::from(signer))
        .connect_http(net.rpc_url.parse().unwrap());
    assert_eq!(provider.get_chain_id().await.unwrap(), 84532);

    let message = payment(&net, 1);
    let data: Bytes = split_call(&message, &sign(&net, &net.buyers[0], &message));
    let request = TransactionRequest::default()
        .to(net.token.address)
        .input(data.into());
    let receipt = provider
        .send_transaction(request)
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();

    assert!(receipt.status());
    assert_eq!(receipt.from, net.settler.address);
    assert_eq!(
        receipt.decoded_log::<ITollToken::Transfer>().unwrap().value,
        U256::from(10_000)
    );
    assert_eq!(
        net.chain.balance_of(net.token.address, net.seller.address),
        U256::from(10_000)
    );
    let block = provider
        .get_block_by_number(1.into())
        .full()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(block.transactions.len(), 1);
}
