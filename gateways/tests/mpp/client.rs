//! What a user buys with the client of this workspace, over a socket.

use devnet::okx::{Act, Endpoint};
use gateways::okx::{DEFAULT_ESCROW, X_LAYER};
use payment_client::{Buyer, SessionBudget, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;

use crate::shop::{CENT, Shop};

/// The shop at an address of its own, for as long as the test runs.
async fn at(shop: &Shop) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = shop.app.clone();
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn buyer(shop: &Shop) -> Buyer<LocalSigner> {
    let key = shop.net.buyers[0].key.to_string();
    Buyer::builder(LocalSigner::from_hex(&key).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.10")).total(usd!("1")))
        .network(Network::eip155(X_LAYER))
        .clock(std::sync::Arc::clone(&shop.clock))
        .client(|client| client.no_proxy())
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_pays_charges_that_okx_settles() {
    let shop = Shop::open().await;
    let url = at(&shop).await;
    let buyer = buyer(&shop);
    for (sold, path) in (1..).zip(["/cheap", "/first", "/twin"]) {
        let reply = buyer.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(reply.into_response().status(), 200);
        shop.holds(sold * CENT, 0, 0);
    }
    // An answer of OKX's that is lost is found by the client that comes again.
    shop.okx.order(Endpoint::ChargeSettle, Act::CloseAfter);
    let reply = buyer.get(format!("{url}/first")).send().await.unwrap();
    assert_eq!(reply.into_response().status(), 200);
    shop.holds(4 * CENT, 0, 0);
    assert_eq!(shop.kitchen.runs(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_keeps_a_session_that_okx_settles() {
    let shop = Shop::open().await;
    let url = at(&shop).await;
    let session = buyer(&shop).session(SessionBudget::deposit(usd!("0.05")).total(usd!("0.20")));
    let mut session = session.escrow(X_LAYER, DEFAULT_ESCROW).start().unwrap();
    // More calls than one deposit pays: it is topped up on the way.
    for calls in 1..=8 {
        let reply = session.get(format!("{url}/cheap")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.usage().unwrap().standing().spent, calls * CENT);
    }
    assert_eq!(shop.kitchen.runs(), 8);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.dispute(), None);
    assert_eq!(closed.standing().spent, 8 * CENT);
    shop.holds(8 * CENT, 0, 0);
}
