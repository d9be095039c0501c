use devnet::Devnet;
use devnet::facilitator::Facilitator;
use devnet::okx::Okx;

use crate::Failure;
use crate::purchase::{self, Ledger, Row};
use crate::script;
use crate::shop::{Settlement, Shop};

const CLIENT: &str = "clients/okx-x402.py";

const SERVERS: [&str; 2] = ["servers/okx-fastapi.py", "servers/okx-mpp.py"];

/// OKX's Python SDK, on a chain that passes for X Layer: its client pays our shop, and our buyer pays
/// its shops, which settle through the stand-in of OKX's service.
pub(crate) async fn run(shop: &str) -> Result<Vec<Row>, Failure> {
    let net = Devnet::x_layer().start().await?;
    let facilitator = Facilitator::start(&net, 0).await?;
    let mut rows = Vec::new();
    for settlement in Settlement::all(&facilitator) {
        let shop = Shop::open(shop, &net, &settlement).await?;
        for route in ["/paid", "/x402"] {
            rows.push(shop.sells_to(CLIENT, route, &net).await?);
        }
    }
    let okx = Okx::start(&net).await?;
    for server in SERVERS {
        rows.push(sold_by(server, &net, &okx).await?);
    }
    Ok(rows)
}

/// Our buyer at a shop of the SDK.
async fn sold_by(server: &str, net: &Devnet, okx: &Okx) -> Result<Row, Failure> {
    let (seller, token) = (
        net.seller.address.to_string(),
        net.token.address.to_string(),
    );
    let account = okx.account();
    let [key, secret, passphrase] = [&account.key, &account.secret, &account.passphrase];
    let arguments = [&*seller, okx.url(), key, secret, passphrase, &token];
    let serving = script::serve(server, &arguments).await?;
    let ledger = Ledger::open(net, 0);
    let answer = purchase::by_us(net, &serving.url).await?;
    let what = format!("our buyer -> {server}");
    Ok(ledger.close(net, what, &answer, 1).shown())
}
