//! JSON-RPC as clients meet it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use alloy_eips::eip2718::Encodable2718;
use alloy_network::EthereumWallet;
use alloy_primitives::{B256, Bytes, U256};
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_types_eth::{Filter, TransactionRequest};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Revert, SolError, SolEvent};
use devnet::{Devnet, Fault, ITollToken};
use serde_json::{Value, json};
use support::*;

/// reqwest wants a TLS provider even for plain HTTP.
fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn post(net: &Devnet, body: impl Into<reqwest::Body>) -> reqwest::Result<(u16, String)> {
    install_tls();
    let response = reqwest::Client::new()
        .post(&net.rpc_url)
        .body(body)
        .send()
        .await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn ask(net: &Devnet, body: Value) -> Value {
    let (status, text) = post(net, body.to_string()).await.unwrap();
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

async fn call(net: &Devnet, method: &str, params: Value) -> Value {
    ask(
        net,
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
    )
    .await
}

fn raw_transfer(net: &Devnet, nonce: u64) -> String {
    let transaction = alloy_consensus::TxEip1559 {
        chain_id: 84532,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000_000_000,
        to: net.seller.address.into(),
        value: U256::from(1),
        ..Default::default()
    };
    Bytes::from(net.buyers[0].sign_transaction(transaction).encoded_2718()).to_string()
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
        .send_transaction(request.clone())
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
    assert_eq!(block.header.hash, receipt.block_hash.unwrap());
    assert_eq!(
        block.transactions.as_transactions().unwrap()[0]
            .inner
            .signer(),
        net.settler.address
    );
    let transaction = provider
        .get_transaction_by_hash(receipt.transaction_hash)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(transaction.block_number, Some(1));
    let filter = Filter::new()
        .address(net.token.address)
        .event_signature(ITollToken::Transfer::SIGNATURE_HASH)
        .from_block(0);
    let logs = provider.get_logs(&filter).await.unwrap();
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].log_index, Some(1));

    let again = provider.send_transaction(request).await.unwrap_err();
    let payload = again.as_error_resp().unwrap();
    assert_eq!(payload.code, 3);
    assert_eq!(
        payload.message,
        "execution reverted: TollToken: authorization spent"
    );
    let revert = Revert::abi_decode(&payload.as_revert_data().unwrap()).unwrap();
    assert_eq!(revert.reason, "TollToken: authorization spent");
}

#[tokio::test]
async fn constants_and_accounts_are_told() {
    let net = Devnet::start().await.unwrap();
    let buyer = net.buyers[0].address;
    for (method, params, want) in [
        ("eth_chainId", json!([]), json!("0x14a34")),
        ("net_version", json!([]), json!("84532")),
        ("eth_blockNumber", json!([]), json!("0x0")),
        ("eth_accounts", json!([]), json!([])),
        (
            "eth_getBalance",
            json!([buyer, "latest"]),
            json!("0x21e19e0c9bab2400000"),
        ),
        (
            "eth_getTransactionCount",
            json!([buyer, "pending"]),
            json!("0x0"),
        ),
        ("eth_getCode", json!([buyer, "latest"]), json!("0x")),
        ("eth_gasPrice", json!([]), json!("0x3baa0c40")),
        ("eth_maxPriorityFeePerGas", json!([]), json!("0xf4240")),
        (
            "eth_getTransactionReceipt",
            json!([B256::ZERO]),
            Value::Null,
        ),
        ("eth_getTransactionByHash", json!([B256::ZERO]), Value::Null),
        ("eth_getBlockByNumber", json!(["0x9", false]), Value::Null),
    ] {
        assert_eq!(call(&net, method, params).await["result"], want, "{method}");
    }
    // The decimals stand in storage beside nothing else.
    let word = call(
        &net,
        "eth_getStorageAt",
        json!([net.token.address, "0x3", "latest"]),
    )
    .await;
    assert!(word["result"].as_str().unwrap().ends_with("06"));
    assert_eq!(word["result"].as_str().unwrap().len(), 66);
    let history = call(
        &net,
        "eth_feeHistory",
        json!(["0x5", "latest", [25.0, 75.0]]),
    )
    .await;
    assert_eq!(history["result"]["oldestBlock"], "0x0");
    assert_eq!(
        history["result"]["baseFeePerGas"].as_array().unwrap().len(),
        2
    );
    assert_eq!(history["result"]["reward"], json!([["0xf4240", "0xf4240"]]));
}

#[tokio::test]
async fn block_has_every_field_that_clients_read() {
    let net = Devnet::start().await.unwrap();
    net.chain
        .transfer(
            net.token.address,
            &net.buyers[0],
            net.seller.address,
            U256::from(1),
        )
        .unwrap();
    let block = call(&net, "eth_getBlockByNumber", json!(["latest", true])).await["result"].clone();
    for field in [
        "number",
        "hash",
        "parentHash",
        "nonce",
        "sha3Uncles",
        "logsBloom",
        "transactionsRoot",
        "stateRoot",
        "receiptsRoot",
        "miner",
        "difficulty",
        "extraData",
        "size",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "transactions",
        "uncles",
        "mixHash",
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
    ] {
        assert!(!block[field].is_null(), "{field}");
    }
    assert_eq!(
        block["transactions"][0]["from"],
        json!(net.buyers[0].address.to_string().to_lowercase())
    );
    let by_hash = call(&net, "eth_getBlockByHash", json!([block["hash"], false])).await;
    assert_eq!(
        by_hash["result"]["transactions"][0],
        block["transactions"][0]["hash"]
    );
}

#[tokio::test]
async fn logs_are_chosen_by_place_and_topic() {
    let net = Devnet::start().await.unwrap();
    for buyer in &net.buyers[..3] {
        net.chain
            .transfer(net.token.address, buyer, net.seller.address, U256::from(1))
            .unwrap();
    }
    let second = net.chain.block(2, Default::default()).unwrap().header.hash;
    let payer = net.buyers[1].address.into_word();
    let transfer = ITollToken::Transfer::SIGNATURE_HASH;
    for (filter, want) in [
        (json!({"fromBlock": "0x0"}), 3),
        (json!({"fromBlock": "0x2", "toBlock": "0x2"}), 1),
        (json!({}), 1),
        (json!({"blockHash": second}), 1),
        (
            json!({"fromBlock": "earliest", "address": net.seller.address}),
            0,
        ),
        (
            json!({"fromBlock": "0x0", "address": [net.token.address], "topics": [transfer, payer]}),
            1,
        ),
        (
            json!({"fromBlock": "0x0", "topics": [null, [payer, B256::ZERO]]}),
            1,
        ),
        (json!({"fromBlock": "0x0", "topics": [payer]}), 0),
        (json!({"fromBlock": "0x3", "toBlock": "0x1"}), 0),
    ] {
        let logs = call(&net, "eth_getLogs", json!([filter])).await;
        assert_eq!(logs["result"].as_array().unwrap().len(), want, "{filter}");
    }
    let unknown = call(&net, "eth_getLogs", json!([{"blockHash": B256::ZERO}])).await;
    assert_eq!(unknown["error"]["code"], -32000);
}

#[tokio::test]
async fn batch_is_answered_in_order() {
    let net = Devnet::start().await.unwrap();
    let replies = ask(
        &net,
        json!([
            {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"},
            {"jsonrpc": "2.0", "method": "evm_mine"},
            {"jsonrpc": "2.0", "id": 2, "method": "no_such"},
            7,
            {"jsonrpc": "2.0", "id": 3, "method": "eth_blockNumber", "params": []},
        ]),
    )
    .await;
    let replies = replies.as_array().unwrap();
    assert_eq!(replies.len(), 4);
    assert_eq!(
        replies[0],
        json!({"jsonrpc": "2.0", "id": "a", "result": "0x14a34"})
    );
    assert_eq!(replies[1]["error"]["code"], -32601);
    assert_eq!(
        (&replies[2]["id"], &replies[2]["error"]["code"]),
        (&Value::Null, &json!(-32600))
    );
    assert_eq!(replies[3]["result"], "0x1");
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let net = Devnet::start().await.unwrap();
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("[]", -32600),
        ("7", -32600),
        (r#"{"id":1}"#, -32600),
        (r#"{"id":{},"method":"eth_chainId"}"#, -32600),
        (r#"{"id":1,"method":"eth_chainId","params":{}}"#, -32602),
        (r#"{"id":1,"method":"eth_getBalance","params":[]}"#, -32602),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x12"]}"#,
            -32602,
        ),
        (
            r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02"]}"#,
            -32000,
        ),
        (r#"{"id":1,"method":"eth_mining"}"#, -32601),
    ] {
        let (status, text) = post(&net, body).await.unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (status, &reply["error"]["code"]),
            (200, &json!(code)),
            "{body}"
        );
    }
    let notification = post(&net, r#"{"method":"evm_mine"}"#).await.unwrap();
    assert_eq!(notification, (204, String::new()));
    assert_eq!(net.chain.height(), 1);
    let batch = vec![json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}); 257];
    assert_eq!(
        ask(&net, Value::Array(batch)).await["error"]["code"],
        -32600
    );
}

#[tokio::test]
async fn large_bodies_and_other_methods_are_refused() {
    let net = Devnet::start().await.unwrap();
    let (status, _) = post(&net, vec![b' '; (1 << 20) + 1]).await.unwrap();
    assert_eq!(status, 413);
    let got = reqwest::get(&net.rpc_url).await.unwrap();
    assert_eq!(got.status().as_u16(), 405);
}

#[tokio::test]
async fn refused_transactions_say_why() {
    let net = Devnet::start().await.unwrap();
    let raw = raw_transfer(&net, 0);
    assert!(call(&net, "eth_sendRawTransaction", json!([raw])).await["result"].is_string());
    let again = call(&net, "eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(again["error"]["message"], "already known");
    let mut poorer = net;
    poorer.buyers[0] = devnet::Wallet::named("nobody");
    let poor = call(
        &poorer,
        "eth_sendRawTransaction",
        json!([raw_transfer(&poorer, 0)]),
    )
    .await;
    assert_eq!(poor["error"]["code"], -32000);
    assert!(
        poor["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("insufficient funds")
    );
    poorer.buyers[0] = devnet::Wallet::development(3);
    poorer
        .chain
        .transfer(
            poorer.token.address,
            &poorer.buyers[0],
            poorer.seller.address,
            U256::from(1),
        )
        .unwrap();
    let low = call(
        &poorer,
        "eth_sendRawTransaction",
        json!([raw_transfer(&poorer, 1)]),
    )
    .await;
    assert!(
        low["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("nonce too low")
    );
}

#[tokio::test]
async fn only_the_latest_state_is_answered() {
    let net = Devnet::start().await.unwrap();
    net.chain.mine();
    let buyer = net.buyers[0].address;
    for tag in ["latest", "pending", "safe", "finalized", "0x1"] {
        assert!(
            call(&net, "eth_getBalance", json!([buyer, tag])).await["result"].is_string(),
            "{tag}"
        );
    }
    for tag in ["earliest", "0x0", "0x2"] {
        assert_eq!(
            call(&net, "eth_getBalance", json!([buyer, tag])).await["error"]["code"],
            -32000,
            "{tag}"
        );
    }
    let overridden = json!([{"to": buyer}, "latest", {buyer.to_string(): {"balance": "0x1"}}]);
    assert_eq!(
        call(&net, "eth_call", overridden).await["error"]["code"],
        -32602
    );
}

#[tokio::test]
async fn time_moves_by_request() {
    let net = Devnet::start().await.unwrap();
    let start = net.chain.now();
    call(&net, "evm_increaseTime", json!([3600])).await;
    assert!(net.chain.now() >= start + 3600);
    call(
        &net,
        "evm_setNextBlockTimestamp",
        json!([format!("{:#x}", start + 9000)]),
    )
    .await;
    call(&net, "evm_mine", json!([])).await;
    let block = call(&net, "eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(block["result"]["timestamp"], format!("{:#x}", start + 9000));
    let back = call(&net, "evm_setNextBlockTimestamp", json!([start])).await;
    assert_eq!(back["error"]["code"], -32602);
}

#[tokio::test]
async fn ordered_faults_happen_once_and_where_they_were_ordered() {
    let net = Devnet::start().await.unwrap();
    let ids = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}).to_string();
    net.rpc.fail_next(2, Fault::Http500);
    for want in [500, 500, 200] {
        assert_eq!(post(&net, ids.clone()).await.unwrap().0, want);
    }

    let send = |raw: String| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]})
            .to_string()
    };
    net.rpc
        .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseBefore);
    assert_eq!(post(&net, ids.clone()).await.unwrap().0, 200);
    assert!(post(&net, send(raw_transfer(&net, 0))).await.is_err());
    assert_eq!(net.chain.height(), 0);

    net.rpc
        .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    assert!(post(&net, send(raw_transfer(&net, 0))).await.is_err());
    assert_eq!(net.chain.height(), 1);

    net.rpc.fail_next(1, Fault::CloseBefore);
    net.rpc.heal();
    assert_eq!(post(&net, ids).await.unwrap().0, 200);
}

#[tokio::test]
async fn server_stops_with_its_devnet() {
    let net = Devnet::start().await.unwrap();
    let address = net.rpc_url.strip_prefix("http://").unwrap().to_owned();
    assert!(tokio::net::TcpStream::connect(&address).await.is_ok());
    drop(net);
    // The task ends when the runtime next looks at it.
    tokio::task::yield_now().await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}
