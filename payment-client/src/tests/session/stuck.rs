//! What a session comes back from, and what it leaves behind: channels that are gone, challenges
//! that ran out on the way, answers that were lost.

use std::time::Duration;

use alloy_primitives::address;
use payment_core::usd;

use super::files::Room;
use super::seller::{ESCROW, PRICE, Turn};
use super::{market, session};
use crate::tests::CHAIN;
use crate::tests::shop::{Step, step};
use crate::{ChannelFile, SessionBudget, SessionError};

#[tokio::test]
async fn a_channel_that_is_gone_can_be_given_up_whatever_was_open() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(|visit, _| match &*visit.action {
        "voucher" => Turn::Lose(Step::HangUp),
        _ => Turn::Honest,
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let lost = matches!(error, SessionError::OutcomeUnknown { .. });
    assert!(lost, "{error:?}");
    // Meanwhile the seller closes it.
    seller.hook(|visit, _| match &*visit.action {
        "voucher" | "close" => Turn::Instead(step(410, &[])),
        _ => Turn::Honest,
    });
    for _ in 0..2 {
        let error = session.get(seller.url()).send().await.unwrap_err();
        assert!(matches!(error, SessionError::Gone { .. }), "{error:?}");
    }
    let error = session.close().await.unwrap_err();
    assert!(matches!(error, SessionError::Gone { .. }), "{error:?}");
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(closed.spent(), usd!("0.01"), "the worst is assumed");
    seller.honest();
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.till(|till| till.channels.len()), 2);
}

#[tokio::test]
async fn a_deposit_in_a_long_stream_is_signed_for_a_challenge_that_lasts() {
    let (bench, seller) = market().await;
    seller.till(|till| till.stream = (14, PRICE));
    let mut session = session(&bench);
    let call = session.get(seller.stream_url()).ahead(2);
    let mut stream = call.stream().await.unwrap();
    let _ = stream.next().await.unwrap().unwrap();
    bench.clock.advance(Duration::from_secs(301));
    while let Some(unit) = stream.next().await.unwrap() {
        assert!(!unit.data.is_empty());
    }
    assert_eq!(stream.units(), 14);
    assert_eq!(stream.usage().standing().deposit, 200_000);
}

#[tokio::test]
async fn only_named_escrows_get_further_deposits() {
    let (bench, seller) = market().await;
    seller.till(|till| till.request["suggestedDeposit"] = "10000".into());
    let room = Room::new();
    let mut trusting = room.start(&bench).unwrap();
    let _ = trusting.get(seller.url()).send().await.unwrap();
    drop(trusting);
    let start = |escrow| {
        let budget = SessionBudget::deposit(usd!("0.10"));
        let session = bench.buyer().session(budget).escrow(CHAIN, escrow);
        session.keep_in(ChannelFile::new(room.file())).start()
    };
    let mut wary = start(address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")).unwrap();
    let error = wary.get(seller.url()).send().await.unwrap_err();
    let unknown = matches!(error, SessionError::UnknownEscrow { .. });
    assert!(unknown, "{error:?}");
    assert!(seller.payloads("topUp").is_empty());
    drop(wary);
    let mut named = start(ESCROW.parse().unwrap()).unwrap();
    let _ = named.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.payloads("topUp").len(), 1);
}

#[tokio::test]
async fn what_comes_back_is_what_the_closing_voucher_leaves() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    // It can't be asked whether the call was charged, so it is closed as if it was.
    seller.hook(
        |visit, _| match (&*visit.method, &*visit.action, visit.nth) {
            ("HEAD", ..) => Turn::Instead(step(405, &[])),
            (_, "voucher", 0) => Turn::Instead(Step::HangUp),
            _ => Turn::Honest,
        },
    );
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(seller.till(|till| till.closed_at), Some(PRICE));
    assert_eq!(closed.receipt().unwrap().spent, 0);
    assert_eq!(closed.settled(), usd!("0.01"));
    assert_eq!(closed.refunded(), usd!("0.09"));
}

#[tokio::test]
async fn channels_that_were_given_up_stay_on_record() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    // The seller may have taken the deposit to the chain all the same.
    seller.hook(|visit, _| match (&*visit.action, visit.nth) {
        ("open", 0 | 1) => Turn::Instead(step(402, &[])),
        _ => Turn::Honest,
    });
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let refused = session.standing().unwrap().channel;
    bench.clock.advance(Duration::from_secs(901));
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let _ = session.get(seller.url()).send().await.unwrap();
    let closed = session.standing().unwrap().channel;
    assert_ne!(refused, closed);
    let _ = session.close().await.unwrap().unwrap();
    let budget = SessionBudget::deposit(usd!("0.10"));
    drop(session);
    let file = ChannelFile::new(room.file());
    let session = bench.buyer().session(budget).keep_in(file).start();
    let _ = session.unwrap().get(seller.url()).send().await.unwrap();
    for channel in [refused, closed] {
        let old = ChannelFile::new(format!("{}.{channel}", room.file().display()));
        let old = bench.buyer().session(budget).keep_in(old).start().unwrap();
        assert_eq!(old.standing().unwrap().channel, channel);
    }
}

#[tokio::test]
async fn an_answer_that_was_paid_is_not_lost_with_the_disk() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    let file = room.file();
    seller.hook(move |_, _| {
        let _ = std::fs::remove_dir_all(file.parent().unwrap());
        Turn::Honest
    });
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.usage().unwrap().standing().spent, 2 * PRICE);
    // Nothing further is promised.
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::File(_)), "{error:?}");
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE]);
}

#[tokio::test]
async fn a_call_that_is_resumed_in_vain_is_counted_before_the_next() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(|visit, _| match (&*visit.action, visit.nth) {
        ("voucher", 0) => Turn::Instead(Step::HangUp),
        _ => Turn::Honest,
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let SessionError::OutcomeUnknown { unanswered, .. } = error else {
        panic!("{error:?}")
    };
    // The count is asked, and known; then the old call is asked for again.
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.hook(|visit, _| match &*visit.method {
        "GET" => Turn::Lose(Step::HangUp),
        _ => Turn::Honest,
    });
    let _ = session.resume(*unanswered).await.unwrap_err();
    seller.honest();
    let asked = seller.vouchers().len();
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(
        seller.vouchers().len(),
        asked + 2,
        "asked before it is paid"
    );
}

#[tokio::test]
async fn a_deposit_in_a_stream_without_an_answer_is_sent_again_and_never_a_second_one() {
    for taken in [true, false] {
        let (bench, seller) = market().await;
        seller.till(|till| {
            till.stream = (6, PRICE);
            till.request["suggestedDeposit"] = "20000".into();
        });
        let mut session = session(&bench);
        seller.hook(move |visit, _| match &*visit.action {
            "topUp" if taken => Turn::Lose(Step::HangUp),
            "topUp" => Turn::Instead(Step::HangUp),
            _ => Turn::Honest,
        });
        let call = session.get(seller.stream_url()).ahead(2);
        let mut stream = call.stream().await.unwrap();
        let error = loop {
            match stream.next().await {
                Ok(unit) => assert!(unit.is_some()),
                Err(error) => break error,
            }
        };
        let unknown = matches!(error, SessionError::DepositUnknown { .. });
        assert!(unknown, "{error:?}");
        let sent = seller.payloads("topUp");
        seller.honest();
        let _ = stream.next().await.unwrap().unwrap();
        let again = seller.payloads("topUp");
        assert!(again.len() > sent.len());
        assert!(again.iter().all(|deposit| *deposit == sent[0]));
        assert_eq!(seller.channel().deposit(), 40_000);
        assert_eq!(stream.usage().standing().deposit, 40_000);
    }
}

#[tokio::test]
async fn a_buyer_that_dies_in_a_top_up_or_a_closing_goes_on_with_the_same() {
    for (action, taken) in [
        ("topUp", true),
        ("topUp", false),
        ("close", true),
        ("close", false),
    ] {
        for streams in [true, false] {
            let (bench, seller) = market().await;
            let room = Room::new();
            seller.till(|till| {
                till.stream = (2, PRICE);
                till.request["suggestedDeposit"] = "10000".into();
            });
            let lose = || {
                seller.hook(move |visit, _| match (visit.action == action, taken) {
                    (true, true) => Turn::Lose(Step::HangUp),
                    (true, false) => Turn::Instead(Step::HangUp),
                    _ => Turn::Honest,
                });
            };
            let mut session = room.start(&bench).unwrap();
            lose();
            let error = if streams {
                let call = session.get(seller.stream_url()).ahead(1);
                let mut stream = call.stream().await.unwrap();
                let _ = stream.next().await.unwrap().unwrap();
                stream.next().await.map(|_| ())
            } else {
                let _ = session.get(seller.url()).send().await.unwrap();
                session.get(seller.url()).send().await.map(|_| ())
            };
            assert_eq!(error.is_err(), action == "topUp", "{error:?}");
            if action == "close" {
                let _ = session.close().await.unwrap_err();
            }
            drop(session);
            seller.honest();
            let mut session = room.start(&bench).unwrap();
            if action == "topUp" {
                let _ = session.get(seller.url()).send().await.unwrap();
            }
            let spent = seller.channel().spent();
            let closed = session.close().await.unwrap().unwrap();
            assert_eq!(closed.standing().spent, spent);
            assert_eq!(closed.dispute(), None);
            assert_eq!(seller.till(|till| till.closed_at), Some(spent));
            let sent = seller.payloads(action);
            assert!(sent.len() > 1 && sent.iter().all(|payload| *payload == sent[0]));
            assert_eq!(closed.standing().deposit, seller.channel().deposit());
            assert_eq!(seller.till(|till| till.channels.len()), 1);
        }
    }
}
