use alloy_primitives::{Address, address};
use devnet::facilitator::Facilitator;
use devnet::{Devnet, TokenSpec};

use crate::Failure;
use crate::purchase::Row;
use crate::shop::{Settlement, Shop};

const USDT0: Address = address!("779Ded0c9e1022225f8E0630b35a9b54bE713736");

const CLIENT: &str = "clients/okx-x402.py";

/// OKX's Python SDK, on X Layer's chain id with its USD₮0.
pub(crate) async fn run(shop: &str) -> Result<Vec<Row>, Failure> {
    let net = Devnet::builder()
        .chain_id(196)
        .token(TokenSpec::new("USD₮0", "1").at(USDT0))
        .start()
        .await?;
    let facilitator = Facilitator::start(&net, 0).await?;
    let mut rows = Vec::new();
    for settlement in Settlement::all(&facilitator) {
        let shop = Shop::open(shop, &net, &settlement).await?;
        for route in ["/paid", "/x402"] {
            rows.push(shop.sells_to(CLIENT, route, &net).await?);
        }
    }
    Ok(rows)
}
