//! Each row of the decision table in the vectors, on a channel that was brought into its state by
//! what a buyer, a seller and a chain do.

use alloy_primitives::B256;
use devnet::IPaymentChannelEscrow::{requestCloseCall, withdrawCall};
use mpp_evm::session::{ChannelId, Escrow as _};
use payment_core::{Clock as _, Money, SseEvent, usd};
use serde_json::{Value, json};

use crate::answer::{Answer, units};
use crate::kitchen::Mood;
use crate::purse::{high_s, spoilt};
use crate::shop::{Plan, Shop};
use crate::stage::GRACE;

/// A base unit each.
fn bytes(units: u64) -> SseEvent {
    SseEvent::from("a piece").units(units)
}

fn amount(json: &Value, member: &str) -> u128 {
    units(json, member)
}

/// The shop and channel of the table's state.
async fn prepared(state: &Value, case: &Value, price: &str) -> (Shop, B256) {
    let plan = Plan {
        least_delta: Some(usd!("0.01")),
        cheap: Money::from_decimal(price).unwrap(),
        ..Plan::default()
    };
    assert_eq!(state["minVoucherDelta"], "10000");
    let shop = Shop::planned(plan).await;
    let (settled, accepted) = (
        amount(state, "settledOnChain"),
        amount(state, "acceptedCumulative"),
    );
    let changed = &case["state_override"];
    let spent = match changed.get("spent") {
        Some(_) => amount(changed, "spent"),
        None => amount(state, "spent"),
    };
    let opening = shop.opening(1, amount(state, "deposit"));
    let id = shop.stage.id(&opening);
    let payload = shop.open_payload(&opening, settled);
    shop.pay("/byte", &payload).await.managed("open");
    use_up(&shop, id, settled, settled).await;
    let voucher = shop.signed_voucher(id, settled);
    shop.escrow
        .settle(ChannelId::new(id), &voucher)
        .await
        .unwrap();
    shop.advance(60);
    use_up(&shop, id, accepted, spent - settled).await;
    let payer = &shop.stage.payer;
    if changed.get("closeRequestedAt").is_some() || changed.get("finalized").is_some() {
        shop.stage.run(payer, &requestCloseCall { channelId: id });
    }
    if changed.get("finalized").is_some() {
        shop.advance(GRACE);
        shop.stage.run(payer, &withdrawCall { channelId: id });
    }
    shop.advance(60);
    let channel = shop.channel(id).await;
    assert_eq!(channel.deposit(), amount(state, "deposit"));
    assert_eq!(channel.settled(), settled);
    shop.counters(id, accepted, spent).await;
    (shop, id)
}

/// Streams so much under a voucher.
async fn use_up(shop: &Shop, id: B256, voucher: u128, cost: u128) {
    let half = u64::try_from(cost / 2).unwrap();
    shop.kitchen
        .mood(Mood::Stream(vec![bytes(half), bytes(half)]));
    let streamed = shop.pay("/byte", &shop.voucher(id, voucher)).await;
    assert_eq!(streamed.status, 200, "{}", streamed.problem());
    shop.kitchen.mood(Mood::Good);
}

/// The voucher of a row.
fn voucher_of(shop: &Shop, id: B256, case: &Value) -> Value {
    let text = case["voucher"].as_str().unwrap();
    let id = match vectors::text(case, "name") {
        "unknown_channel" => B256::repeat_byte(7),
        _ => id,
    };
    let number = text.parse().unwrap_or(260_000);
    let honest = shop.voucher(id, number);
    let payload = match case["signature"].as_str().unwrap_or("valid") {
        "valid" | "any" => honest,
        "invalid" => spoilt(&honest),
        "valid by another key" => shop.voucher_by(&shop.stage.stranger, id, number),
        "high-s" => high_s(&honest),
        other => panic!("what is {other}?"),
    };
    crate::purse::with(&payload, "cumulativeAmount", text)
}

/// What a refusing row says, or what we make of it where it leaves that open.
fn refusal(case: &Value) -> Option<(u16, String)> {
    let result = vectors::text(case, "result");
    if result.starts_with("200") {
        return None;
    }
    if let Some((status, kind)) = result.split_once(' ')
        && let (Ok(status), true) = (status.parse(), kind.starts_with("session/"))
    {
        return Some((status, kind.to_owned()));
    }
    let (status, kind) = match vectors::text(case, "name") {
        "above_uint128" | "plus_sign" | "leading_zero" => (402, "invalid-payload"),
        "close_pending" => (410, "session/channel-finalized"),
        other => panic!("what is the result of {other}?"),
    };
    Some((status, kind.to_owned()))
}

async fn voucher_row(state: &Value, case: &Value) {
    // As content, and as nothing but a voucher.
    for method in ["GET", "HEAD"] {
        let (shop, id) = prepared(state, case, "0.05").await;
        let (runs, before) = (shop.kitchen.runs(), shop.channel(id).await);
        let payload = voucher_of(&shop, id, case);
        let answer = shop.send_paid(method, "/cheap", &payload, &[]).await;
        if let Some((status, kind)) = refusal(case) {
            answer.refused(status, &kind);
            assert_eq!(shop.kitchen.runs(), runs);
            shop.counters(id, before.accepted(), before.spent()).await;
            assert_eq!(shop.channel(id).await.voucher(), before.voucher());
            continue;
        }
        let accepted = match case.get("acceptedCumulative") {
            Some(_) => amount(case, "acceptedCumulative"),
            None => amount(case, "voucher").max(amount(state, "acceptedCumulative")),
        };
        let (receipt, cost) = match method {
            "GET" => (answer.served(), 50_000),
            _ => (answer.noted(), 0),
        };
        assert_eq!(amount(&receipt, "acceptedCumulative"), accepted);
        assert_eq!(amount(&receipt, "spent"), before.spent() + cost);
        shop.counters(id, accepted, before.spent() + cost).await;
        assert_eq!(shop.kitchen.runs() - runs, usize::from(cost > 0));
    }
}

/// What a stream is told that needs so much for its next event, when all that is left is used up.
async fn need_of_the_exhausted(shop: &Shop, id: B256, cost: u64) -> Value {
    let left = shop.channel(id).await.available(shop.clock.now());
    let all = bytes(u64::try_from(left).unwrap());
    shop.kitchen.mood(Mood::Stream(vec![all, bytes(cost)]));
    let header = shop.header("/byte", &shop.voucher(id, 250_000)).await;
    let mut stream = shop.stream("/byte", &[header]).await;
    assert_eq!(stream.next().await.unwrap().data, "a piece");
    // It is asked for one unit first, before it is known what the event costs.
    assert_eq!(
        stream.next().await.unwrap().json()["requiredCumulative"],
        "260000"
    );
    shop.note("/byte", &shop.voucher(id, 260_000)).await.noted();
    stream.next().await.unwrap().json()
}

/// What a stream is told that needs so much for its next event.
async fn need(shop: &Shop, id: B256, cost: u64) -> Value {
    // Covered as far as its first unit, so that what it costs is known.
    shop.kitchen.mood(Mood::Stream(vec![bytes(cost)]));
    let header = shop.header("/byte", &shop.voucher(id, 250_000)).await;
    let mut stream = shop.stream("/byte", &[header]).await;
    let event = stream.next().await.unwrap();
    assert_eq!(event.name, "payment-need-voucher");
    event.json()
}

async fn above_deposit_row(state: &Value, case: &Value) {
    let cost = amount(case, "cost");
    let (shop, id) = prepared(state, case, &format!("0.{cost:06}")).await;
    let answer = shop.pay("/cheap", &shop.voucher(id, 250_000)).await;
    answer.refused(402, "session/insufficient-balance");
    shop.counters(id, 250_000, 250_000).await;
    let (shop, id) = prepared(state, &json!({}), "0.05").await;
    let need = need_of_the_exhausted(&shop, id, u64::try_from(cost).unwrap()).await;
    assert_eq!(need["requiredCumulative"], "550000");
    assert_eq!(need["deposit"], "500000");
    shop.counters(id, 260_000, 250_000).await;
}

async fn cost_row(state: &Value, case: &Value) {
    let cost = amount(case, "cost");
    let price = format!("0.{cost:06}");
    let (shop, id) = prepared(state, case, &price).await;
    let spent = shop.channel(id).await.spent();
    let answer = shop.pay("/cheap", &shop.voucher(id, 250_000)).await;
    let needed = match vectors::text(case, "name") {
        "charge_within_available" => {
            answer.served();
            shop.counters(id, 250_000, 250_000).await;
            return;
        }
        "charge_above_available" => 260_000,
        "need_voucher_larger_cost" => 280_000,
        other => panic!("what is {other}?"),
    };
    assert!(vectors::text(case, "result").contains(&needed.to_string()));
    answer.refused(402, "session/insufficient-balance");
    shop.counters(id, 250_000, spent).await;
    let need = need(&shop, id, u64::try_from(cost).unwrap()).await;
    assert_eq!(
        need,
        json!({
            "channelId": id.to_string(),
            "requiredCumulative": needed.to_string(),
            "acceptedCumulative": "250000",
            "deposit": "500000",
        })
    );
    shop.counters(id, 250_000, spent).await;
}

async fn close_row(state: &Value, case: &Value) {
    let (shop, id) = prepared(state, case, "0.05").await;
    let asked = amount(case, "close_cumulative");
    let runs = shop.kitchen.runs();
    let answer = shop.pay("/cheap", &shop.close(id, asked)).await;
    answer.managed("close");
    let paid = match vectors::text(case, "name") {
        "close_covers_spent" => 200_000,
        "close_below_spent" => 250_000,
        other => panic!("what is {other}?"),
    };
    shop.books(runs, paid, 0);
}

async fn top_up_row(state: &Value, case: &Value) {
    let (shop, id) = prepared(state, case, "0.05").await;
    let (said, signed) = (
        amount(case, "additionalDeposit"),
        amount(case, "authorization_value"),
    );
    let payload = shop.top_up(id, signed, 1);
    let payload = crate::purse::with(&payload, "additionalDeposit", said.to_string());
    let sent = shop.stage.net.chain.nonce(shop.stage.payee.address);
    let answer: Answer = shop.pay("/cheap", &payload).await;
    answer.refused(402, "verification-failed");
    assert_eq!(shop.stage.net.chain.nonce(shop.stage.payee.address), sent);
    assert_eq!(shop.channel(id).await.deposit(), 500_000);
}

#[tokio::test]
async fn every_row_of_the_table_is_decided_as_it_says() {
    let file = vectors::load("mpp_core.json");
    let table = &file["session_decisions"];
    let mut tally = vectors::Tally::new("session_decisions");
    for case in vectors::cases(&file, "/session_decisions/cases") {
        println!("{}", vectors::text(case, "name"));
        let state = &table["state"];
        if case.get("voucher").is_some() {
            voucher_row(state, case).await;
        } else if vectors::text(case, "name") == "need_voucher_above_deposit" {
            above_deposit_row(state, case).await;
        } else if case.get("cost").is_some() {
            cost_row(state, case).await;
        } else if case.get("close_cumulative").is_some() {
            close_row(state, case).await;
        } else {
            top_up_row(state, case).await;
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 23);
}
