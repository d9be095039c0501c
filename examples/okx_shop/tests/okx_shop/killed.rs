//! What becomes of a session when the process does not end well, and when it does.

use alloy_primitives::U256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::Repeats;
use payment_client::{Protocol, Session, SessionBudget};
use payment_core::usd;
use payment_evm::LocalSigner;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::CALL;
use crate::process::{Place, Shop, buyer, http, tells_nothing};

#[tokio::test]
async fn a_shop_that_is_killed_goes_on_with_the_channel_and_settles_it() {
    let place = Place::new("killed").await;
    let (net, seller) = (&place.net, place.net.seller.address);
    let shop = Shop::open(place.command()).await;
    let (url, mut session) = (shop.url.clone(), session(&place));
    for _ in 0..3 {
        talk(&mut session, &url).await;
    }
    assert_eq!(place.balance(seller), U256::ZERO);
    let mut said = shop.killed().await;

    let mut again = place.command();
    again
        .env("BIND", url.trim_start_matches("http://"))
        .env("SETTLE_AFTER", "0");
    let shop = Shop::open(again).await;
    assert_eq!(shop.url, url);
    // The keeper brings what the killed process has earned to the chain.
    place.balance_becomes(seller, 3 * CALL).await;

    // The channel is the same, though the key of the challenges is another.
    let channel = session.standing().unwrap().channel;
    talk(&mut session, &url).await;
    assert_eq!(session.standing().unwrap().channel, channel);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.dispute(), None);
    assert_eq!(closed.standing().spent, 4 * CALL);
    assert_eq!(place.balance(seller), U256::from(4 * CALL));
    assert_eq!(place.balance(net.escrow), U256::ZERO);
    let left = U256::from(1_000_000_000 - 4 * CALL);
    assert_eq!(place.balance(net.buyers[0].address), left);

    said += &shop.ended().await;
    tells_nothing(&said, &[&net.seller, &net.settler, &net.buyers[0]]);
}

#[tokio::test]
async fn a_shop_that_is_asked_to_end_leaves_the_channel_to_the_next() {
    let place = Place::new("ended").await;
    let shop = Shop::open(place.command()).await;
    let (url, mut session) = (shop.url.clone(), session(&place));
    talk(&mut session, &url).await;
    let mut said = shop.ended().await;

    let mut again = place.command();
    again.env("BIND", url.trim_start_matches("http://"));
    let shop = Shop::open(again).await;
    talk(&mut session, &url).await;
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.standing().spent, 2 * CALL);
    let seller = place.net.seller.address;
    assert_eq!(place.balance(seller), U256::from(2 * CALL));
    said += &shop.ended().await;
    tells_nothing(&said, &[&place.net.seller, &place.net.buyers[0]]);
}

/// A payment by `aggr_deferred` that was served: where, and the header that paid.
async fn promise(place: &Place, shop: &str) -> (String, HeaderName, HeaderValue) {
    let (url, http) = (format!("{shop}/weather"), http());
    let payer = place.okx.session_wallet(&place.net.buyers[1]).unwrap();
    let unpaid = http.get(&url).send().await.unwrap();
    let offered = STANDARD.decode(&unpaid.headers()["payment-required"]);
    let offered: Value = serde_json::from_slice(&offered.unwrap()).unwrap();
    let payment = payer.pay(&offered["accepts"][1]).to_string();
    let name = HeaderName::from_static("payment-signature");
    let value = HeaderValue::from_str(&STANDARD.encode(payment)).unwrap();
    let paid = http.get(&url).header(name.clone(), value.clone());
    assert_eq!(paid.send().await.unwrap().status(), 200);
    (url, name, value)
}

async fn talk(session: &mut Session<LocalSigner>, url: &str) {
    let reply = session.get(format!("{url}/chat")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
}

fn session(place: &Place) -> Session<LocalSigner> {
    let buyer = buyer(&place.net.buyers[0].key.to_string(), Protocol::Mpp);
    let session = buyer.session(SessionBudget::deposit(usd!("0.05")));
    session.escrow(196, place.net.escrow).start().unwrap()
}

#[tokio::test]
async fn what_was_paid_before_the_kill_pays_nothing_after_it() {
    let same = Place::with("same", Repeats::SameAnswer).await;
    pays_nothing_after_a_kill(&same).await;
    let refused = Place::with("refused-again", Repeats::Refused).await;
    pays_nothing_after_a_kill(&refused).await;
}

async fn pays_nothing_after_a_kill(place: &Place) {
    let key = place.net.buyers[0].key.to_string();
    let begin = |bind: String| {
        let mut command = place.command();
        command.env("BIND", bind);
        Shop::open(command)
    };
    let shop = begin("127.0.0.1:0".to_owned()).await;
    let url = shop.url.clone();
    let mut paid = Vec::new();
    for (route, protocol) in [("weather", Protocol::X402), ("report", Protocol::Mpp)] {
        let url = format!("{url}/{route}");
        let reply = buyer(&key, protocol).get(&url).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let (name, value) = reply.payment().unwrap().credential();
        paid.push((url, name.clone(), value.clone()));
    }
    let promise = promise(place, &url).await;
    paid.push(promise);
    shop.killed().await;
    let seller = place.net.seller.address;
    let before = place.balance(seller);
    let shop = begin(url.trim_start_matches("http://").to_owned()).await;
    let http = http();
    for (url, name, value) in paid {
        let again = http.get(&url).header(name, value).send().await.unwrap();
        // 402, or 503 where OKX says that a payment is under way.
        assert!(!again.status().is_success(), "{url}");
    }
    assert_eq!(place.balance(seller), before);
    shop.killed().await;
}
