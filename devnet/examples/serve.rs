//! Keeps a chain up on 127.0.0.1 for clients in other languages: `serve [port]`.
//!
//! Prints one line of JSON that says what they need to know, then runs until it is killed.

use devnet::{Devnet, Wallet};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args()
        .nth(1)
        .map_or(Ok(8545), |port| port.parse())?;
    let net = Devnet::builder().port(port).start().await?;
    let buyers: Vec<_> = net.buyers.iter().map(told).collect();
    let about = json!({
        "url": net.rpc_url,
        "chainId": net.chain.chain_id(),
        "token": net.token.address.to_string(),
        "name": net.token.name,
        "version": net.token.version,
        "seller": told(&net.seller),
        "settler": told(&net.settler),
        "buyers": buyers,
    });
    println!("{about}");
    std::future::pending().await
}

/// Addresses as EIP-55 writes them: some clients take no other.
fn told(wallet: &Wallet) -> Value {
    json!({"key": wallet.key, "address": wallet.address.to_string()})
}
