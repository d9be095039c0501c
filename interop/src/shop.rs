use std::fmt;
use std::process::Stdio;

use devnet::Devnet;
use devnet::facilitator::Facilitator;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Failure;
use crate::purchase::{Ledger, Row};
use crate::script;
use crate::web;

/// How the shop settles.
pub(crate) enum Settlement {
    Facilitator(String),
    OwnKey,
}

impl Settlement {
    /// Every way there is.
    pub(crate) fn all(facilitator: &Facilitator) -> [Self; 2] {
        [
            Self::Facilitator(facilitator.url().to_owned()),
            Self::OwnKey,
        ]
    }
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Facilitator(_) => "shop by facilitator",
            Self::OwnKey => "shop by own key",
        })
    }
}

/// The shop of `examples/shop`, up until this is dropped.
pub(crate) struct Shop {
    at: Listening,
    name: String,
}

impl Shop {
    pub(crate) async fn open(
        path: &str,
        net: &Devnet,
        settlement: &Settlement,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(path);
        command
            .env_clear()
            .env("BIND", "127.0.0.1:0")
            .env("NETWORK", format!("eip155:{}", net.chain.chain_id()))
            .env("ASSET", net.token.address.to_string())
            .env("PAY_TO", net.seller.address.to_string())
            .env("PRICE", "0.01")
            .env("MPP_REALM", "interop.example")
            .env("MPP_SECRET_KEY", net.settler.key.to_string());
        match settlement {
            Settlement::Facilitator(url) => command.env("FACILITATOR_URL", url),
            Settlement::OwnKey => command
                .env("RPC_URL", &net.rpc_url)
                .env("SETTLER_KEY", net.settler.key.to_string()),
        };
        Ok(Self {
            at: Listening::start(command).await?,
            name: settlement.to_string(),
        })
    }

    /// What comes of it when the script of a client buys here, with the first buyer's key.
    pub(crate) async fn sells_to(
        &self,
        client: &str,
        route: &str,
        net: &Devnet,
    ) -> Result<Row, Failure> {
        let (before, ledger) = (self.runs().await?, Ledger::open(net));
        let url = format!("{}{route}", self.at.url);
        let key = net.buyers[0].key.to_string();
        let answer = script::run(client, &[&url, &key]).await?;
        let what = format!("{client} -> {} {route}", self.name);
        let served = self.runs().await?.saturating_sub(before);
        Ok(ledger.close(net, what, &answer, served).shown())
    }

    /// How often a paid handler ran, by the shop's own count.
    async fn runs(&self) -> Result<u64, Failure> {
        let body = web::json(&format!("{}/count", self.at.url)).await?;
        body["runs"].as_u64().ok_or_else(|| "no count".into())
    }
}

/// A shop of ours that says where it listens, up until this is dropped.
pub(crate) struct Listening {
    pub(crate) url: String,
    _process: Child,
}

impl Listening {
    pub(crate) async fn start(mut command: Command) -> Result<Self, Failure> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        let url = line.and_then(|line| line.split(' ').next_back().map(str::to_owned));
        Ok(Self {
            url: url.ok_or("the shop did not open")?,
            _process: process,
        })
    }
}
