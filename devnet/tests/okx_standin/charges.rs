//! MPP charges, sent for the buyer or shown by it.

use alloy_primitives::{Address, B256, U256, hex};
use devnet::okx::{Endpoint, Okx, Repeats};
use devnet::{ITollToken, Wallet};
use serde_json::{Value, json};

use crate::stage::{NOW, Stage, with, without};
use crate::support::sign;
use alloy_sol_types::SolCall;

const SETTLE: Endpoint = Endpoint::ChargeSettle;
const VERIFY: Endpoint = Endpoint::ChargeVerifyHash;

/// The usual charge: 70 to the payee, 30 to the other.
fn usual(stage: &Stage) -> Value {
    let legs = [(stage.payee.address, 70), (stage.other.address, 30)];
    stage.charge(&stage.charge_request(), &legs)
}

/// A charge of 100 units to the payee alone.
fn plain(stage: &Stage) -> Value {
    without(&stage.charge_request(), "/methodDetails/splits")
}

fn purses(stage: &Stage) -> [u64; 2] {
    [&stage.payee, &stage.other].map(|wallet| stage.balance(wallet.address))
}

#[tokio::test]
async fn every_leg_is_paid() {
    let stage = Stage::new().await;
    let reply = stage.post(SETTLE, &usual(&stage)).await;
    let data = reply.data();
    assert_eq!(data["method"], "evm");
    assert_eq!(data["status"], "success");
    assert_eq!(data["chainId"], json!(196));
    assert_eq!(data["timestamp"], "2026-03-30T10:00:00Z");
    assert_eq!(
        data["challengeId"],
        "My98gSjCSGj68kfWkpIroHeSiZNmmxEFQG0BoOzHVkw"
    );
    let hash: B256 = data["reference"].as_str().unwrap().parse().unwrap();
    assert!(stage.net.chain.receipt(hash).unwrap().status());
    assert_eq!(purses(&stage), [70, 30]);
}

#[tokio::test]
async fn the_published_charge_settles() {
    let stage = Stage::new().await;
    let file = vectors::load("okx_wire.json");
    let body = &file["mpp"]["chargeTransaction"]["credential"];
    stage.post(SETTLE, body).await.data();
    assert_eq!(purses(&stage), [70, 30]);
    let body = &file["mpp"]["chargeHash"]["credential"];
    assert_eq!(stage.post(VERIFY, body).await.code(), 70007);
}

#[tokio::test]
async fn no_leg_is_paid_where_one_would_fail() {
    let stage = Stage::new().await;
    let foreign = stage.transfer(stage.other.address, 30, 0x41);
    let foreign = hex::encode_prefixed(sign(&stage.net, &stage.other, &foreign));
    let pointer = "/payload/authorization/splits/0/signature";
    let body = with(&usual(&stage), pointer, json!(foreign));
    assert_eq!(stage.post(SETTLE, &body).await.code(), 70004);
    assert_eq!(purses(&stage), [0, 0]);
    // Each leg is affordable, both together are not.
    let held = U256::from(stage.balance(stage.payer.address) - 99);
    let stranger = Wallet::named("stranger").address;
    let moved = stage
        .net
        .chain
        .transfer(stage.token(), &stage.payer, stranger, held);
    assert!(moved.unwrap().status());
    assert_eq!(stage.post(SETTLE, &usual(&stage)).await.code(), 70003);
    assert_eq!(purses(&stage), [0, 0]);
}

#[tokio::test]
async fn a_credential_that_differs_from_its_challenge_is_refused() {
    let stage = Stage::new().await;
    let (payee, other) = (stage.payee.address, stage.other.address);
    let request = stage.charge_request();
    let two_splits =
        json!([{"amount": "30", "recipient": other}, {"amount": "1", "recipient": other}]);
    let cases = [
        stage.charge(&request, &[(payee, 100)]),
        stage.charge(&request, &[(payee, 70), (other, 29)]),
        stage.charge(&request, &[(payee, 71), (other, 30)]),
        stage.charge(&request, &[(other, 70), (other, 30)]),
        stage.charge(&request, &[(payee, 70), (payee, 30)]),
        stage.charge(&plain(&stage), &[(payee, 70), (other, 30)]),
        stage.charge(
            &with(&request, "/methodDetails/splits", two_splits),
            &[(payee, 70), (other, 30)],
        ),
        stage.charge(
            &with(&request, "/currency", json!(Address::repeat_byte(1))),
            &[(payee, 70), (other, 30)],
        ),
        stage.charge(
            &with(&request, "/methodDetails/feePayer", json!(false)),
            &[(payee, 70), (other, 30)],
        ),
        stage.charge(
            &without(&request, "/methodDetails/feePayer"),
            &[(payee, 70), (other, 30)],
        ),
        with(
            &usual(&stage),
            "/source",
            json!(format!("did:pkh:eip155:196:{other}")),
        ),
        with(
            &usual(&stage),
            "/source",
            json!(stage.did().replace("196", "1")),
        ),
    ];
    for body in cases {
        assert_eq!(stage.post(SETTLE, &body).await.code(), 70003, "{body}");
    }
    assert_eq!(purses(&stage), [0, 0]);
    let unnamed = without(&usual(&stage), "/source");
    stage.post(SETTLE, &unnamed).await.data();
}

#[tokio::test]
async fn legs_share_no_nonce() {
    let stage = Stage::new().await;
    let legs = [(stage.payee.address, 70), (stage.other.address, 30)];
    let mut body = stage.charge(&stage.charge_request(), &legs);
    let message = stage.transfer(stage.other.address, 30, 0x40);
    let split = &mut body["payload"]["authorization"]["splits"][0];
    split["nonce"] = json!(message.nonce);
    split["signature"] = hex::encode_prefixed(sign(&stage.net, &stage.payer, &message)).into();
    assert_eq!(stage.post(SETTLE, &body).await.code(), 70003);
    assert_eq!(purses(&stage), [0, 0]);
}

#[tokio::test]
async fn a_body_of_the_wrong_form_is_refused() {
    let stage = Stage::new().await;
    let body = usual(&stage);
    let leg = "/payload/authorization";
    let cases = [
        without(&body, "/challenge"),
        without(&body, "/challenge/id"),
        without(&body, "/challenge/realm"),
        without(&body, "/payload"),
        with(&body, "/challenge/description", json!(1)),
        with(&body, "/source", json!(1)),
        with(&body, "/payload/type", json!("hash")),
        with(&body, &format!("{leg}/type"), json!("permit2")),
        with(&body, &format!("{leg}/value"), json!(70)),
        with(&body, &format!("{leg}/validAfter"), json!("0x0")),
        with(&body, &format!("{leg}/splits"), json!({})),
        without(&body, &format!("{leg}/splits/0/signature")),
    ];
    for body in cases {
        let reply = stage.post(SETTLE, &body).await;
        assert_eq!((reply.status, reply.code()), (200, 70000), "{body}");
        assert_eq!(reply.body["data"], json!({}));
    }
}

#[tokio::test]
async fn a_challenge_must_be_live_and_for_a_charge() {
    let stage = Stage::new().await;
    let body = usual(&stage);
    for (member, value) in [
        ("method", "tempo"),
        ("intent", "session"),
        ("id", ""),
        ("realm", ""),
        ("request", "e30"),
        ("request", "not base64!"),
        ("expires", "2026-03-30T10:00:00Z"),
        ("expires", "soon"),
    ] {
        let body = with(&body, &format!("/challenge/{member}"), json!(value));
        assert_eq!(stage.post(SETTLE, &body).await.code(), 70009, "{member}");
    }
    let eternal = without(&body, "/challenge/expires");
    assert_eq!(stage.post(SETTLE, &eternal).await.code(), 70009);
}

#[tokio::test]
async fn chain_splits_and_payer_have_codes_of_their_own() {
    let stage = Stage::new().await;
    let request = stage.charge_request();
    let legs = [(stage.payee.address, 70), (stage.other.address, 30)];
    let split = |amount: &str| json!({"amount": amount, "recipient": stage.other.address});
    let eleven: Vec<Value> = (0..11).map(|_| split("1")).collect();
    for (member, value, code) in [
        ("chainId", json!(8453), 70001),
        ("splits", json!([split("100")]), 70005),
        ("splits", json!([split("99"), split("1")]), 70005),
        ("splits", json!(eleven), 70006),
        ("splits", json!([split("0")]), 70000),
    ] {
        let request = with(&request, &format!("/methodDetails/{member}"), value);
        let reply = stage.post(SETTLE, &stage.charge(&request, &legs)).await;
        assert_eq!(reply.code(), code, "{request}");
    }
    stage.okx.block(stage.payer.address);
    assert_eq!(stage.post(SETTLE, &usual(&stage)).await.code(), 70002);
}

#[tokio::test]
async fn an_authorization_out_of_its_time_is_refused() {
    let stage = Stage::new().await;
    let mut late = stage.transfer(stage.payee.address, 100, 1);
    late.validBefore = U256::from(NOW);
    let mut body = stage.charge(&plain(&stage), &[(stage.payee.address, 100)]);
    let leg = &mut body["payload"]["authorization"];
    leg["validBefore"] = late.validBefore.to_string().into();
    leg["signature"] = hex::encode_prefixed(sign(&stage.net, &stage.payer, &late)).into();
    assert_eq!(stage.post(SETTLE, &body).await.code(), 70003);
}

#[tokio::test]
async fn a_charge_is_paid_once_whatever_is_said_again() {
    let stage = Stage::new().await;
    let first = stage.post(SETTLE, &usual(&stage)).await;
    assert_eq!(stage.post(SETTLE, &usual(&stage)).await, first);
    assert_eq!(purses(&stage), [70, 30]);
    let strict = Stage::with(Okx::builder().repeats(Repeats::Refused)).await;
    strict.post(SETTLE, &usual(&strict)).await.data();
    assert_eq!(strict.post(SETTLE, &usual(&strict)).await.code(), 70003);
}

#[tokio::test]
async fn a_charge_that_waits_to_be_mined_is_not_confirmed_until_it_is() {
    let stage = Stage::new().await;
    stage.net.chain.pause_mining(true);
    assert_eq!(stage.post(SETTLE, &usual(&stage)).await.code(), 70007);
    stage.net.chain.pause_mining(false);
    stage.post(SETTLE, &usual(&stage)).await.data();
    assert_eq!(purses(&stage), [70, 30]);
}

/// The payer's own transaction for 100 units.
fn paid(stage: &Stage, to: Address, value: u64) -> B256 {
    let call = ITollToken::transferCall {
        to,
        value: U256::from(value),
    };
    let sent = stage
        .net
        .chain
        .send(&stage.payer, stage.token(), call.abi_encode());
    sent.unwrap().transaction_hash
}

fn shown(stage: &Stage, request: &Value, hash: B256) -> Value {
    json!({
        "challenge": stage.challenge("charge", request), "source": stage.did(),
        "payload": {"type": "hash", "hash": hash},
    })
}

#[tokio::test]
async fn a_mined_transfer_is_taken_once() {
    let stage = Stage::new().await;
    let request = plain(&stage);
    let hash = paid(&stage, stage.payee.address, 100);
    let body = shown(&stage, &request, hash);
    let first = stage.post(VERIFY, &body).await;
    assert_eq!(first.data()["reference"], json!(hash));
    assert_eq!(stage.post(VERIFY, &body).await, first);
    let other = with(&body, "/challenge/id", json!("another"));
    assert_eq!(stage.post(VERIFY, &other).await.code(), 70003);
}

#[tokio::test]
async fn a_transfer_that_pays_something_else_is_refused() {
    let stage = Stage::new().await;
    let (request, payee) = (plain(&stage), stage.payee.address);
    for (to, value) in [(payee, 99), (payee, 101), (stage.other.address, 100)] {
        let body = shown(&stage, &request, paid(&stage, to, value));
        assert_eq!(stage.post(VERIFY, &body).await.code(), 70003);
    }
    let hash = paid(&stage, payee, 70);
    let body = shown(&stage, &stage.charge_request(), hash);
    assert_eq!(stage.post(VERIFY, &body).await.code(), 70003);
    let hash = paid(&stage, payee, 100);
    let source = json!(format!("did:pkh:eip155:196:{}", stage.other.address));
    let body = with(&shown(&stage, &request, hash), "/source", source);
    assert_eq!(stage.post(VERIFY, &body).await.code(), 70003);
    let unknown = shown(&stage, &request, B256::repeat_byte(1));
    assert_eq!(stage.post(VERIFY, &unknown).await.code(), 70007);
    let settled = stage.charge(&request, &[(payee, 100)]);
    let reply = stage.post(SETTLE, &settled).await;
    let hash = reply.data()["reference"].as_str().unwrap().parse().unwrap();
    let body = shown(&stage, &request, hash);
    assert_eq!(stage.post(VERIFY, &body).await.code(), 70003);
}
