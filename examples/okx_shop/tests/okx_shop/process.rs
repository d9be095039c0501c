//! The process, and what surrounds it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use devnet::okx::{Okx, OkxAccount, Repeats};
use devnet::{Devnet, Wallet};
use payment_client::{Buyer, Patience, Protocol, SpendLimit, prefer_protocol};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use reqwest::Client;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const API_KEY: &str = "a1b2c3d4-key-of-the-api";
pub(crate) const API_SECRET: &str = "E5F6A7B8-SECRET-OF-THE-API";
pub(crate) const PASSPHRASE: &str = "Phrase-of-the-api-9!";

const PATIENCE: Duration = Duration::from_secs(60);

/// A command without any setting but a free port.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_okx_shop"));
    command
        .env_clear()
        .env("BIND", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What a seller has before it starts the shop: a chain, an account at OKX, a directory.
pub(crate) struct Place {
    pub(crate) net: Devnet,
    pub(crate) okx: Okx,
    directory: Scratch,
}

impl Place {
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, Repeats::SameAnswer).await
    }

    /// One where OKX has this habit.
    pub(crate) async fn with(name: &str, repeats: Repeats) -> Self {
        let net = Devnet::x_layer().start().await.unwrap();
        let account = OkxAccount::new(API_KEY, API_SECRET, PASSPHRASE);
        let okx = Okx::builder().account(account).repeats(repeats);
        let okx = okx.start(&net).await.unwrap();
        let directory = Scratch::new(name);
        Self {
            net,
            okx,
            directory,
        }
    }

    /// The four that make the shop OKX's, where OKX is, and where channels are kept.
    pub(crate) fn command(&self) -> Command {
        let mut command = bare();
        command
            .env("OKX_API_KEY", API_KEY)
            .env("OKX_SECRET_KEY", API_SECRET)
            .env("OKX_PASSPHRASE", PASSPHRASE)
            .env("PAYEE_KEY", self.net.seller.key.to_string())
            .env("OKX_BASE_URL", self.okx.url())
            .env("CHANNELS_DIR", &self.directory.0);
        command
    }

    pub(crate) fn balance(&self, account: Address) -> U256 {
        self.net.chain.balance_of(self.net.token.address, account)
    }

    pub(crate) async fn balance_becomes(&self, account: Address, units: u128) {
        let due = U256::from(units);
        let becomes = async {
            while self.balance(account) != due {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(PATIENCE, becomes).await;
        assert!(waited.is_ok(), "{} of {due}", self.balance(account));
    }
}

/// A shop that has begun to sell.
pub(crate) struct Shop {
    pub(crate) url: String,
    /// What it said before.
    pub(crate) introduction: Vec<String>,
    process: Child,
    more: JoinHandle<String>,
}

impl Shop {
    pub(crate) async fn open(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut stderr = process.stderr.take().unwrap();
        let mut introduction = Vec::new();
        let url = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap();
            let Some(line) = line.unwrap() else {
                let mut words = String::new();
                stderr.read_to_string(&mut words).await.unwrap();
                panic!("it did not begin: {words}");
            };
            match line.strip_prefix("shop listening on ") {
                Some(url) => break url.to_owned(),
                None => introduction.push(line),
            }
        };
        let more = tokio::spawn(async move {
            let mut words = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                words += &line;
            }
            stderr.read_to_string(&mut words).await.unwrap();
            words
        });
        Self {
            url,
            introduction,
            process,
            more,
        }
    }

    /// Kills it, as a machine that fails does, and gives all that it has said.
    pub(crate) async fn killed(mut self) -> String {
        self.process.kill().await.unwrap();
        self.introduction.join("\n") + &self.more.await.unwrap()
    }

    /// Asks it to end, waits until it has, and gives all that it has said.
    pub(crate) async fn ended(mut self) -> String {
        let id = self.process.id().unwrap().to_string();
        let asked = Command::new("kill").arg(id).status().await.unwrap();
        assert!(asked.success());
        let status = timeout(PATIENCE, self.process.wait()).await.unwrap();
        assert!(status.unwrap().success());
        self.introduction.join("\n") + &self.more.await.unwrap()
    }
}

/// Starts a shop that is not to begin: its exit code and the one line it says.
pub(crate) async fn refused(mut command: Command) -> (i32, String) {
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let (said, line) = (String::from_utf8(output.stdout), output.stderr);
    let line = String::from_utf8(line).unwrap();
    assert_eq!(said.unwrap(), "", "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    (output.status.code().unwrap(), line.trim_end().to_owned())
}

/// No secret of the seller, of OKX's account or of the chain is in what a shop has said.
pub(crate) fn tells_nothing(said: &str, wallets: &[&Wallet]) {
    let known = OkxAccount::default();
    let keys = wallets.iter().map(|wallet| wallet.key.to_string());
    let keys = keys.map(|key| key.trim_start_matches("0x").to_owned());
    let texts = [API_KEY, API_SECRET, PASSPHRASE].map(str::to_owned);
    let known = [known.key, known.secret, known.passphrase];
    for secret in keys.chain(texts).chain(known) {
        let said = said.to_lowercase();
        assert!(!said.contains(&secret.to_lowercase()), "{said}");
    }
}

pub(crate) fn buyer(key: &str, protocol: Protocol) -> Buyer<LocalSigner> {
    Buyer::builder(LocalSigner::from_hex(key).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.05")).total(usd!("1")))
        .network(Network::eip155(196))
        .select(prefer_protocol(protocol))
        // What is open may be decided before long, on a machine with much to do.
        .patience(Patience::default().tries(3))
        .build()
        .unwrap()
}

/// A client that pays nothing.
pub(crate) fn http() -> Client {
    payment_http::client().unwrap().no_proxy().build().unwrap()
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("tollgate-okx_shop-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
