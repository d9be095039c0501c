//! Several sellers with the same books: what was opened for one pays for nothing of another's
//! (RULES.md, T60, T66).

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use devnet::TokenSpec;
use mpp_core::Mpp;
use mpp_evm::Session;
use payment_core::{Gate, Route, Secret, usd};
use payment_evm::Token;
use payment_tower::GateExt as _;
use tower::ServiceExt as _;

use crate::answer::Answer;
use crate::kitchen::cook;
use crate::shop::{CENT, Header, KEY, ORIGIN, REALM, Shop, request};

/// A service that sells for another token, at the same path and with the same key and books.
fn other_service(shop: &Shop) -> Router {
    let net = &shop.stage.net;
    let spec = TokenSpec::new("Another Dollar", "1");
    let address = net.chain.add_token(spec).unwrap().address;
    let token = Token::custom(
        net.chain.chain_id(),
        address,
        "AD",
        6,
        "Another Dollar",
        "1",
    );
    let session = Session::new(token, shop.stage.payee.address, shop.escrow.clone())
        .store(Arc::clone(&shop.store))
        .clock(Arc::clone(&shop.clock));
    let mpp = Mpp::builder(REALM, Secret::new(KEY)).method(session);
    let gate = Gate::builder(mpp.build().unwrap()).origin(ORIGIN);
    let gate = gate.clock(Arc::clone(&shop.clock)).build().unwrap();
    let layer = gate.priced(Route::priced(usd!("0.01"))).unwrap();
    Router::new()
        .route("/cheap", any(cook).layer(layer))
        .with_state(Arc::clone(&shop.kitchen))
}

async fn send(app: &Router, headers: &[Header]) -> Answer {
    let request: http::Request<Body> = request("GET", "/cheap", headers);
    Answer::of(app.clone().oneshot(request).await.unwrap()).await
}

#[tokio::test]
async fn t60_a_channel_in_another_token_pays_for_nothing() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 3 * CENT).await;
    let other = other_service(&shop);
    let challenge = send(&other, &[]).await.challenge();
    for payload in [
        shop.voucher(id, 4 * CENT),
        shop.voucher(id, CENT),
        shop.close(id, 3 * CENT),
        shop.top_up_permit2(id, CENT, 1),
    ] {
        // On its own challenge, and on one of the first service's.
        let header = crate::purse::header(&challenge, None, &payload);
        let answer = send(&other, &[header]).await;
        if payload["action"] == "topUp" {
            answer.refused(402, "verification-failed");
        } else {
            answer.refused(410, "session/channel-not-found");
        }
        let header = shop.header("/cheap", &payload).await;
        send(&other, &[header])
            .await
            .refused(402, "invalid-challenge");
    }
    shop.counters(id, 3 * CENT, 0).await;
    shop.books(0, 0, 5 * CENT);
}
