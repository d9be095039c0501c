//! What happens to requests by order.

use std::sync::Arc;

use alloy_primitives::Address;
use devnet::okx::{Act, Endpoint};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::stage::{PRICE, Stage, with};

const SETTLE: Endpoint = Endpoint::Settle;

fn sync(stage: &Stage) -> Value {
    with(&stage.exact(1), "/syncSettle", json!(true))
}

#[tokio::test]
async fn before_the_work_nothing_moves() {
    let stage = Stage::new().await;
    for act in [
        Act::Status(503),
        Act::Status(429),
        Act::CloseBefore,
        Act::Garbage(b"<html>".to_vec()),
        Act::refuse(50026, "system error"),
    ] {
        stage.okx.order(SETTLE, act.clone());
        let reply = stage.try_post(SETTLE, &sync(&stage)).await;
        if let Ok(reply) = reply {
            assert_ne!(reply.body["code"], json!(0), "{act:?}");
        }
        assert_eq!(stage.balance(stage.payee.address), 0, "{act:?}");
    }
    stage.post(SETTLE, &sync(&stage)).await.data();
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}

#[tokio::test]
async fn after_the_work_the_money_has_moved_whatever_is_said() {
    let text = "internal".to_owned();
    for act in [
        Act::StatusAfter(502),
        Act::CloseAfter,
        Act::RefuseAfter {
            status: 500,
            code: 50026,
            text,
        },
    ] {
        let stage = Stage::new().await;
        stage.okx.order(SETTLE, act.clone());
        if let Ok(reply) = stage.try_post(SETTLE, &sync(&stage)).await {
            assert_ne!(reply.status, 200, "{act:?}");
        }
        assert_eq!(stage.balance(stage.payee.address), PRICE, "{act:?}");
        assert_eq!(
            stage.post(SETTLE, &sync(&stage)).await.data()["status"],
            "success"
        );
        assert_eq!(stage.balance(stage.payee.address), PRICE, "{act:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_waits_before_or_after_the_work() {
    for (slow, moved) in [
        (Act::SlowBefore as fn(Arc<Notify>) -> Act, 0),
        (Act::SlowAfter, PRICE),
    ] {
        let stage = Stage::new().await;
        let go = Arc::new(Notify::new());
        stage.okx.order(SETTLE, slow(Arc::clone(&go)));
        let body = sync(&stage);
        let watch = async {
            stage.okx.arrived(SETTLE, 1).await;
            // The work follows the arrival without an await in between, or not at all.
            stage.post(Endpoint::Verify, &json!({})).await;
            assert_eq!(stage.balance(stage.payee.address), moved);
            go.notify_one();
        };
        let (reply, ()) = tokio::join!(stage.post(SETTLE, &body), watch);
        assert_eq!(reply.data()["status"], "success");
        assert_eq!(stage.balance(stage.payee.address), PRICE);
    }
}

#[tokio::test]
async fn an_answer_can_have_wrong_types_and_codes() {
    let stage = Stage::new().await;
    for (act, member, value) in [
        (Act::rewrap("code", "0"), "code", json!("0")),
        (Act::rewrap("code", "-1"), "code", json!("-1")),
        (Act::rewrap("data", json!([])), "data", json!([])),
        (Act::rewrap("data", Value::Null), "data", Value::Null),
        (
            Act::rewrap("error_code", "70003"),
            "error_code",
            json!("70003"),
        ),
        (Act::refuse(70014, "channel closing"), "code", json!(70014)),
        (Act::refuse(-1, "unknown"), "code", json!(-1)),
        (
            Act::refuse(70003, "<script>secret</script>"),
            "msg",
            json!("<script>secret</script>"),
        ),
    ] {
        stage.okx.order(Endpoint::Supported, act);
        let reply = stage.get(Endpoint::Supported, "").await;
        assert_eq!((reply.status, &reply.body[member]), (200, &value));
    }
    stage.get(Endpoint::Supported, "").await.data();
}

#[tokio::test]
async fn a_settlement_can_be_lied_about() {
    for (member, value) in [
        ("payer", json!(Address::ZERO)),
        ("amount", json!("1")),
        ("amount", json!(10_000)),
        ("network", json!("eip155:1")),
        ("status", json!("timeout")),
        ("transaction", json!("")),
    ] {
        let stage = Stage::new().await;
        stage.okx.order(SETTLE, Act::lie(member, value.clone()));
        let reply = stage.post(SETTLE, &sync(&stage)).await;
        assert_eq!(reply.data()[member], value);
        assert_eq!(stage.balance(stage.payee.address), PRICE);
    }
}

#[tokio::test]
async fn a_timeout_can_name_no_transaction() {
    let stage = Stage::new().await;
    stage.okx.order(SETTLE, Act::timeout_unnamed());
    let reply = stage.post(SETTLE, &sync(&stage)).await;
    assert_eq!(reply.data()["status"], "timeout");
    assert_eq!(reply.data()["transaction"], "");
    stage
        .okx
        .order(Endpoint::SessionOpen, Act::lie("channelId", "0x00"));
    let reply = stage.post(Endpoint::SessionOpen, &stage.opening(1)).await;
    assert_eq!(reply.data()["channelId"], "0x00");
}

#[tokio::test]
async fn orders_are_for_one_endpoint_and_for_those_who_are_let_in() {
    let stage = Stage::new().await;
    stage.okx.order(Endpoint::Verify, Act::Status(500));
    stage.get(Endpoint::Supported, "").await.data();
    let path = Endpoint::Verify.path();
    let stranger = stage
        .signed("POST", path, "{}")
        .replace("OK-ACCESS-SIGN", "x");
    assert_eq!(stranger.send_as_is().await.unwrap().status, 401);
    assert_eq!(stage.post(Endpoint::Verify, &json!({})).await.status, 500);
    stage.okx.order(Endpoint::Verify, Act::Status(500));
    stage.okx.heal();
    stage.post(Endpoint::Verify, &json!({})).await.data();
}

#[tokio::test]
async fn two_settlements_at_once_pay_once() {
    let stage = Stage::new().await;
    let body = sync(&stage);
    let (one, two) = tokio::join!(stage.post(SETTLE, &body), stage.post(SETTLE, &body));
    assert_eq!(one, two);
    assert_eq!(stage.balance(stage.payee.address), PRICE);
}
