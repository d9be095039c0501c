use std::path::PathBuf;

use devnet::Devnet;
use devnet::facilitator::Facilitator;
use devnet::okx::Okx;
use tokio::process::Command;

use crate::Failure;
use crate::purchase::{Ledger, Row, by_us, served};
use crate::script::{self, Serving};
use crate::session;
use crate::shop::{Listening, Settlement, Shop};

const CLIENT: &str = "clients/okx-x402.py";

const SERVERS: [&str; 2] = ["servers/okx-fastapi.py", "servers/okx-mpp.py"];

const SESSIONS: &str = "servers/okx-session.py";

/// OKX's Python SDK, on a chain that passes for X Layer: its client pays our shops, and our buyer
/// pays its shops. The stand-in of OKX's service settles for `examples/okx_shop` and for those.
pub(crate) async fn run(shop: &str, okx_shop: &str) -> Result<Vec<Row>, Failure> {
    let net = Devnet::x_layer().start().await?;
    let mut rows = bought_from(shop, &net).await?;
    let okx = Okx::start(&net).await?;
    let channels = Folder::new()?;
    let listening = settled_by_okx(okx_shop, &net, &okx, &channels).await?;
    for route in ["/weather", "/news"] {
        let ledger = Ledger::open(&net);
        let (url, key) = (format!("{}{route}", listening.url), &net.buyers[0].key);
        let answer = script::run(CLIENT, &[&url, &key.to_string()]).await?;
        // It counts nothing; what is sold names what was paid for it.
        let body = answer["body"].as_str().unwrap_or_default();
        let served = u64::from(body.contains("for 10000 units"));
        let what = format!("{CLIENT} -> okx_shop {route}");
        rows.push(ledger.close(&net, what, &answer, served).shown());
    }
    for server in SERVERS {
        let serving = open(server, &net, &okx, &channels).await?;
        let ledger = Ledger::open(&net);
        let answer = by_us(&net, &serving.url).await?;
        let what = format!("our buyer -> {server}");
        rows.push(ledger.close(&net, what, &answer, served(&answer)).shown());
    }
    let serving = open(SESSIONS, &net, &okx, &channels).await?;
    let ledger = Ledger::open(&net).calls(session::CALLS);
    let (answer, served) = session::by_us(&net, &serving.url, &channels.0.join("theirs")).await?;
    let what = format!("our session -> {SESSIONS}");
    rows.push(ledger.close(&net, what, &answer, served).shown());
    Ok(rows)
}

/// The client of the SDK at our shop.
async fn bought_from(shop: &str, net: &Devnet) -> Result<Vec<Row>, Failure> {
    let facilitator = Facilitator::start(net, 0).await?;
    let mut rows = Vec::new();
    for settlement in Settlement::all(&facilitator) {
        let shop = Shop::open(shop, net, &settlement).await?;
        for route in ["/paid", "/x402"] {
            rows.push(shop.sells_to(CLIENT, route, net).await?);
        }
    }
    Ok(rows)
}

/// The shop of `examples/okx_shop`, as the seller that the stand-in knows.
async fn settled_by_okx(
    path: &str,
    net: &Devnet,
    okx: &Okx,
    channels: &Folder,
) -> Result<Listening, Failure> {
    let account = okx.account();
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("BIND", "127.0.0.1:0")
        .env("OKX_BASE_URL", okx.url())
        .env("OKX_API_KEY", &account.key)
        .env("OKX_SECRET_KEY", &account.secret)
        .env("OKX_PASSPHRASE", &account.passphrase)
        .env("PAYEE_KEY", net.seller.key.to_string())
        .env("CHANNELS_DIR", channels.0.join("ours"));
    Listening::start(command).await
}

/// A shop of the SDK that sells to our seller's account, as the seller that the stand-in knows.
async fn open(
    server: &str,
    net: &Devnet,
    okx: &Okx,
    channels: &Folder,
) -> Result<Serving, Failure> {
    let (seller, account) = (&net.seller, okx.account());
    let directory = channels.0.join("theirs");
    let directory = directory.to_str().ok_or("a folder without a name")?;
    script::serve(
        server,
        &[
            &seller.address.to_string(),
            okx.url(),
            &account.key,
            &account.secret,
            &account.passphrase,
            &net.token.address.to_string(),
            &seller.key.to_string(),
            directory,
        ],
    )
    .await
}

/// A folder of this run alone, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let name = format!("tollgate-interop-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
