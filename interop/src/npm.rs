use devnet::Devnet;
use devnet::facilitator::Facilitator;

use crate::Failure;
use crate::actix::ActixShop;
use crate::purchase::{Ledger, Row, by_us, served};
use crate::script;
use crate::shop::{Settlement, Shop};

/// The script of each stock client, and the routes it can pay.
const CLIENTS: [(&str, &[&str]); 3] = [
    ("clients/x402-v2.mjs", &["/paid", "/x402"]),
    ("clients/x402-v1.mjs", &["/paid", "/x402"]),
    ("clients/mppx.mjs", &["/paid", "/mpp"]),
];

/// The same at the shop on actix-web. x402 v1 has no place for a quote, so its buyers pay the price
/// of the moment.
const AT_ACTIX: [(&str, &[&str]); 3] = [
    (
        "clients/x402-v2.mjs",
        &["/paid", "/x402", "/moving", "/words"],
    ),
    ("clients/x402-v1.mjs", &["/paid", "/x402", "/words"]),
    ("clients/mppx.mjs", &["/paid", "/mpp", "/moving", "/words"]),
];

const SERVERS: [&str; 2] = ["servers/x402-express.mjs", "servers/mppx.mjs"];

/// Clients and servers from npm, on the chain that all of them know.
pub(crate) async fn run(shop: &str) -> Result<Vec<Row>, Failure> {
    let net = Devnet::start().await?;
    let facilitator = Facilitator::start(&net, 0).await?;
    let mut rows = Vec::new();
    for settlement in Settlement::all(&facilitator) {
        let shop = Shop::open(shop, &net, &settlement).await?;
        for (client, routes) in CLIENTS {
            for route in routes {
                rows.push(shop.sells_to(client, route, &net).await?);
            }
        }
    }
    let shop = ActixShop::open(&net).await?;
    for (client, routes) in AT_ACTIX {
        for route in routes {
            rows.push(shop.sells_to(client, route, &net).await?);
        }
    }
    for server in SERVERS {
        let seller = net.seller.address.to_string();
        let serving = script::serve(server, &[&seller, facilitator.url()]).await?;
        let ledger = Ledger::open(&net);
        let answer = by_us(&net, &serving.url).await?;
        let what = format!("our buyer -> {server}");
        rows.push(ledger.close(&net, what, &answer, served(&answer)).shown());
    }
    Ok(rows)
}
