//! The exchange of the vectors: its challenge is what we ask for, its credentials are taken word
//! for word, and our receipt has its members.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use devnet::{Devnet, ESCROW, TokenSpec, Wallet};
use http::Request;
use mpp_core::Mpp;
use mpp_evm::session::OnchainEscrow;
use mpp_evm::{CredentialType, Session};
use payment_core::{Clock as _, Gate, ManualClock, Secret, Tariff, Timestamp, usd};
use payment_evm::Token;
use payment_tower::GateExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::answer::{Answer, units};
use crate::kitchen::{Kitchen, Mood, cook};
use crate::shop::{KEY, ORIGIN, REALM, settler};

/// Five minutes before the authorization of the vectors ends.
const NOW: u64 = 1_743_523_200;

fn members(json: &Value) -> Vec<&str> {
    json.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn the_exchange_of_the_vectors_is_ours() {
    let file = vectors::load("mpp_core.json");
    let mut tally = vectors::Tally::new("evm.session_exchange");
    let exchange = &file["evm"]["session_exchange"];
    let asked = &exchange["request"];
    let of = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let (token, contract) = (
        of(&asked["currency"]),
        of(&asked["methodDetails"]["escrowContract"]),
    );
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
    let hand = Arc::clone(&clock);
    let net = Devnet::builder()
        .chain_id(196)
        .token(TokenSpec::new("USD Coin", "2").at(token))
        .clock(Arc::new(move || hand.now().seconds()))
        .start()
        .await
        .unwrap();
    let payer = Wallet::development(0).address;
    net.chain
        .mint(token, payer, "10000000".parse().unwrap())
        .unwrap();
    net.chain.place_code(contract, net.chain.code_at(ESCROW));
    let settler = settler(&net, Duration::from_secs(30)).await;
    let escrow = OnchainEscrow::connect(settler, contract).await.unwrap();
    let escrow = escrow.clock(Arc::clone(&clock));
    let session = Session::new(
        Token::known(196, token).unwrap(),
        of(&asked["recipient"]),
        escrow,
    )
    .clock(Arc::clone(&clock))
    .deposits([CredentialType::Authorization, CredentialType::Hash])
    .min_voucher_delta(usd!("0.01"));
    let mpp = Mpp::builder(REALM, Secret::new(KEY)).method(session);
    let gate = Gate::builder(mpp.build().unwrap())
        .origin(ORIGIN)
        .clock(clock);
    let tokens = Tariff::per("llm_token", usd!("0.0001"));
    let tokens = tokens.deposit(usd!("10")).up_to(2375);
    let layer = gate.build().unwrap().priced(tokens).unwrap();
    let kitchen = Arc::new(Kitchen::default());
    kitchen.mood(Mood::Report(vec![2375]));
    let app = Router::new()
        .route("/chat", any(cook).layer(layer))
        .with_state(kitchen);
    let send = async |header: Option<String>| {
        let mut request = Request::builder().uri("/chat");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let request = request.body(Body::empty()).unwrap();
        Answer::of(app.clone().oneshot(request).await.unwrap()).await
    };

    let challenge = send(None).await.challenge();
    let mut request = Value::Object(challenge.request.decode());
    // The vectors spell the token in a case of their own.
    let currency = request["currency"].as_str().unwrap();
    assert_eq!(currency.parse::<Address>().unwrap(), token);
    request["currency"] = asked["currency"].clone();
    assert_eq!(request, *asked);
    assert_eq!((&*challenge.method, &*challenge.realm), ("evm", REALM));
    tally.ran();
    let present = async |name: &str| {
        let payload = &exchange["credentials"][name]["payload"];
        let (_, header) = crate::purse::header(&challenge, None, payload);
        send(Some(header)).await
    };
    let receipt = present("open_authorization").await.managed("open");
    assert_eq!(receipt["channelId"], exchange["receipt"]["channelId"]);
    tally.ran();
    let receipt = present("voucher").await.served();
    assert_eq!(units(&receipt, "spent"), 237_500);
    for member in [
        "acceptedCumulative",
        "spent",
        "chainId",
        "channelId",
        "reference",
        "intent",
    ] {
        assert_eq!(receipt[member], exchange["receipt"][member], "{member}");
    }
    assert_eq!(members(&receipt), members(&exchange["receipt"]));
    tally.ran();
    let closed = present("close").await;
    closed.managed("close");
    assert_eq!(units(&closed.json(), "settled"), 250_000);
    let balance = |account| net.chain.balance_of(token, account).to::<u64>();
    assert_eq!((balance(payer), balance(contract)), (9_750_000, 0));
    tally.ran();
    tally.left_out(1, "the challenge's id: ours binds the route as well");
    assert_eq!(tally.count(), 4);
}
