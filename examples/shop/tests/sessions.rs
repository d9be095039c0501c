//! The shop as it is deployed, with sessions: a process, a directory, a chain.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use alloy_primitives::{Address, U256};
use devnet::Devnet;
use payment_client::{Buyer, Session, SessionBudget, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Base units.
const PRICE: u128 = 10_000;

#[tokio::test]
async fn a_shop_that_is_killed_goes_on_with_the_channel_and_settles_it() {
    let net = Devnet::start().await.unwrap();
    let directory = Scratch::new("killed");
    let mut shop = Shop::open(command(&net, &directory.0)).await;
    let (url, mut session) = (shop.url.clone(), session(&net));

    let reply = session.get(format!("{url}/paid")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let call = session.get(format!("{url}/words")).ahead(1);
    let mut stream = call.stream().await.unwrap();
    let mut words = 0;
    while stream.next().await.unwrap().is_some() {
        words += 1;
    }
    assert_eq!(words, 9);
    let standing = stream.usage().standing();
    // A voucher for one word more was asked before the stream knew that it ends.
    assert_eq!(
        (standing.spent, standing.promised),
        (10 * PRICE, 11 * PRICE)
    );
    drop(stream);
    shop.process.kill().await.unwrap();

    let mut again = command(&net, &directory.0);
    again
        .env("BIND", url.trim_start_matches("http://"))
        .env("SETTLE_AFTER", "0");
    let shop = Shop::open(again).await;
    assert_eq!(shop.url, url);
    // The keeper brings what the killed process has earned to the chain, not the word that was
    // promised and never sent.
    balance_becomes(&net, net.seller.address, 10 * PRICE).await;

    let reply = session.get(format!("{url}/paid")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.usage().unwrap().standing().spent, 11 * PRICE);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(
        (closed.dispute(), closed.standing().spent),
        (None, 11 * PRICE)
    );
    assert_eq!(balance(&net, net.seller.address), U256::from(11 * PRICE));
    assert_eq!(balance(&net, net.escrow), U256::ZERO);
    let buyer = U256::from(1_000_000_000 - 11 * PRICE);
    assert_eq!(balance(&net, net.buyers[0].address), buyer);
}

#[tokio::test]
async fn without_an_escrow_nothing_is_sold_by_the_word() {
    let net = Devnet::start().await.unwrap();
    let directory = Scratch::new("without");
    let mut command = command(&net, &directory.0);
    for name in ["SESSION_ESCROW", "CHANNELS_DIR", "PAY_TO_KEY"] {
        command.env_remove(name);
    }
    let shop = Shop::open(command).await;
    let mut session = session(&net);
    let reply = session.get(format!("{}/words", shop.url)).send();
    assert_eq!(reply.await.unwrap().status(), 404);
    assert!(!directory.0.exists());
}

#[tokio::test]
async fn a_session_setting_that_is_wrong_stops_the_shop_with_its_name() {
    let net = Devnet::start().await.unwrap();
    let directory = Scratch::new("wrong");
    let taken = std::env::current_exe().unwrap();
    let token = net.token.address.to_string();
    let stranger = net.buyers[1].key.to_string();
    for (name, value) in [
        (
            "SESSION_ESCROW",
            "0x0000000000000000000000000000000000000001",
        ),
        ("SESSION_ESCROW", &token),
        ("CHANNELS_DIR", taken.to_str().unwrap()),
        ("PAY_TO_KEY", ""),
        ("PAY_TO_KEY", "no key"),
        ("PAY_TO_KEY", &stranger),
    ] {
        let Output { status, stderr, .. } = command(&net, &directory.0)
            .env(name, value)
            .output()
            .await
            .unwrap();
        let words = String::from_utf8(stderr).unwrap();
        assert!(
            !status.success() && words.starts_with(&format!("{name}: ")),
            "{words}"
        );
        assert!(
            name != "PAY_TO_KEY" || value.is_empty() || !words.contains(value),
            "{words}"
        );
    }
}

/// The shop's settings: paid to the seller, sent by another account.
fn command(net: &Devnet, channels: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command
        .env_clear()
        .env("BIND", "127.0.0.1:0")
        .env("NETWORK", format!("eip155:{}", net.chain.chain_id()))
        .env("ASSET", net.token.address.to_string())
        .env("PAY_TO", net.seller.address.to_string())
        .env("PRICE", "0.01")
        .env("MPP_REALM", "shop.example")
        .env("MPP_SECRET_KEY", net.settler.key.to_string())
        .env("RPC_URL", &net.rpc_url)
        .env("SETTLER_KEY", net.settler.key.to_string())
        .env("SESSION_ESCROW", net.escrow.to_string())
        .env("CHANNELS_DIR", channels)
        .env("PAY_TO_KEY", net.seller.key.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

struct Shop {
    url: String,
    process: Child,
}

impl Shop {
    async fn open(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let line = stdout.lines().next_line().await.unwrap().unwrap();
        let url = line.split(' ').next_back().unwrap().to_owned();
        Self { url, process }
    }
}

fn session(net: &Devnet) -> Session<LocalSigner> {
    let signer = LocalSigner::from_hex(&net.buyers[0].key.to_string()).unwrap();
    let buyer = Buyer::builder(signer)
        .spend_limit(SpendLimit::per_payment(usd!("0.10")).total(usd!("1")))
        .network(Network::eip155(84532))
        .build()
        .unwrap();
    let session = buyer.session(SessionBudget::deposit(usd!("0.50")));
    session.escrow(84532, net.escrow).start().unwrap()
}

fn balance(net: &Devnet, account: Address) -> U256 {
    net.chain.balance_of(net.token.address, account)
}

async fn balance_becomes(net: &Devnet, account: Address, units: u128) {
    let due = U256::from(units);
    let becomes = async {
        while balance(net, account) != due {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), becomes).await;
    assert!(waited.is_ok(), "{} of {due}", balance(net, account));
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("tollgate-shop-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
