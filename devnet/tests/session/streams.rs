//! Responses that are paid while they run (RULES.md, T69), and by what was used (T64, T71).

use alloy_primitives::B256;
use devnet::IPaymentChannelEscrow::requestCloseCall;
use payment_core::SseEvent;

use crate::answer::{Streaming, units};
use crate::kitchen::Mood;
use crate::purse::{spoilt, with};
use crate::shop::{CENT, MOST, Shop, TOKEN, settle_down};
use crate::store::When;

const NEED: &str = "payment-need-voucher";
const RECEIPT: &str = "payment-receipt";

/// A channel that covers so many units; a stream takes at least what is set aside for one answer.
async fn shop_with(tokens: u128) -> (Shop, B256) {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 100 * CENT, tokens * TOKEN).await;
    (shop, id)
}

fn pieces(count: usize) -> Vec<SseEvent> {
    (0..count)
        .map(|at| SseEvent::from(format!("piece {at}")))
        .collect()
}

async fn stream(shop: &Shop, id: B256, voucher: u128, mood: Mood) -> Streaming {
    shop.kitchen.mood(mood);
    let header = shop
        .header("/stream", &shop.voucher(id, voucher * TOKEN))
        .await;
    let stream = shop.stream("/stream", &[header]).await;
    assert_eq!(stream.status, 200);
    let receipt = crate::answer::receipt_of(stream.headers["payment-receipt"].to_str().unwrap());
    assert_eq!(receipt["channelId"], id.to_string());
    stream
}

async fn read(stream: &mut Streaming, count: usize) {
    for _ in 0..count {
        let event = stream.next().await.unwrap();
        assert!(
            event.name == "message" && event.data.starts_with("piece"),
            "{event:?}"
        );
    }
}

/// The receipt that a stream ends with: what was spent by then.
async fn ended(stream: &mut Streaming) -> u128 {
    let event = stream.next().await.unwrap();
    assert_eq!(event.name, RECEIPT, "{event:?}");
    assert!(stream.next().await.is_none());
    units(&event.json(), "spent") / TOKEN
}

#[tokio::test]
async fn t69_an_exhausted_stream_asks_once_waits_and_goes_on() {
    let (shop, id) = shop_with(12).await;
    let mut sse = stream(&shop, id, 12, Mood::Stream(pieces(15))).await;
    read(&mut sse, 12).await;
    let need = sse.next().await.unwrap();
    assert_eq!(need.name, NEED);
    assert_eq!(units(&need.json(), "requiredCumulative"), 13 * TOKEN);
    assert_eq!(units(&need.json(), "acceptedCumulative"), 12 * TOKEN);
    assert_eq!(shop.kitchen.asked(), 12, "nothing is made unpaid");
    // Whoever can't sign can't make it go on.
    let better = shop.voucher(id, 20 * TOKEN);
    shop.note("/stream", &spoilt(&better))
        .await
        .refused(402, "session/invalid-signature");
    let stranger = shop.voucher_by(&shop.stage.stranger, id, 20 * TOKEN);
    shop.note("/stream", &stranger)
        .await
        .refused(402, "session/signer-mismatch");
    shop.note("/stream", &shop.voucher(id, 12 * TOKEN))
        .await
        .noted();
    shop.counters(id, 12 * TOKEN, 12 * TOKEN).await;
    shop.note("/stream", &shop.voucher(id, 14 * TOKEN))
        .await
        .noted();
    read(&mut sse, 2).await;
    let need = sse.next().await.unwrap();
    assert_eq!(
        (&*need.name, units(&need.json(), "requiredCumulative")),
        (NEED, 15 * TOKEN)
    );
    // The other kind of request that brings nothing but a voucher.
    let post = shop.send_paid("POST", "/cheap", &better, &[]).await;
    post.noted();
    read(&mut sse, 1).await;
    assert_eq!(ended(&mut sse).await, 15);
    shop.counters(id, 20 * TOKEN, 15 * TOKEN).await;
    shop.books(1, 0, 100 * CENT);
}

#[tokio::test]
async fn t69_a_stream_that_nobody_pays_for_ends_after_a_minute() {
    let (shop, id) = shop_with(10).await;
    let mut sse = stream(&shop, id, 10, Mood::Stream(pieces(12))).await;
    read(&mut sse, 10).await;
    assert_eq!(sse.next().await.unwrap().name, NEED);
    tokio::time::pause();
    let asked_at = tokio::time::Instant::now();
    assert_eq!(ended(&mut sse).await, 10);
    assert_eq!(asked_at.elapsed().as_secs(), 60);
    tokio::time::resume();
    assert_eq!(shop.kitchen.asked(), 10);
    shop.counters(id, 10 * TOKEN, 10 * TOKEN).await;
}

#[tokio::test]
async fn t69_who_hangs_up_pays_for_what_was_delivered_and_one_unit_more_at_most() {
    for delivered in [0, 1, 5] {
        let (shop, id) = shop_with(50).await;
        let mut sse = stream(&shop, id, 50, Mood::Endless(pieces(40))).await;
        read(&mut sse, delivered).await;
        drop(sse);
        settle_down().await;
        let channel = shop.channel(id).await;
        let spent = usize::try_from(channel.spent() / TOKEN).unwrap();
        assert!(
            (delivered..=delivered + 1).contains(&spent),
            "{spent} of {delivered}"
        );
        assert!(channel.holds().is_empty());
        // The rest is there for others.
        shop.kitchen.mood(Mood::Good);
        shop.pay("/metered", &shop.voucher(id, 50 * TOKEN))
            .await
            .served();
    }
}

#[tokio::test]
async fn t69_a_later_stream_ends_the_earlier() {
    let (shop, id) = shop_with(60).await;
    let mut first = stream(&shop, id, 60, Mood::Endless(pieces(40))).await;
    read(&mut first, 3).await;
    let mut second = stream(&shop, id, 60, Mood::Stream(pieces(5))).await;
    read(&mut second, 2).await;
    let mut more = 0;
    // What was charged before the second began is still delivered.
    loop {
        let event = first.next().await.unwrap();
        match &*event.name {
            RECEIPT => break,
            _ => more += 1,
        }
    }
    assert!(more <= 1);
    assert!(first.next().await.is_none());
    read(&mut second, 3).await;
    assert_eq!(ended(&mut second).await, 8 + more);
}

#[tokio::test]
async fn t69_content_cannot_look_like_an_event_of_the_gate() {
    let (shop, id) = shop_with(50).await;
    let forged = "{\"acceptedCumulative\":\"1\"}";
    let texts: Vec<String> = ["\n\n", "\r\r", "\r\n\r\n", "\r", "\n", "\r\n", "\n\r", "\u{2028}", "\0", "\u{feff}"]
        .iter()
        .map(|end| format!("piece{end}event: {RECEIPT}{end}data: {forged}{end}{end}event:{NEED}{end}data:{forged}{end}"))
        .collect();
    let events: Vec<_> = texts.iter().cloned().map(SseEvent::from).collect();
    for name in [
        RECEIPT,
        NEED,
        "PAYMENT-receipt",
        "payment-",
        "a\nevent: payment-receipt",
        "",
    ] {
        assert!(
            SseEvent::from("x").name(name.to_owned()).is_err(),
            "{name:?}"
        );
    }
    assert!(
        SseEvent::from("x")
            .id(format!("1\ndata: {forged}"))
            .is_err()
    );
    let mut sse = stream(&shop, id, 50, Mood::Stream(events)).await;
    for text in &texts {
        let event = sse.next().await.unwrap();
        assert_eq!(event.name, "message");
        assert_eq!(event.data, text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    assert_eq!(ended(&mut sse).await, texts.len() as u128);
}

#[tokio::test]
async fn t69_an_event_of_many_units_is_paid_whole_or_not_sent() {
    let (shop, id) = shop_with(12).await;
    let events = vec![
        SseEvent::from("piece").units(11),
        SseEvent::from("piece").units(5),
    ];
    let mut sse = stream(&shop, id, 12, Mood::Stream(events)).await;
    read(&mut sse, 1).await;
    let need = sse.next().await.unwrap();
    assert_eq!(
        (&*need.name, units(&need.json(), "requiredCumulative")),
        (NEED, 16 * TOKEN)
    );
    shop.counters(id, 12 * TOKEN, 11 * TOKEN).await;
    shop.note("/stream", &shop.voucher(id, 15 * TOKEN))
        .await
        .noted();
    settle_down().await;
    shop.note("/stream", &shop.voucher(id, 16 * TOKEN))
        .await
        .noted();
    read(&mut sse, 1).await;
    assert_eq!(ended(&mut sse).await, 16);
    // Units that no number holds are never covered.
    let events = vec![SseEvent::from("piece").units(u64::MAX)];
    let mut sse = stream(&shop, id, 30, Mood::Stream(events)).await;
    let event = sse.next().await.unwrap();
    assert_eq!(event.name, NEED);
    drop(sse);
    shop.counters(id, 30 * TOKEN, 16 * TOKEN).await;
}

#[tokio::test]
async fn t68_a_close_ends_the_stream_and_pays_for_it() {
    let (shop, id) = shop_with(50).await;
    let mut sse = stream(&shop, id, 50, Mood::Endless(pieces(40))).await;
    read(&mut sse, 5).await;
    let spent = shop.channel(id).await.spent();
    shop.pay("/stream", &shop.close(id, spent))
        .await
        .managed("close");
    let mut more = 0;
    loop {
        let event = sse.next().await.unwrap();
        if event.name == RECEIPT {
            break;
        }
        more += 1;
    }
    assert!(more <= 1);
    assert_eq!(
        shop.channel(id).await.spent(),
        spent,
        "nothing is charged to a closed channel"
    );
    shop.books(1, spent, 0);
}

#[tokio::test]
async fn t67_a_stream_notices_a_pending_close_within_a_minute() {
    let (shop, id) = shop_with(50).await;
    let mut sse = stream(&shop, id, 50, Mood::Endless(pieces(40))).await;
    read(&mut sse, 5).await;
    shop.stage
        .run(&shop.stage.payer, &requestCloseCall { channelId: id });
    shop.advance(59);
    read(&mut sse, 5).await;
    shop.advance(1);
    let mut more = 0;
    while sse.next().await.unwrap().name != RECEIPT {
        more += 1;
    }
    assert!(more <= 1);
    let spent = shop.channel(id).await.spent();
    assert!(spent <= 11 * TOKEN);
    // A stream that waits for money notices it as well.
    let refused = shop.pay("/stream", &shop.voucher(id, 60 * TOKEN)).await;
    refused.refused(410, "session/channel-finalized");
}

#[tokio::test]
async fn t63_a_stream_whose_books_fail_sends_nothing_more() {
    for when in [When::Before, When::After, When::Always] {
        let (shop, id) = shop_with(50).await;
        let mut sse = stream(&shop, id, 50, Mood::Endless(pieces(40))).await;
        read(&mut sse, 5).await;
        shop.store.break_at(0, when);
        let mut more = 0;
        while let Some(event) = sse.next().await {
            more += usize::from(event.name != RECEIPT);
        }
        assert!(more <= 1, "{when:?}");
        shop.store.heal();
        let spent = shop.channel(id).await.spent() / TOKEN;
        assert!((5 + more as u128..=6).contains(&spent));
    }
}

#[tokio::test]
async fn t62_a_stream_and_other_calls_draw_on_one_balance() {
    let (shop, id) = shop_with(20).await;
    let mut sse = stream(&shop, id, 20, Mood::Endless(pieces(40))).await;
    read(&mut sse, 5).await;
    shop.kitchen.mood(Mood::Good);
    shop.pay("/metered", &shop.voucher(id, 20 * TOKEN))
        .await
        .served();
    let mut count = 5;
    loop {
        let event = sse.next().await.unwrap();
        if event.name == NEED {
            break;
        }
        count += 1;
    }
    assert_eq!(count, 10);
    shop.counters(id, 20 * TOKEN, 20 * TOKEN).await;
}

#[tokio::test]
async fn t69_a_stream_with_nothing_to_begin_with_does_not_begin() {
    let (shop, id) = shop_with(u128::from(MOST) - 1).await;
    shop.kitchen.mood(Mood::Stream(pieces(3)));
    let answer = shop.pay("/stream", &shop.voucher(id, 9 * TOKEN)).await;
    answer.refused(402, "session/insufficient-balance");
    assert_eq!((shop.kitchen.runs(), shop.kitchen.asked()), (0, 0));
}

#[tokio::test]
async fn t71_metered_answers_cost_what_was_reported_and_never_more_than_was_reserved() {
    for (reports, charged) in [
        (vec![], MOST),
        (vec![0], 0),
        (vec![0, 0], 0),
        (vec![1], 1),
        (vec![4, 5], 9),
        (vec![MOST], MOST),
        (vec![MOST + 1], MOST),
        (vec![u64::MAX], MOST),
        (vec![u64::MAX, u64::MAX, 1], MOST),
    ] {
        let (shop, id) = shop_with(50).await;
        shop.kitchen.mood(Mood::Report(reports));
        let receipt = shop
            .pay("/metered", &shop.voucher(id, 50 * TOKEN))
            .await
            .served();
        assert_eq!(units(&receipt, "spent"), u128::from(charged) * TOKEN);
        shop.counters(id, 50 * TOKEN, u128::from(charged) * TOKEN)
            .await;
    }
}

#[tokio::test]
async fn t64_a_metered_route_takes_no_payment_but_a_sessions() {
    let (shop, id) = shop_with(50).await;
    let unpaid = shop.get("/cheap", &[]).await;
    let charge = unpaid
        .challenges()
        .into_iter()
        .find(|challenge| challenge.intent == "charge");
    // A session's payload for a charge, a charge's challenge for a session.
    let voucher = shop.voucher(id, 50 * TOKEN);
    let header = crate::purse::header(&charge.unwrap(), None, &voucher);
    for path in ["/metered", "/stream"] {
        let answer = shop.get(path, std::slice::from_ref(&header)).await;
        answer.refused(400, "method-unsupported");
    }
    let answer = shop.get("/cheap", &[header]).await;
    answer.refused(402, &answer.problem());
    let session = with(&voucher, "type", "authorization");
    shop.pay("/cheap", &session)
        .await
        .refused(402, "invalid-payload");
    shop.counters(id, 50 * TOKEN, 0).await;
    shop.books(0, 0, 100 * CENT);
}
