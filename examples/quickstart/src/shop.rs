use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::get;
use devnet::facilitator::Facilitator;
use devnet::{Devnet, Wallet};
use mpp_core::Mpp;
use mpp_evm::session::{Desk, MemoryChannelStore, OnchainEscrow, Session};
use mpp_evm::{Charge, OnchainCharge};
use payment_core::{Gate, Money, Secret, Tariff, usd};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_tower::GateExt;
use payment_tower::axum::{Meter, Paid};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::ExactEvm;

use crate::Failure;
use crate::report::Report;
use crate::story::Story;

/// What a look at the weather costs.
pub(crate) const PRICE: Money = usd!("0.01");
/// What a word of the story costs.
pub(crate) const WORD: Money = usd!("0.0001");
/// What readers of the story are told to deposit: not enough for all of it.
pub(crate) const DEPOSIT: Money = usd!("0.02");

/// Everything that stands on the seller's side: a chain, a facilitator on it, a shop.
pub(crate) struct Shop {
    pub(crate) net: Devnet,
    pub(crate) token: Token,
    pub(crate) url: String,
    /// Where the channels of the sessions can be looked at.
    pub(crate) desk: Desk<OnchainEscrow, MemoryChannelStore>,
    facilitator: Facilitator,
    runs: Arc<AtomicU64>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Shop {
    /// Opens the shop on this port of the machine, 0 for a free one.
    pub(crate) async fn open(port: u16) -> Result<Self, Failure> {
        let net = Devnet::start().await?;
        let facilitator = Facilitator::start(&net, 0).await?;
        let token = Token::known(net.chain.chain_id(), net.token.address)
            .ok_or("the devnet's token is not in the table")?;

        // x402 is settled by the facilitator over HTTP, MPP by the seller's own key on chain.
        let hosted = HttpFacilitator::new(facilitator.url(), HttpOptions::default())?;
        let own_key = LocalSigner::from_hex(&net.seller.key.to_string())?;
        let settler = Settler::connect(&net.rpc_url, own_key, SettlerOptions::default()).await?;

        let pay_to = net.seller.address;
        let x402 = X402::new(hosted).accept(ExactEvm::new(token.clone(), pay_to));
        let escrow = OnchainEscrow::connect(settler.clone(), net.escrow).await?;
        let charge = Charge::new(token.clone(), pay_to).settle_with(OnchainCharge::new(settler));
        // The books are in memory: they need not outlive the chain, which is in this process too.
        let session = Session::new(token.clone(), pay_to, escrow);
        let desk = session.desk();
        let mpp = Mpp::builder("quickstart.local", random_secret()?)
            .method(charge)
            .method(session)
            .build()?;

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = PaymentRouter::new()
            .add(MPP_PRIORITY, mpp)
            .add(X402_PRIORITY, x402);
        let gate = Gate::builder(router).origin(&*url).build()?;

        let runs = Arc::new(AtomicU64::new(0));
        let weather = {
            let runs = Arc::clone(&runs);
            move |Paid(paid): Paid| async move {
                runs.fetch_add(1, Ordering::Relaxed);
                format!("sunny, 21 degrees (paid by {})\n", paid.protocol())
            }
        };
        let by_the_word = Tariff::per("word", WORD).deposit(DEPOSIT);
        let story = async |meter: Meter| meter.sse(Story::default());
        let app = Router::new()
            .route("/free", get(async || "nothing to pay here\n"))
            .route("/weather", get(weather).layer(gate.priced(PRICE)?))
            .route("/story", get(story).layer(gate.priced(by_the_word)?));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            net,
            token,
            url,
            desk,
            facilitator,
            runs,
            server,
        })
    }

    /// How often the paid handler ran.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    pub(crate) fn weather(&self) -> String {
        format!("{}/weather", self.url)
    }

    pub(crate) fn story(&self) -> String {
        format!("{}/story", self.url)
    }

    pub(crate) fn introduce(&self, report: &mut Report) {
        let (id, token) = (self.net.chain.chain_id(), self.net.token.address);
        report.step(
            "chain",
            json!({"chainId": id, "rpc": self.net.rpc_url, "token": token}),
            &format!(
                "An EVM chain runs in this process: id {id}, JSON-RPC at {},\n    {} at {token}.",
                self.net.rpc_url, self.token.symbol
            ),
        );
        let facilitator = self.facilitator.url();
        report.step(
            "shop",
            json!({
                "url": self.url,
                "facilitator": facilitator,
                "price": PRICE.to_string(),
                "word": WORD.to_string(),
                "escrow": self.net.escrow,
            }),
            &format!(
                "A shop listens at {}: /weather costs ${PRICE}, /story ${WORD} a word.\n    \
                 x402 is settled by the facilitator at {facilitator}, MPP by the seller's own \
                 key;\n    deposits of sessions go to the escrow {}.",
                self.url, self.net.escrow,
            ),
        );
    }

    /// Prints how to try it from outside.
    pub(crate) fn invite(&self, report: &mut Report) {
        let (weather, story) = (self.weather(), self.story());
        let buyers: Vec<&Wallet> = self.net.buyers.iter().take(2).collect();
        let keys: Vec<_> = buyers
            .iter()
            .map(|wallet| json!({"address": wallet.address, "key": wallet.key}))
            .collect();
        let mut words = String::from("Open until Ctrl-C. Two buyers with test money:\n");
        for wallet in &buyers {
            words += &format!("      {}  key {}\n", wallet.address, wallet.key);
        }
        words += &format!("    See the 402:  curl -i {weather}\n");
        if let Some(wallet) = buyers.first() {
            words += &format!(
                "    Buy:          cargo run -q -p quickstart -- --buy {weather} --key {}\n",
                wallet.key
            );
        }
        words += &format!("    By the word:  curl -i {story}\n");
        if let Some(wallet) = buyers.last() {
            words += &format!(
                "    Stream it:    cargo run -q -p quickstart -- --stream {story} --key {}",
                wallet.key
            );
        }
        report.step(
            "serving",
            json!({"paid": weather, "metered": story, "buyers": keys}),
            &words,
        );
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A key for this run; challenges of an earlier run are not ours.
fn random_secret() -> Result<Secret, Failure> {
    Ok(Secret::new(payment_evm::random_word()?.to_vec()))
}
