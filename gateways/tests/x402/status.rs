//! What OKX says of a transaction that it has sent: a fault at `/settle/status` decides nothing.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use devnet::okx::{Act, Endpoint, Okx};
use gateways::okx::SettleMode;
use serde_json::{Value, json};

use crate::purse::By;
use crate::row::Start;
use crate::shop::{CENT, Header, Plan, Shop};
use crate::words::{
    AT_THE_DOOR, INSIDE, LOOSE_TALK, beside, data_as, garbage, odd_codes, refuse, refuse_after, say,
};

/// A payment whose settlement was sent and not said to be mined.
async fn under_way(shop: &Shop, path: &str) -> Header {
    let header = shop.payment(By::Exact, path).await;
    let late = json!({"status": "timeout"});
    shop.okx.order(Endpoint::Settle, beside(&late));
    let answer = shop.pay(path, &header).await;
    answer.pending();
    let said = answer.message("payment-response");
    assert!(
        said["transaction"]
            .as_str()
            .unwrap()
            .parse::<B256>()
            .is_ok()
    );
    header
}

fn say_of(status: &Value, hash: &Value) -> Act {
    say(&json!({
        "success": true, "status": status, "transaction": hash, "network": "eip155:196",
        "payer": null, "errorReason": null, "errorMessage": LOOSE_TALK,
    }))
}

fn faults() -> Vec<Act> {
    let stranger = "0x000000000000000000000000000000000000dEaD";
    let other = json!(B256::repeat_byte(7));
    let mut acts = vec![Act::CloseBefore, Act::CloseAfter];
    for status in [204, 302, 400, 401, 404, 429, 500, 503] {
        acts.extend([Act::Status(status), Act::StatusAfter(status)]);
    }
    for code in INSIDE.into_iter().chain(AT_THE_DOOR) {
        acts.extend([refuse(code), refuse_after(code)]);
    }
    acts.extend(garbage().into_iter().map(Act::Garbage));
    acts.extend(
        odd_codes()
            .into_iter()
            .map(|code| Act::rewrap("code", code)),
    );
    let odd = [
        json!({"success": "true"}),
        json!({"success": 1}),
        json!({"success": null}),
        json!({"success": false}),
        json!({"success": false, "errorReason": "not_found"}),
        json!({"success": false, "errorReason": "expired"}),
        json!({"success": false, "errorReason": "onchain_error", "status": "failed"}),
        json!({"success": false, "status": "success"}),
        json!({"status": "pending"}),
        json!({"status": "timeout"}),
        json!({"status": "SUCCESS"}),
        json!({"status": LOOSE_TALK}),
        json!({"status": ""}),
        json!({"status": null}),
        json!({"status": 1}),
        json!({"status": true}),
        json!({"transaction": other}),
        json!({"transaction": LOOSE_TALK}),
        json!({"transaction": 7}),
        json!({"transaction": other, "status": "failed"}),
        json!({"network": "eip155:8453"}),
        json!({"network": LOOSE_TALK}),
        json!({"network": null}),
        json!({"network": 196}),
        json!({"network": "eip155:8453", "status": "failed"}),
        json!({"payer": stranger}),
        json!({"payer": 7}),
        json!({"payer": stranger, "status": "failed"}),
        json!({"amount": "1"}),
        json!({"amount": "lots"}),
        json!({"amount": 10_000}),
    ];
    acts.extend(odd.iter().map(beside));
    acts.extend(["success", "status", "network"].map(Act::omit));
    let shapes: [fn(Value) -> Value; 4] = [
        |_| Value::Null,
        |_| json!([]),
        |data| json!([data, data]),
        |data| data.to_string().into(),
    ];
    acts.extend(shapes.map(data_as));
    acts.push(say_of(&"failed".into(), &other));
    acts.push(say_of(&"success".into(), &other));
    acts
}

#[tokio::test]
async fn a_status_that_cannot_be_relied_on_leaves_the_payment_open_until_one_can() {
    let shop = Shop::open().await;
    for path in ["/cheap", "/first"] {
        let start = Start::of(&shop, By::Exact);
        let header = under_way(&shop, path).await;
        let cooked = usize::from(path == "/cheap");
        for act in faults() {
            eprintln!("{path} {act:?}");
            let asked = shop.asked(Endpoint::SettleStatus);
            shop.okx.order(Endpoint::SettleStatus, act);
            shop.pay(path, &header).await.pending();
            assert_eq!(shop.asked(Endpoint::SettleStatus), asked + 1);
            start.check(&shop, By::Exact, cooked, CENT);
        }
        let receipt = shop.pay(path, &header).await.served();
        assert!(
            receipt["transaction"]
                .as_str()
                .unwrap()
                .parse::<B256>()
                .is_ok()
        );
        shop.pay(path, &header).await.spent();
        start.check(&shop, By::Exact, cooked + 1, CENT);
        assert_eq!(
            shop.asked(Endpoint::Settle),
            start.settled + 1,
            "it was sent once"
        );
    }
}

#[tokio::test]
async fn a_status_in_another_form_is_taken() {
    let shop = Shop::open().await;
    let acts = [
        Act::rewrap("code", "0"),
        data_as(|data| json!([data])),
        Act::omit("transaction"),
        Act::omit("payer"),
        beside(&json!({"payer": "", "amount": "10000", "errorReason": "expired"})),
    ];
    for act in acts {
        eprintln!("{act:?}");
        let start = Start::of(&shop, By::Exact);
        let header = under_way(&shop, "/cheap").await;
        shop.okx.order(Endpoint::SettleStatus, act);
        shop.pay("/cheap", &header).await.served();
        shop.pay("/cheap", &header).await.spent();
        start.check(&shop, By::Exact, 2, CENT);
    }
}

#[tokio::test]
async fn a_status_that_takes_too_long_leaves_the_payment_open() {
    let shop = Shop::open().await;
    let plan = Plan::default().options(|options| options.ask_timeout(Duration::from_millis(200)));
    let hasty = shop.another(&plan, &shop.guard).await;
    let until = Arc::new(tokio::sync::Notify::new());
    for act in [
        Act::SlowBefore(until.clone()),
        Act::SlowAfter(until.clone()),
    ] {
        let start = Start::of(&shop, By::Exact);
        let header = under_way(&shop, "/cheap").await;
        shop.okx.order(Endpoint::SettleStatus, act);
        let headers = std::slice::from_ref(&header);
        Shop::get_of(&hasty, "/cheap", headers).await.pending();
        until.notify_waiters();
        shop.pay("/cheap", &header).await.served();
        shop.pay("/cheap", &header).await.spent();
        start.check(&shop, By::Exact, 2, CENT);
    }
}

/// In either mode: told to wait, or told at once and to ask.
#[tokio::test]
async fn what_is_pending_for_a_while_is_waited_for_and_served_in_one_go() {
    let patient =
        |options: gateways::okx::OkxOptions| options.poll_for(Duration::from_secs(60)).attempts(4);
    let asynchronous = Plan {
        mode: SettleMode::Asynchronous,
        ..Plan::default().options(patient)
    };
    let synchronous = Plan::default().options(patient);
    for plan in [synchronous, asynchronous] {
        let mode = plan.mode;
        let shop = Shop::planned(plan, Okx::builder()).await;
        for polls in [0, 1, 3] {
            let start = Start::of(&shop, By::Exact);
            let asked = shop.asked(Endpoint::SettleStatus);
            let header = shop.payment(By::Exact, "/cheap").await;
            if mode == SettleMode::Synchronous {
                shop.okx
                    .order(Endpoint::Settle, beside(&json!({"status": "timeout"})));
            }
            shop.okx.keep_pending(polls);
            // Faults between are waited out as well.
            shop.okx
                .order(Endpoint::SettleStatus, Act::Garbage(b"{".to_vec()));
            shop.pay("/cheap", &header).await.served();
            shop.pay("/cheap", &header).await.spent();
            start.check(&shop, By::Exact, 1, CENT);
            assert_eq!(shop.asked(Endpoint::SettleStatus), asked + polls + 2);
            assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
            let sent = &shop.calls_of(Endpoint::Settle)[start.settled];
            assert_eq!(sent.body["syncSettle"], mode == SettleMode::Synchronous);
        }
    }
}
