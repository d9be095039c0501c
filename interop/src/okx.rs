use std::path::PathBuf;

use devnet::Devnet;
use devnet::facilitator::Facilitator;
use devnet::okx::{Okx, SessionBuyer};
use serde_json::Value;
use tokio::process::Command;

use crate::Failure;
use crate::actix::ActixShop;
use crate::deferred;
use crate::purchase::{Ledger, Row, by_us, served};
use crate::script::{self, Serving};
use crate::session;
use crate::shop::{Listening, Settlement, Shop};

const CLIENT: &str = "clients/okx-x402.py";

const X402_SERVER: &str = "servers/okx-fastapi.py";

const MPP_SERVER: &str = "servers/okx-mpp.py";

const GATE: &str = "servers/okx-gate.py";

const SESSIONS: &str = "servers/okx-session.py";

/// OKX's Python SDK: its client pays our shops, and our buyer pays its shops.
pub(crate) async fn run(shop: &str, okx_shop: &str) -> Result<Vec<Row>, Failure> {
    let stage = Stage::open().await?;
    let mut rows = stage.client_at_shop(shop).await?;
    rows.extend(stage.client_at_actix().await?);
    rows.extend(stage.client_at_okx_shop(okx_shop).await?);
    rows.extend(stage.buyer_at_sdk().await?);
    rows.push(stage.session_at_sdk().await?);
    Ok(rows)
}

/// A chain that passes for X Layer, what stands in for OKX on it, and where channels are kept.
struct Stage {
    net: Devnet,
    okx: Okx,
    /// A session key of the first buyer.
    session_key: SessionBuyer,
    folder: Folder,
}

impl Stage {
    async fn open() -> Result<Self, Failure> {
        let net = Devnet::x_layer().start().await?;
        let okx = Okx::start(&net).await?;
        Ok(Self {
            session_key: okx.session_wallet(&net.buyers[0])?,
            folder: Folder::new()?,
            net,
            okx,
        })
    }

    /// The client of the SDK at `examples/shop`.
    async fn client_at_shop(&self, path: &str) -> Result<Vec<Row>, Failure> {
        let facilitator = Facilitator::start(&self.net, 0).await?;
        let mut rows = Vec::new();
        for settlement in Settlement::all(&facilitator) {
            let shop = Shop::open(path, &self.net, &settlement).await?;
            for route in ["/paid", "/x402"] {
                rows.push(shop.sells_to(CLIENT, route, &self.net).await?);
            }
        }
        Ok(rows)
    }

    /// The client of the SDK at a shop on actix-web.
    async fn client_at_actix(&self) -> Result<Vec<Row>, Failure> {
        let shop = ActixShop::open(&self.net).await?;
        let mut rows = Vec::new();
        for route in ["/paid", "/x402", "/moving", "/words"] {
            rows.push(shop.sells_to(CLIENT, route, &self.net).await?);
        }
        Ok(rows)
    }

    /// The client of the SDK, and a session key, at `examples/okx_shop`.
    async fn client_at_okx_shop(&self, path: &str) -> Result<Vec<Row>, Failure> {
        let shop = self.okx_shop(path).await?;
        let key = self.net.buyers[0].key.to_string();
        let mut rows = Vec::new();
        for route in ["/weather", "/news"] {
            let ledger = Ledger::open(&self.net);
            let url = format!("{}{route}", shop.url);
            let answer = script::run(CLIENT, &[&url, &key]).await?;
            rows.push(self.row(&ledger, format!("{CLIENT} -> okx_shop {route}"), &answer));
        }
        let ledger = Ledger::open(&self.net);
        let url = format!("{}/weather", shop.url);
        let answer = deferred::by_session_key(&self.session_key, &self.okx, &url).await?;
        rows.push(self.row(&ledger, "session key -> okx_shop /weather".into(), &answer));
        Ok(rows)
    }

    /// Our buyer, and a session key, at shops of the SDK.
    async fn buyer_at_sdk(&self) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        for server in [X402_SERVER, MPP_SERVER, GATE] {
            let shop = self.sdk_shop(server).await?;
            let ledger = Ledger::open(&self.net);
            let answer = by_us(&self.net, &shop.url).await?;
            rows.push(self.row(&ledger, format!("our buyer -> {server}"), &answer));
        }
        let shop = self.sdk_shop(X402_SERVER).await?;
        let ledger = Ledger::open(&self.net);
        let answer = deferred::by_session_key(&self.session_key, &self.okx, &shop.url).await?;
        rows.push(self.row(&ledger, format!("session key -> {X402_SERVER}"), &answer));
        Ok(rows)
    }

    /// A session of our buyer at a shop of the SDK.
    async fn session_at_sdk(&self) -> Result<Row, Failure> {
        let shop = self.sdk_shop(SESSIONS).await?;
        let ledger = Ledger::open(&self.net).calls(session::CALLS);
        let store = self.folder.theirs();
        let (answer, served) = session::by_us(&self.net, &shop.url, &store).await?;
        let what = format!("our session -> {SESSIONS}");
        Ok(ledger.close(&self.net, what, &answer, served).shown())
    }

    fn row(&self, ledger: &Ledger, what: String, answer: &Value) -> Row {
        ledger
            .close(&self.net, what, answer, served(answer))
            .shown()
    }

    /// `examples/okx_shop`, as the seller that the stand-in knows.
    async fn okx_shop(&self, path: &str) -> Result<Listening, Failure> {
        let account = self.okx.account();
        let mut command = Command::new(path);
        command
            .env_clear()
            .env("BIND", "127.0.0.1:0")
            .env("OKX_BASE_URL", self.okx.url())
            .env("OKX_API_KEY", &account.key)
            .env("OKX_SECRET_KEY", &account.secret)
            .env("OKX_PASSPHRASE", &account.passphrase)
            .env("PAYEE_KEY", self.net.seller.key.to_string())
            .env("CHANNELS_DIR", self.folder.0.join("ours"));
        Listening::start(command).await
    }

    /// A shop of the SDK, as the same seller.
    async fn sdk_shop(&self, server: &str) -> Result<Serving, Failure> {
        let (seller, account) = (&self.net.seller, self.okx.account());
        let store = self.folder.theirs();
        script::serve(
            server,
            &[
                &seller.address.to_string(),
                self.okx.url(),
                &account.key,
                &account.secret,
                &account.passphrase,
                &self.net.token.address.to_string(),
                &seller.key.to_string(),
                store.to_str().ok_or("a folder without a name")?,
            ],
        )
        .await
    }
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

    /// Where the shops of the SDK keep channels.
    fn theirs(&self) -> PathBuf {
        self.0.join("theirs")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is of no use to anybody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
