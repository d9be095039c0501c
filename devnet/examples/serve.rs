//! Keeps a chain up on 127.0.0.1 for clients in other languages: `serve [port]`.
//!
//! Prints one line of JSON that says what they need to know, then runs until it is killed.

use devnet::Devnet;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args()
        .nth(1)
        .map_or(Ok(8545), |port| port.parse())?;
    let net = Devnet::builder().port(port).start().await?;
    let buyers: Vec<_> = net
        .buyers
        .iter()
        .map(|buyer| json!({"key": buyer.key, "address": buyer.address}))
        .collect();
    let about = json!({
        "url": net.rpc_url,
        "chainId": net.chain.chain_id(),
        "token": net.token.address,
        "name": net.token.name,
        "version": net.token.version,
        "seller": {"key": net.seller.key, "address": net.seller.address},
        "settler": {"key": net.settler.key, "address": net.settler.address},
        "buyers": buyers,
    });
    println!("{about}");
    std::future::pending().await
}
