use devnet::Devnet;
use devnet::facilitator::Facilitator;
use devnet::okx::Okx;

use crate::Failure;
use crate::purchase::{self, Ledger, Row};
use crate::script::{self, Serving};
use crate::session;
use crate::shop::{Settlement, Shop};

const CLIENT: &str = "clients/okx-x402.py";

const SERVERS: [&str; 2] = ["servers/okx-fastapi.py", "servers/okx-mpp.py"];

const SESSIONS: &str = "servers/okx-session.py";

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
        let serving = open(server, &net, &okx).await?;
        let ledger = Ledger::open(&net, 0);
        let answer = purchase::by_us(&net, &serving.url).await?;
        let what = format!("our buyer -> {server}");
        rows.push(ledger.close(&net, what, &answer, 1).shown());
    }
    let serving = open(SESSIONS, &net, &okx).await?;
    let ledger = Ledger::open(&net, 0).calls(session::CALLS);
    let answer = session::by_us(&net, &serving.url).await?;
    let what = format!("our session -> {SESSIONS}");
    rows.push(ledger.close(&net, what, &answer, session::CALLS).shown());
    Ok(rows)
}

/// A shop of the SDK that sells to our seller's account, as the seller that the stand-in knows.
async fn open(server: &str, net: &Devnet, okx: &Okx) -> Result<Serving, Failure> {
    let (seller, token) = (&net.seller, net.token.address.to_string());
    let account = okx.account();
    script::serve(
        server,
        &[
            &seller.address.to_string(),
            okx.url(),
            &account.key,
            &account.secret,
            &account.passphrase,
            &token,
            &seller.key.to_string(),
        ],
    )
    .await
}
