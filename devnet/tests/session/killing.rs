//! A seller whose process dies: at each point of each writing of its books, and while the chain
//! works (RULES.md, T63, T68, T82). The chain lives on here, and so does the buyer, who goes on
//! with whoever answers next.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::B256;
use axum::Router;
use axum::routing::{any, get};
use devnet::ESCROW;
use mpp_core::Mpp;
use mpp_evm::Session;
use mpp_evm::session::{Channel, ChannelId, Desk, Ledger, OnchainEscrow};
use payment_core::{Clock as _, Gate, ManualClock, Route, Secret, Timestamp, usd};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_store::{FileChannelStore, Point};
use payment_tower::GateExt as _;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::answer::{Answer, units};
use crate::kitchen::{Kitchen, MEAL, cook};
use crate::process::{Directory, Other, errand, say};
use crate::shop::{CENT, KEY, ORIGIN, REALM, Shop};

const RPC: &str = "TOLLGATE_SESSION_RPC";
const SELLER: &str = "TOLLGATE_SESSION_SELLER";
const TOKEN: &str = "TOLLGATE_SESSION_TOKEN";
const TIME: &str = "TOLLGATE_SESSION_TIME";
/// Not stopped at any point.
const NEVER: u64 = u64::MAX;

// The seller's process

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the tests below in a process of its own"]
async fn a_seller() {
    let Some((directory, number)) = errand() else {
        return;
    };
    let set = |name| std::env::var(name).unwrap();
    let now = Timestamp::from_seconds(set(TIME).parse().unwrap());
    let clock = Arc::new(ManualClock::at(now));
    let key = LocalSigner::from_hex(&set(SELLER)).unwrap();
    let seller = key.address();
    let options = SettlerOptions::default().poll_every(Duration::from_millis(5));
    let settler = Settler::connect(&set(RPC), key, options).await.unwrap();
    let token = Token::known(settler.chain_id(), set(TOKEN).parse().unwrap()).unwrap();
    let escrow = OnchainEscrow::connect(settler, ESCROW).await.unwrap();
    let escrow = escrow.clock(Arc::clone(&clock));
    let passed = AtomicU64::new(0);
    let store = FileChannelStore::open(directory).unwrap();
    let store = store.stopping(move |point: Point| {
        if passed.fetch_add(1, Ordering::Relaxed) == number {
            say(&format!("stop {point:?}"));
            // Until it is killed.
            loop {
                std::thread::park();
            }
        }
    });
    let session = Session::new(token.clone(), seller, escrow.clone())
        .store(store)
        .clock(Arc::clone(&clock));
    let ledger = Arc::clone(session.ledger());
    let desk = Desk::new(Arc::new(escrow), ledger, seller, token.address);
    let desk = Arc::new(desk.clock(Arc::clone(&clock)));
    let mpp = Mpp::builder(REALM, Secret::new(KEY)).method(session);
    let gate = Gate::builder(mpp.build().unwrap())
        .origin(ORIGIN)
        .clock(clock);
    let gate = gate.build().unwrap();
    let priced = gate.priced(Route::priced(usd!("0.01"))).unwrap();
    let settle = async move |axum::extract::Path(id): axum::extract::Path<String>| {
        let settled = desk.settle_channel(id.parse::<ChannelId>().unwrap()).await;
        settled
            .map(|_| "settled")
            .map_err(|_| http::StatusCode::SERVICE_UNAVAILABLE)
    };
    let app = Router::new()
        .route("/cheap", any(cook).layer(priced))
        .route("/settle/{id}", get(settle))
        .with_state(Arc::new(Kitchen::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    say(&format!("at {}", listener.local_addr().unwrap()));
    axum::serve(listener, app).await.unwrap();
}

// The chain, and the buyer

/// A seller's process, and what it says.
struct Seller {
    other: Other,
    url: String,
    stops: mpsc::UnboundedReceiver<String>,
}

impl Seller {
    async fn start(shop: &Shop, directory: &Path, number: u64) -> Self {
        let net = &shop.stage.net;
        let environment = [
            (RPC, net.rpc_url.clone()),
            (SELLER, net.seller.key.to_string()),
            (TOKEN, net.token.address.to_string()),
            (TIME, shop.clock.now().seconds().to_string()),
        ];
        let mut other = Other::start_in("killing::a_seller", directory, number, &environment);
        let (says, mut stops) = mpsc::unbounded_channel();
        let mut lines = other.lines();
        std::thread::spawn(move || {
            while let Some(line) = lines.says() {
                let _ = says.send(line);
            }
        });
        let address = stops.recv().await.unwrap();
        let url = format!("http://{}", address.strip_prefix("at ").unwrap());
        Self { other, url, stops }
    }

    /// The answer, or the point at which the process stands.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let answer = async {
            let response = request.send().await.unwrap();
            Answer {
                status: response.status(),
                headers: response.headers().clone(),
                body: response.bytes().await.unwrap(),
            }
        };
        tokio::select! {
            // The answer first: a process that answers and then stops has answered.
            biased;
            answer = answer => Ok(answer),
            stop = self.stops.recv() => Err(stop.unwrap()),
        }
    }
}

/// What the buyer does, in this order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Call,
    Note,
    TopUp,
    Settle,
    Close,
}

const LIFE: [Step; 8] = [
    Step::Open,
    Step::Call,
    Step::Note,
    Step::TopUp,
    Step::Call,
    Step::Settle,
    Step::Call,
    Step::Close,
];

/// What the buyer knows, from answers alone.
struct Buyer {
    id: B256,
    /// The highest voucher it has signed.
    signed: u128,
    accepted: u128,
    spent: u128,
    served: u128,
    /// Requests whose answer never came.
    lost: u128,
}

const DEPOSIT: u128 = 20 * CENT;

impl Buyer {
    fn of(shop: &Shop) -> Self {
        Self {
            id: shop.stage.id(&shop.opening(1, DEPOSIT)),
            signed: 0,
            accepted: 0,
            spent: 0,
            served: 0,
            lost: 0,
        }
    }

    /// Does a step as often as it takes; `Err` when the seller stands still meanwhile.
    async fn act(&mut self, shop: &Shop, seller: &mut Seller, step: Step) -> Result<(), String> {
        for _ in 0..4 {
            let answer = self.ask(shop, seller, step).await?;
            self.learn(&answer);
            match (step, answer.status.as_u16()) {
                (Step::Call, 200) => {
                    assert_eq!(answer.body, MEAL);
                    self.served += 1;
                    return Ok(());
                }
                (Step::Note, 204)
                | (Step::Open | Step::TopUp | Step::Settle | Step::Close, 200) => {
                    return Ok(());
                }
                // It was closed before the answer was lost.
                (Step::Close, 410) if shop.stage.channel(self.id).finalized => return Ok(()),
                // An answer that was lost has cost what was meant for this one.
                (Step::Call, 402) if answer.problem() == "session/insufficient-balance" => {
                    assert!(self.lost > 0);
                    self.signed += CENT;
                }
                (step, status) => panic!("{step:?}: {status} {answer:?}"),
            }
        }
        panic!("{step:?} does not come about");
    }

    async fn ask(
        &mut self,
        shop: &Shop,
        seller: &mut Seller,
        step: Step,
    ) -> Result<Answer, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let url = format!("{}/cheap", seller.url);
        let payload = match step {
            Step::Settle => {
                let url = format!("{}/settle/{}", seller.url, self.id);
                return seller.send(client.get(url)).await;
            }
            Step::Open => shop.open_payload(&shop.opening(1, DEPOSIT), 0),
            Step::Call | Step::Note => {
                self.signed = self.signed.max(self.spent + CENT);
                shop.voucher(self.id, self.signed)
            }
            Step::TopUp => shop.top_up(self.id, CENT, 1),
            Step::Close => shop.close(self.id, self.spent),
        };
        let unpaid = seller.send(client.get(&url)).await?;
        let (_, header) = crate::purse::header(&unpaid.challenge(), None, &payload);
        let paid = match step {
            Step::Note => client.head(&url),
            _ => client.get(&url),
        };
        seller.send(paid.header("authorization", header)).await
    }

    fn learn(&mut self, answer: &Answer) {
        if !answer.headers.contains_key("payment-receipt") {
            return;
        }
        let receipt: Value = answer.receipt();
        let (accepted, spent) = (
            units(&receipt, "acceptedCumulative"),
            units(&receipt, "spent"),
        );
        assert!(accepted >= self.accepted, "what was acknowledged is lost");
        assert!(spent >= self.spent, "what was charged is lost");
        (self.accepted, self.spent) = (accepted, spent);
    }

    /// In the end: what the seller keeps, what the buyer was told, and the chain.
    fn check(&self, shop: &Shop, kept: &Channel, topped_up: bool) {
        assert!(kept.finalized());
        assert!(kept.accepted() >= self.accepted && kept.spent() >= self.spent);
        // Nothing was served unpaid, and nothing but what got lost was paid unserved.
        let paid = kept.spent() / CENT;
        assert!(
            (self.served..=self.served + self.lost).contains(&paid),
            "{paid}"
        );
        assert!(kept.settled() >= kept.spent());
        assert_eq!(kept.deposit(), DEPOSIT + if topped_up { CENT } else { 0 });
        shop.books(0, kept.settled(), 0);
    }
}

async fn kept(directory: &Path, id: B256) -> Channel {
    let ledger = Ledger::new(FileChannelStore::open(directory).unwrap());
    ledger.load(ChannelId::new(id)).await.unwrap().unwrap()
}

/// The life until the seller stands at this point; another seller for the rest of it. Where it
/// stood, if it did.
async fn life_killed_at(number: u64) -> Option<String> {
    let shop = Shop::open().await;
    let directory = Directory::new();
    let mut buyer = Buyer::of(&shop);
    let mut seller = Seller::start(&shop, directory.path(), number).await;
    let mut stopped = None;
    for step in LIFE {
        let Err(point) = buyer.act(&shop, &mut seller, step).await else {
            continue;
        };
        assert!(stopped.is_none());
        seller.other.kill();
        stopped = Some(format!("{step:?} {point}"));
        buyer.lost += 1;
        // What was set aside, and a closing that was begun, are left alone so long.
        shop.advance(121);
        seller = Seller::start(&shop, directory.path(), NEVER).await;
        buyer.act(&shop, &mut seller, step).await.unwrap();
    }
    seller.other.kill();
    buyer.check(&shop, &kept(directory.path(), buyer.id).await, true);
    assert!(buyer.served == 3);
    stopped
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t82_a_seller_may_die_at_any_point_of_any_writing() {
    let mut stops = Vec::new();
    // Seven is prime to the five points of a writing: each comes up in all parts of the life.
    for number in (0..).step_by(7) {
        match life_killed_at(number).await {
            Some(stop) => stops.push(stop),
            None => break,
        }
    }
    println!("killed at {stops:?}");
    for point in ["Before", "Half", "Written", "Renamed", "Durable"] {
        assert!(
            stops.iter().any(|stop| stop.ends_with(point)),
            "never at {point}"
        );
    }
    for step in ["Open", "Call", "Close"] {
        assert!(
            stops.iter().any(|stop| stop.starts_with(step)),
            "never in {step}"
        );
    }
}

/// The transaction is sent and not mined when the seller dies; and mined before anybody looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t82_a_seller_may_die_while_the_chain_works() {
    for victim in [0, 3, 5, 7] {
        let shop = Shop::open().await;
        let directory = Directory::new();
        let mut buyer = Buyer::of(&shop);
        let mut seller = Seller::start(&shop, directory.path(), NEVER).await;
        let chain = Arc::clone(&shop.stage.net.chain);
        for (at, step) in LIFE.into_iter().enumerate() {
            if at == victim {
                chain.pause_mining(true);
                let sent = async {
                    while chain.waiting() == 0 {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    done = buyer.act(&shop, &mut seller, step) => panic!("{step:?}: {done:?}"),
                    () = sent => {}
                }
                seller.other.kill();
                buyer.lost += 1;
                chain.pause_mining(false);
                shop.advance(121);
                seller = Seller::start(&shop, directory.path(), NEVER).await;
            }
            buyer.act(&shop, &mut seller, step).await.unwrap();
        }
        seller.other.kill();
        buyer.check(&shop, &kept(directory.path(), buyer.id).await, true);
        assert_eq!(buyer.served, 3);
    }
}
