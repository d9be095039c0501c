//! Streams: paid unit by unit, and not a unit further.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use payment_core::usd;

use super::seller::{PRICE, Turn, demand, events, receipt};
use super::{Seller, market, session};
use crate::tests::Bench;
use crate::tests::shop::{Step, answer};
use crate::{Dispute, SessionError, StreamFault, UnitStream};

async fn read<S: payment_evm::Signer>(
    stream: &mut UnitStream<'_, S>,
) -> Result<Vec<String>, SessionError> {
    let mut units = Vec::new();
    while let Some(unit) = stream.next().await? {
        units.push(unit.data);
    }
    Ok(units)
}

/// A seller whose stream is this text.
fn plays(seller: &Seller, text: impl Fn(mpp_evm::session::ChannelId) -> String + Send + 'static) {
    seller.hook(move |visit, till| {
        if visit.action != "voucher" || visit.method != "GET" {
            return Turn::Honest;
        }
        let id = *till.channels.keys().next().unwrap();
        let mut response = answer(200, &[], text(id));
        events(&mut response);
        Turn::Lose(Step::Answer(response))
    });
}

#[tokio::test]
async fn a_stream_is_paid_ahead_and_topped_up_on_demand() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (17, PRICE));
    let mut session = session(&bench);
    let call = session.get(seller.stream_url()).ahead(4);
    let mut stream = call.stream().await.unwrap();
    let units = read(&mut stream).await.unwrap();
    assert_eq!(units, (0..17).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(stream.units(), 17);
    let usage = stream.usage().unwrap();
    assert_eq!(usage.dispute(), None);
    assert_eq!(usage.receipt().unwrap().units, Some(17));
    assert_eq!(usage.spent(), usd!("0.17"));
    assert_eq!(usage.standing().deposit, 200_000);
    // Four ahead each time, within the deposit, and never below what is demanded.
    let promised: Vec<u128> = seller.vouchers().iter().map(|v| v / PRICE).collect();
    assert_eq!(promised, [4, 8, 10, 14, 18]);
    // The count is known by the last receipt: the next call asks nothing.
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.vouchers().len(), 6);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.spent(), usd!("0.18"));
}

#[tokio::test]
async fn a_stream_ends_where_the_budget_does() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (100, PRICE));
    let mut session = session(&bench);
    let mut stream = session.get(seller.stream_url()).stream().await.unwrap();
    let error = read(&mut stream).await.unwrap_err();
    assert!(
        matches!(error, SessionError::BudgetReached { .. }),
        "{error:?}"
    );
    assert_eq!(stream.units(), 20);
    assert!(seller.vouchers().iter().all(|voucher| *voucher <= 200_000));
    assert_eq!(seller.channel().deposit(), 200_000);
}

#[tokio::test]
async fn a_dropped_stream_is_counted_before_the_next_call() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (100, PRICE));
    let mut session = session(&bench);
    let mut stream = session
        .get(seller.stream_url())
        .ahead(3)
        .stream()
        .await
        .unwrap();
    let unit = stream.next().await.unwrap().unwrap();
    assert_eq!(unit.data, "0");
    drop(stream);
    let _ = session.get(seller.url()).send().await.unwrap();
    let seen = seller.till(|till| till.seen.clone());
    assert!(seen.iter().any(|seen| seen.parts.method == "HEAD"));
    assert_eq!(session.standing().unwrap().spent, seller.channel().spent());
}

#[tokio::test]
async fn a_challenge_that_expires_during_a_stream_is_replaced() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (6, PRICE));
    let mut session = session(&bench);
    let mut stream = session
        .get(seller.stream_url())
        .ahead(2)
        .stream()
        .await
        .unwrap();
    let _ = stream.next().await.unwrap().unwrap();
    seller.till(|till| till.forget());
    let rest = read(&mut stream).await.unwrap();
    assert_eq!(rest, ["1", "2", "3", "4", "5"]);
    assert!(seller.log().contains(&"expired".to_owned()));
    assert_eq!(stream.usage().unwrap().dispute(), None);
}

async fn refused(
    text: impl Fn(mpp_evm::session::ChannelId) -> String + Send + 'static,
) -> (Bench, Seller, SessionError) {
    let (bench, seller) = market().await;
    plays(&seller, text);
    let mut session = session(&bench);
    let call = session.get(seller.stream_url()).ahead(2);
    let mut stream = call.stream().await.unwrap();
    let error = read(&mut stream).await.unwrap_err();
    drop(stream);
    (bench, seller, error)
}

#[tokio::test]
async fn demands_beyond_what_was_delivered_are_not_met() {
    let unit = "data: x\n\n";
    // Two units were promised.
    type Script = Box<dyn Fn(mpp_evm::session::ChannelId) -> String + Send>;
    let scripts: [Script; 4] = [
        // Everything at once.
        Box::new(|id| demand(id, 100_000, 2 * PRICE, 100_000)),
        Box::new(|id| demand(id, u128::MAX, 2 * PRICE, 100_000)),
        // Nothing was delivered of what was promised.
        Box::new(|id| demand(id, 3 * PRICE, 2 * PRICE, 100_000)),
        // One base unit more than the delivered two, the one on its way and the next.
        Box::new(move |id| {
            let next = demand(id, 4 * PRICE + 1, 2 * PRICE, 100_000);
            format!("{unit}{unit}{next}")
        }),
    ];
    for (n, script) in scripts.into_iter().enumerate() {
        let (_, seller, error) = refused(script).await;
        let over = matches!(error, SessionError::Stream(StreamFault::Overcharged { .. }));
        assert!(over, "{n}: {error:?}");
        assert_eq!(seller.vouchers(), [2 * PRICE], "{n}");
    }
}

#[tokio::test]
async fn demands_for_another_channel_or_of_unknown_form_are_not_met() {
    let other = mpp_evm::session::ChannelId::new(alloy_primitives::B256::repeat_byte(1));
    let scripts: [fn(mpp_evm::session::ChannelId) -> String; 4] = [
        |_| {
            let other = mpp_evm::session::ChannelId::new(alloy_primitives::B256::repeat_byte(1));
            demand(other, 2 * PRICE, 2 * PRICE, 100_000)
        },
        |_| "event: payment-need-voucher\ndata: {\"channelId\":1}\n\n".into(),
        |_| "event: payment-need-voucher\ndata: pay!\n\n".into(),
        // It says to have a voucher that was never signed.
        |id| demand(id, 3 * PRICE, 2 * PRICE + 1, 100_000),
    ];
    for script in scripts {
        let (_, seller, error) = refused(script).await;
        let odd = matches!(error, SessionError::Stream(StreamFault::OddDemand));
        assert!(odd, "{error:?}");
        assert_eq!(seller.vouchers(), [2 * PRICE]);
        assert_ne!(seller.channel().id(), other);
    }
}

#[tokio::test]
async fn a_seller_that_demands_for_ever_gets_nothing_more() {
    let (_, seller, error) = refused(|id| {
        let again = demand(id, 2 * PRICE, 0, 100_000);
        again.repeat(50)
    })
    .await;
    let stalled = matches!(error, SessionError::Stream(StreamFault::Stalled));
    assert!(stalled, "{error:?}");
    assert_eq!(seller.vouchers(), [2 * PRICE; 3]);

    let (_, seller, error) = refused(|id| {
        let unit = "data: x\n\n".repeat(2);
        let raised = demand(id, 3 * PRICE, 2 * PRICE, 100_000);
        format!("{unit}{}", raised.repeat(50))
    })
    .await;
    let stalled = matches!(error, SessionError::Stream(StreamFault::Stalled));
    assert!(stalled, "{error:?}");
    assert!(
        seller
            .vouchers()
            .iter()
            .all(|voucher| *voucher <= 4 * PRICE)
    );
}

#[tokio::test]
async fn events_without_an_end_are_not_kept() {
    for text in [
        "data: ".to_owned() + &"x".repeat(2 << 20),
        "data: x\n".repeat(1 << 20),
    ] {
        let (_, _, error) = refused(move |_| text.clone()).await;
        let large = matches!(error, SessionError::Stream(StreamFault::TooLarge));
        assert!(large, "{error:?}");
    }
}

#[tokio::test]
async fn a_stream_that_says_nothing_is_given_up() {
    let (bench, seller) = market().await;
    seller.hook(|visit, _| {
        if visit.action != "voucher" || visit.method != "GET" {
            return Turn::Honest;
        }
        let mut response = answer(200, &[], Body::new(Silent));
        events(&mut response);
        Turn::Lose(Step::Answer(response))
    });
    let mut session = session(&bench);
    let call = session.get(seller.stream_url());
    let mut stream = call.idle(Duration::from_millis(50)).stream().await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(
        matches!(error, SessionError::Stream(StreamFault::Idle)),
        "{error:?}"
    );
}

struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_last_receipt_beyond_what_was_delivered_is_told() {
    for (spent, told) in [(30_000u128, false), (30_001, true)] {
        let (bench, seller) = market().await;
        seller.hook(move |visit, till| {
            if visit.action != "voucher" {
                return Turn::Honest;
            }
            let channel = till.channels.values().next().unwrap();
            let mut last = receipt(channel, "challenge-1");
            last["acceptedCumulative"] = visit.payload["cumulativeAmount"].clone();
            last["spent"] = spent.to_string().into();
            let text = format!("data: x\n\ndata:y\r\rid: 1\r\n\r\nevent: payment-receipt\ndata: {last}\n\ndata: z\n\n");
            let mut response = answer(200, &[], text);
            events(&mut response);
            Turn::Instead(Step::Answer(response))
        });
        let mut session = session(&bench);
        let mut stream = session.get(seller.stream_url()).stream().await.unwrap();
        // Nothing counts behind the receipt.
        assert_eq!(read(&mut stream).await.unwrap(), ["x", "y"]);
        let due = 3 * PRICE;
        let overcharged = Dispute::Overcharged {
            charged: spent,
            due,
        };
        let usage = stream.usage().unwrap();
        assert_eq!(usage.dispute(), told.then_some(overcharged));
        assert_eq!(usage.standing().spent, spent);
    }
}

#[tokio::test]
async fn control_events_are_no_units_and_lies_in_them_are_told() {
    let (bench, seller) = market().await;
    plays(&seller, |_| {
        "event: payment-other\ndata: x\n\nevent: custom\ndata: y\n\n\
         event: payment-receipt\ndata: {\"spent\":\"0\"}\n\n"
            .into()
    });
    let mut session = session(&bench);
    let mut stream = session
        .get(seller.stream_url())
        .ahead(2)
        .stream()
        .await
        .unwrap();
    let unit = stream.next().await.unwrap().unwrap();
    assert_eq!((&*unit.event, &*unit.data), ("custom", "y"));
    assert!(stream.next().await.unwrap().is_none());
    let usage = stream.usage().unwrap();
    assert_eq!(usage.dispute(), Some(Dispute::Unreadable));
    assert_eq!(usage.standing().spent, 2 * PRICE);
}

#[tokio::test]
async fn events_that_cost_more_are_paid_when_the_caller_says_so() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (4, 3 * PRICE));
    let mut session = session(&bench);
    let call = session.get(seller.stream_url()).ahead(3).units_per_event(3);
    let mut stream = call.stream().await.unwrap();
    assert_eq!(read(&mut stream).await.unwrap().len(), 4);
    assert_eq!(stream.usage().unwrap().dispute(), None);
    drop(stream);
    assert_eq!(seller.channel().spent(), 12 * PRICE);

    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (4, 3 * PRICE));
    let mut session = self::session(&bench);
    let mut stream = session
        .get(seller.stream_url())
        .ahead(3)
        .stream()
        .await
        .unwrap();
    let error = read(&mut stream).await.unwrap_err();
    let over = matches!(error, SessionError::Stream(StreamFault::Overcharged { .. }));
    assert!(over, "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_handed_back() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let error = session.get(seller.url()).stream().await.unwrap_err();
    let SessionError::NotAStream(reply) = error else {
        panic!("{error:?}")
    };
    assert!(reply.usage().is_some());
    assert_eq!(reply.into_response().text().await.unwrap(), "sunny");
}
