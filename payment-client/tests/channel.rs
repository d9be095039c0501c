//! The buyer's channel against our own seller: gate and sessions on axum, books in files, an escrow
//! on a chain. Both sides stop and start again, and in the end all numbers agree.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use alloy_primitives::{Address, U256};
use axum::Router;
use axum::routing::{get, post};
use devnet::{Devnet, Fault, Wallet, ears};
use futures_core::Stream;
use mpp_core::Mpp;
use mpp_evm::Session as Sessions;
use mpp_evm::session::{ChannelId, Desk, Escrow as _, OnchainEscrow};
use payment_client::{
    Buyer, ChannelFile, Patience, Session, SessionBudget, SessionError, SpendLimit, StreamFault,
};
use payment_core::{Gate, Network, Secret, SseEvent, Tariff, usd};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token, random_word};
use payment_store::FileChannelStore;
use payment_tower::GateExt;
use payment_tower::axum::Meter;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const CHAIN: u64 = 84_532;
/// What `/weather` costs, in base units.
const CENT: u128 = 10_000;
/// What a word costs, in base units.
const WORD: u128 = 1_000;

/// A chain, what the seller keeps on disk, and the words that its streams say.
struct Town {
    net: Devnet,
    room: PathBuf,
    words: Words,
    address: Mutex<Option<SocketAddr>>,
}

/// Where the words of the latest stream are put.
#[derive(Clone, Default)]
struct Words(Arc<Mutex<Option<mpsc::UnboundedSender<String>>>>);

/// One life of the seller: its runtime, and all that runs on it.
struct Seller {
    runtime: Runtime,
    url: String,
    desk: Desk<OnchainEscrow, FileChannelStore>,
}

impl Town {
    async fn found() -> Self {
        let room = std::env::temp_dir().join(format!("tollgate-{}", random_word().unwrap()));
        std::fs::create_dir(&room).unwrap();
        // The first of these tests listens for all of them.
        let _ = ears::listen();
        Self {
            net: Devnet::start().await.unwrap(),
            room,
            words: Words::default(),
            address: Mutex::default(),
        }
    }

    /// Opens the shop, at the same address as before, with the books that are there and a new
    /// secret: challenges of an earlier life are nobody's.
    async fn open(&self) -> Seller {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let options = SettlerOptions::default().poll_every(Duration::from_millis(20));
        let settler = Settler::connect(&self.net.rpc_url, signer(&self.net.seller), options);
        let settler = settler.await.unwrap();
        let escrow = OnchainEscrow::connect(settler, self.net.escrow);
        let token = Token::known(CHAIN, self.net.token.address).unwrap();
        let store = FileChannelStore::open(self.room.join("books")).unwrap();
        let sessions = Sessions::new(token, self.net.seller.address, escrow.await.unwrap());
        let sessions = sessions.store(store);
        let desk = sessions.desk();
        let mpp = Mpp::builder("shop.example", Secret::new(random_word().unwrap().to_vec()));
        let mpp = mpp.method(sessions).build().unwrap();
        let gate = Gate::builder(mpp).origin("https://shop.example");
        let gate = gate.build().unwrap();
        let word = || {
            let tariff = Tariff::per("word", usd!("0.001")).deposit(usd!("0.01"));
            gate.priced(tariff).unwrap()
        };
        let story = {
            let words = self.words.clone();
            async move |meter: Meter| meter.sse(words.listen())
        };
        let chat = {
            let words = self.words.clone();
            async move |meter: Meter, asked: String| {
                let stream = words.listen();
                words.say(&asked);
                meter.sse(stream)
            }
        };
        let weather = get(async || "sunny").layer(gate.priced(usd!("0.01")).unwrap());
        let app = Router::new()
            .route("/weather", weather)
            .route("/story", get(story).layer(word()))
            .route("/chat", post(chat).layer(word()));
        let address = *self.address.lock().unwrap();
        let address = address.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap());
        let served = runtime.spawn(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind(address).unwrap();
            let listener = socket.listen(64).unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, app).await });
            address
        });
        let address = served.await.unwrap();
        *self.address.lock().unwrap() = Some(address);
        let url = format!("http://{address}");
        Seller { runtime, url, desk }
    }

    fn buyer(&self) -> Buyer<LocalSigner> {
        Buyer::builder(signer(&self.net.buyers[0]))
            .spend_limit(SpendLimit::per_payment(usd!("0.02")).total(usd!("1")))
            .network(Network::eip155(CHAIN))
            .patience(Patience::default().tries(2))
            .client(reqwest::ClientBuilder::no_proxy)
            .build()
            .unwrap()
    }

    /// One life of the buyer.
    fn session(&self) -> Session<LocalSigner> {
        let budget = SessionBudget::deposit(usd!("0.03")).total(usd!("0.20"));
        let file = ChannelFile::new(self.room.join("channel.json"));
        let session = self.buyer().session(budget).keep_in(file);
        session.escrow(CHAIN, self.net.escrow).start().unwrap()
    }

    fn balance(&self, account: Address) -> u128 {
        let balance = self.net.chain.balance_of(self.net.token.address, account);
        balance.try_into().unwrap()
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.room);
        if std::thread::panicking() {
            // Why the seller has answered so.
            let heard = ears::heard();
            let said = heard
                .lines()
                .skip_while(|line| !line.contains("could not be processed"));
            eprintln!("{}", said.take(100).collect::<Vec<_>>().join("\n"));
        }
    }
}

impl Seller {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Ends at once, whatever runs; connections break off.
    fn kill(self) {
        self.runtime.shutdown_background();
    }

    async fn spent(&self, id: ChannelId) -> u128 {
        self.desk.load(id).await.unwrap().spent()
    }

    /// What the chain holds: deposited, settled, closed.
    async fn on_chain(&self, id: ChannelId) -> (u128, u128, bool) {
        let chain = self.desk.escrow().state(id).await.unwrap().unwrap();
        (chain.deposit, chain.settled, chain.finalized)
    }
}

impl Words {
    fn listen(&self) -> Heard {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.0.lock().unwrap() = Some(sender);
        Heard(receiver)
    }

    fn say(&self, words: &str) {
        for word in words.split(' ') {
            let sender = self.0.lock().unwrap();
            sender.as_ref().unwrap().send(word.to_owned()).unwrap();
        }
    }

    fn end(&self) {
        *self.0.lock().unwrap() = None;
    }
}

struct Heard(mpsc::UnboundedReceiver<String>);

impl Stream for Heard {
    type Item = SseEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<SseEvent>> {
        self.0.poll_recv(context).map(|word| Some(word?.into()))
    }
}

fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_hex(&wallet.key.to_string()).unwrap()
}

async fn weather(session: &mut Session<LocalSigner>, seller: &Seller) -> u128 {
    let reply = session.get(seller.url("/weather")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let usage = reply.usage().unwrap();
    assert_eq!(usage.dispute(), None);
    let spent = usage.standing().spent;
    assert_eq!(reply.into_response().text().await.unwrap(), "sunny");
    spent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_outlives_its_buyer_and_its_seller_and_all_agree_in_the_end() {
    let town = Town::found().await;
    let payer = town.net.buyers[0].address;
    let (had, earned) = (town.balance(payer), town.balance(town.net.seller.address));
    let seller = town.open().await;
    let mut session = town.session();
    assert_eq!(weather(&mut session, &seller).await, CENT);
    assert_eq!(weather(&mut session, &seller).await, 2 * CENT);
    let channel = session.standing().unwrap().channel;

    // Read with pauses, and beyond what was deposited.
    let call = session.get(seller.url("/story")).ahead(4);
    let mut stream = call.stream().await.unwrap();
    let deposited = stream.usage().standing().deposit;
    for _ in 0..10 {
        town.words.say("one two three");
        for word in ["one", "two", "three"] {
            assert_eq!(stream.next().await.unwrap().unwrap().data, word);
        }
        // Nothing is asked for and nothing comes.
        let pause = Duration::from_millis(20);
        assert!(tokio::time::timeout(pause, stream.next()).await.is_err());
    }
    town.words.end();
    assert!(stream.next().await.unwrap().is_none());
    let usage = stream.usage();
    assert_eq!((stream.units(), usage.dispute()), (30, None));
    let spent = usage.standing().spent;
    assert_eq!(spent, 2 * CENT + 30 * WORD);
    let topped_up = usage.standing().deposit;
    assert!(topped_up > deposited);
    assert_eq!(seller.on_chain(channel).await, (topped_up, 0, false));

    // The buyer starts again, and then the seller.
    drop(stream);
    drop(session);
    let mut session = town.session();
    assert_eq!(session.standing().unwrap().spent, spent);
    assert_eq!(weather(&mut session, &seller).await, spent + CENT);
    seller.kill();
    let seller = town.open().await;
    assert_eq!(weather(&mut session, &seller).await, spent + 2 * CENT);
    assert_eq!(session.standing().unwrap().channel, channel);

    // The seller dies within a stream: what was delivered is paid, and a unit more at most.
    let before = seller.spent(channel).await;
    let call = session.get(seller.url("/story")).ahead(4);
    let mut stream = call.stream().await.unwrap();
    town.words.say("half a");
    for word in ["half", "a"] {
        assert_eq!(stream.next().await.unwrap().unwrap().data, word);
    }
    seller.kill();
    let error = stream.next().await.unwrap_err();
    let broken = matches!(error, SessionError::Stream(StreamFault::Broken(_)));
    assert!(broken, "{error:?}");
    drop(stream);
    let seller = town.open().await;
    let after = weather(&mut session, &seller).await;
    assert_eq!(after, before + 2 * WORD + CENT);

    // The seller can't reach the chain: no deposit is made twice for it.
    let mut failed = 0;
    town.net.rpc.fail_next(usize::MAX, Fault::Http500);
    let error = loop {
        match session.get(seller.url("/weather")).send().await {
            Ok(reply) => assert_eq!(reply.status(), 200),
            Err(error) => break error,
        }
        failed += 1;
        assert!(failed < 20, "a deposit is needed at some time");
    };
    let unknown = matches!(error, SessionError::DepositUnknown { .. })
        || matches!(error, SessionError::NotSent(_))
        || matches!(error, SessionError::Refused { .. });
    assert!(unknown, "{error:?}");
    drop(session);
    let mut session = town.session();
    let before = session.standing().unwrap();
    town.net.rpc.heal();
    let after = weather(&mut session, &seller).await;
    assert_eq!(after, before.spent + CENT);
    let standing = session.standing().unwrap();
    let (deposit, _, _) = seller.on_chain(channel).await;
    assert_eq!(standing.deposit, deposit);

    // All agree in the end.
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.dispute(), None);
    assert_eq!(closed.standing().spent, after);
    assert_eq!(closed.receipt().unwrap().spent, after);
    assert_eq!(seller.on_chain(channel).await, (deposit, after, true));
    assert_eq!(seller.spent(channel).await, after);
    assert_eq!(town.balance(payer), had - after);
    assert_eq!(town.balance(town.net.seller.address), earned + after);
    assert_eq!(town.balance(town.net.escrow), 0);
    let back = closed.refunded().to_units(6).unwrap().get();
    assert_eq!(back, U256::from(deposit - after));
    seller.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_answers_a_post_is_paid_and_topped_up_on_the_way() {
    let town = Town::found().await;
    let seller = town.open().await;
    let mut session = town.session();
    let asked = vec!["word"; 35].join(" ");
    let call = session.post(seller.url("/chat")).body(asked).ahead(3);
    let mut stream = call.stream().await.unwrap();
    for _ in 0..35 {
        let word = stream.next().await.unwrap().unwrap();
        assert_eq!(word.data, "word");
    }
    town.words.end();
    assert!(stream.next().await.unwrap().is_none());
    assert_eq!(stream.usage().dispute(), None);
    drop(stream);
    let channel = session.standing().unwrap().channel;
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.standing().spent, 35 * WORD);
    let (_, settled, finalized) = seller.on_chain(channel).await;
    assert_eq!((settled, finalized), (35 * WORD, true));
    seller.kill();
}
