//! The honest flows, which every attack is measured against; and what our messages look like.

use serde_json::json;

use crate::answer::units;
use crate::kitchen::Mood;
use crate::shop::{CENT, MOST, Shop, TOKEN};

#[tokio::test]
async fn a_channel_is_opened_pays_is_topped_up_and_closed() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    shop.books(0, 0, 5 * CENT);
    for call in 1..=4 {
        let receipt = shop
            .pay("/cheap", &shop.voucher(id, call * CENT))
            .await
            .served();
        assert_eq!(units(&receipt, "spent"), call * CENT);
        assert_eq!(units(&receipt, "acceptedCumulative"), call * CENT);
        assert_eq!(receipt["channelId"], id.to_string());
        assert_eq!(receipt["chainId"], 84532);
        let last = shop.kitchen.last().unwrap();
        let payer = last.payer().unwrap().evm().unwrap();
        assert_eq!(payer, shop.stage.payer.address);
    }
    shop.pay("/cheap", &shop.top_up(id, CENT, 9))
        .await
        .managed("topUp");
    assert_eq!(shop.channel(id).await.deposit(), 6 * CENT);
    shop.pay("/twin", &shop.voucher(id, 6 * CENT))
        .await
        .served();
    shop.counters(id, 6 * CENT, 5 * CENT).await;
    let receipt = shop
        .pay("/cheap", &shop.close(id, 5 * CENT))
        .await
        .managed("close");
    assert!(receipt["txHash"].is_string());
    shop.books(5, 5 * CENT, 0);
}

#[tokio::test]
async fn one_route_takes_vouchers_charges_and_x402() {
    let shop = Shop::open().await;
    let answer = shop.get("/cheap", &[]).await;
    answer.refused(402, "payment-required");
    let intents: Vec<_> = answer.challenges().into_iter().map(|c| c.intent).collect();
    assert_eq!(intents, ["session", "charge"]);
    assert!(answer.headers.contains_key("payment-required"));
    let metered = shop.get("/metered", &[]).await;
    let intents: Vec<_> = metered.challenges().into_iter().map(|c| c.intent).collect();
    assert_eq!(intents, ["session"]);
    assert!(!metered.headers.contains_key("payment-required"));
}

#[tokio::test]
async fn metered_calls_cost_what_was_reported() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 100 * CENT, 100 * CENT).await;
    shop.kitchen.mood(Mood::Report(vec![2, 1]));
    let receipt = shop
        .pay("/metered", &shop.voucher(id, 100 * CENT))
        .await
        .served();
    assert_eq!(units(&receipt, "spent"), 3 * TOKEN);
    assert_eq!(receipt["units"], 3);
    shop.kitchen.mood(Mood::Good);
    let receipt = shop
        .pay("/metered", &shop.voucher(id, 100 * CENT))
        .await
        .served();
    assert_eq!(units(&receipt, "spent"), (3 + u128::from(MOST)) * TOKEN);
    shop.books(2, 0, 100 * CENT);
}

#[tokio::test]
async fn a_stream_is_paid_event_by_event() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 100 * CENT, 3 * TOKEN * 10).await;
    let events = ["a", "b", "c"].map(payment_core::SseEvent::from);
    shop.kitchen.mood(Mood::Stream(events.to_vec()));
    let header = shop.header("/stream", &shop.voucher(id, 30 * TOKEN)).await;
    let mut stream = shop.stream("/stream", &[header]).await;
    assert_eq!(stream.status, 200);
    for (at, data) in (1..).zip(["a", "b", "c"]) {
        assert_eq!(stream.next().await.unwrap().data, data);
        shop.counters(id, 30 * TOKEN, at * TOKEN).await;
    }
    let end = stream.next().await.unwrap();
    assert_eq!(end.name, "payment-receipt");
    assert_eq!(end.json()["spent"], json!((3 * TOKEN).to_string()));
    assert!(stream.next().await.is_none());
}
