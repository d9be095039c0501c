//! Without keys: everything is sold, on a chain of the shop's own.

use alloy_primitives::{Address, U256};
use devnet::Wallet;
use payment_client::{Buyer, Protocol, SessionBudget};
use payment_core::usd;
use payment_evm::LocalSigner;
use serde_json::{Value, json};

use crate::process::{Shop, bare, buyer, http, tells_nothing};
use crate::{CALL, PARTNERS, PRICE};

/// What the shop says of the place it runs in.
struct Place {
    rpc: String,
    token: String,
    seller: Address,
    partner: Address,
    key: String,
}

impl Place {
    fn of(shop: &Shop) -> Self {
        let after = |words: &str| {
            let found = shop.introduction.iter().find_map(|line| {
                let rest = line.strip_prefix(words)?;
                rest.split(' ').next()
            });
            found.unwrap_or_else(|| panic!("{words}")).to_owned()
        };
        Self {
            rpc: after("chain 196 at "),
            token: after("token "),
            seller: after("the shop is paid at ").parse().unwrap(),
            partner: after("its partner at ").parse().unwrap(),
            key: after("a buyer with test money: "),
        }
    }

    fn buyer(&self, protocol: Protocol) -> Buyer<LocalSigner> {
        buyer(&self.key, protocol)
    }

    /// What the chain says, asked as anybody would.
    async fn balance(&self, account: Address) -> U256 {
        let data = format!("0x70a08231{:0>64}", account.to_string()[2..].to_lowercase());
        let question = json!({
            "jsonrpc": "2.0", "id": 1, "method": "eth_call",
            "params": [{"to": self.token, "data": data}, "latest"],
        });
        let asked = http().post(&self.rpc).body(question.to_string());
        let asked = asked.header("content-type", "application/json");
        let answer = asked.send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["result"].as_str().unwrap().parse().unwrap()
    }

    async fn has(&self, account: Address, units: u128) {
        assert_eq!(self.balance(account).await, U256::from(units));
    }
}

#[tokio::test]
async fn every_route_is_paid_as_it_says_and_the_chain_agrees() {
    let shop = Shop::open(bare()).await;
    let (url, place) = (shop.url.clone(), Place::of(&shop));

    let x402 = place.buyer(Protocol::X402);
    let free = x402.get(format!("{url}/free")).send().await.unwrap();
    assert!(free.status() == 200 && free.payment().is_none());
    assert_eq!(bought(&x402, &url, "/weather").await, Protocol::X402);
    place.has(place.seller, PRICE).await;

    let mpp = place.buyer(Protocol::Mpp);
    assert_eq!(bought(&mpp, &url, "/report").await, Protocol::Mpp);
    place.has(place.seller, 2 * PRICE - PARTNERS).await;
    place.has(place.partner, PARTNERS).await;

    for (buyer, protocol) in [(&x402, Protocol::X402), (&mpp, Protocol::Mpp)] {
        assert_eq!(bought(buyer, &url, "/news").await, protocol);
    }
    place.has(place.seller, 4 * PRICE - PARTNERS).await;

    let session = mpp.session(SessionBudget::deposit(usd!("0.05")));
    let mut session = session.start().unwrap();
    for call in 1..=4 {
        let reply = session.get(format!("{url}/chat")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.usage().unwrap().standing().spent, call * CALL);
    }
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!((closed.dispute(), closed.spent()), (None, usd!("0.004")));

    place
        .has(place.seller, 4 * PRICE - PARTNERS + 4 * CALL)
        .await;
    place.has(place.partner, PARTNERS).await;
    let spent = 4 * PRICE + 4 * CALL;
    place.has(mpp.address(), 1_000_000_000 - spent).await;

    let said = shop.ended().await;
    let [minter, seller, settler] = [0, 1, 2].map(Wallet::development);
    tells_nothing(&said, &[&minter, &seller, &settler]);
    assert!(said.contains(&place.key));
}

#[tokio::test]
async fn the_tour_adds_up() {
    let mut tour = bare();
    let output = tour.arg("--tour").output().await.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.ends_with("\nEverything adds up.\n"), "{said}");
    let rows = ["-0.043", "-0.01", "+0.05", "+0.003", "   0"];
    assert!(
        rows.iter().all(|row| said.contains(&format!("{row}\n"))),
        "{said}"
    );
    let wallets = [0, 1, 2, 3, 4].map(Wallet::development);
    tells_nothing(&said, &wallets.each_ref());
}

/// The protocol by which a purchase was paid.
async fn bought(buyer: &Buyer<LocalSigner>, url: &str, route: &str) -> Protocol {
    let reply = buyer.get(format!("{url}{route}")).send().await.unwrap();
    assert_eq!(reply.status(), 200, "{route}");
    let payment = reply.payment().unwrap();
    assert!(payment.proof().receipt().is_some(), "{route}");
    payment.protocol()
}
