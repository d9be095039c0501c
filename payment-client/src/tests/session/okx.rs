//! Sellers that speak OKX's dialect: their receipts count nothing, and a voucher that is shown
//! twice is charged twice.

use std::sync::{Arc, Mutex};

use mpp_evm::session::ChannelId;
use payment_core::{Clock, usd};
use serde_json::{Value, json};

use super::files::Room;
use super::seller::{PRICE, Seller, Till, Turn, Visit, amount, events, header, receipt};
use super::{market, session};
use crate::tests::shop::{Step, answer, step};
use crate::tests::{Bench, CHAIN, NOW};
use crate::{Action, BuyerError, Dispute, SessionBudget, SessionError, Skip};

const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// What the seller has charged, on the one channel of a test.
type Charged = Arc<Mutex<u128>>;

/// One that speaks the dialect, and is honest.
async fn okx() -> (Bench, Seller, Charged) {
    let (bench, seller) = market().await;
    let charged = Charged::default();
    speak(&seller, &charged, |_, _| None);
    (bench, seller, charged)
}

/// Steps in before the seller of the dialect.
fn speak(
    seller: &Seller,
    charged: &Charged,
    mut before: impl FnMut(&Visit, &mut Till) -> Option<Turn> + Send + 'static,
) {
    let (clock, charged) = (Arc::clone(&seller.clock), Arc::clone(charged));
    seller.till(|till| {
        let details = till.request["methodDetails"].as_object_mut().unwrap();
        details.remove("credentialTypes");
    });
    seller.hook(move |visit, till| {
        // Shown beside a call, it would be one more.
        assert_ne!(visit.method, "HEAD");
        match before(visit, till) {
            // Charged, and the answer is lost.
            Some(Turn::Lose(step)) => {
                answered(visit, till, &*clock, &charged);
                Turn::Instead(step)
            }
            Some(turn) => turn,
            None if visit.action == "none" => Turn::Honest,
            None => Turn::Instead(answered(visit, till, &*clock, &charged)),
        }
    });
}

fn answered(visit: &Visit, till: &mut Till, clock: &dyn Clock, charged: &Charged) -> Step {
    let (payload, now) = (&visit.payload, clock.now());
    till.log.push(visit.action.clone());
    let id: ChannelId = payload["channelId"].as_str().unwrap().parse().unwrap();
    match &*visit.action {
        "open" => {
            assert_deposit(payload);
            till.opened(payload, now);
        }
        "topUp" => {
            assert_deposit(payload);
            assert!(payload.get("salt").is_none());
            till.topped_up(id, payload, now);
        }
        "voucher" => {
            if let Err(why) = till.vouched(id, payload, now) {
                return Step::Answer(till.challenged(why, now.seconds()));
            }
            let mut charged = charged.lock().unwrap();
            if till.channels[&id].accepted() < *charged + PRICE {
                let why = "session/insufficient-balance";
                return Step::Answer(till.challenged(why, now.seconds()));
            }
            *charged += PRICE;
            till.served += 1;
        }
        _ => {
            let highest = till.channels[&id].accepted();
            if amount(payload, "cumulativeAmount") < highest {
                let why = "session/amount-exceeds-deposit";
                return Step::Answer(till.challenged(why, now.seconds()));
            }
            till.vouched(id, payload, now).unwrap();
            till.closed_at = Some(till.channels[&id].accepted());
        }
    }
    plain(200, id)
}

/// In the dialect's words, and valid for a minute longer than the challenge.
fn assert_deposit(payload: &Value) {
    assert_eq!(payload["type"], "transaction");
    let authorization = &payload["authorization"];
    assert_eq!(authorization["type"], "eip-3009");
    assert_eq!(authorization["validBefore"], (NOW + 360).to_string());
}

/// An answer with a receipt that says only that something succeeded.
fn plain(status: u16, id: ChannelId) -> Step {
    let receipt = json!({
        "status": "success", "method": "evm", "timestamp": "2026-09-21T14:13:20Z",
        "reference": id,
    });
    let receipt = mpp_core::EncodedRequest::encode(receipt.as_object().unwrap()).unwrap();
    step(status, &[("payment-receipt", receipt.as_str())])
}

fn channel_of(visit: &Visit) -> ChannelId {
    visit.payload["channelId"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

fn problem(status: u16, kind: &str) -> Step {
    let body = json!({"type": format!("https://paymentauth.org/problems/{kind}")});
    let json = ("content-type", "application/problem+json");
    Step::Answer(answer(status, &[json], body.to_string()))
}

#[tokio::test]
async fn calls_are_counted_by_the_buyers_own_book() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    for call in 1..=3u128 {
        let reply = session.get(seller.url()).send().await.unwrap();
        let usage = reply.usage().unwrap();
        assert_eq!((usage.dispute(), usage.receipt()), (None, None));
        assert_eq!(usage.standing().spent, PRICE * call);
    }
    assert_eq!(
        seller.log(),
        ["402", "open", "voucher", "voucher", "voucher"]
    );
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 3 * PRICE]);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(seller.till(|till| till.closed_at), Some(3 * PRICE));
    assert_eq!(*charged.lock().unwrap(), 3 * PRICE);
    assert_eq!(closed.spent(), usd!("0.03"));
    assert_eq!(closed.refunded(), usd!("0.07"));
    assert_eq!(closed.dispute(), None);
}

#[tokio::test]
async fn a_call_without_an_answer_counts_as_charged_and_is_not_sent_again() {
    for lost in [true, false] {
        for step in [Step::HangUp, step(503, &[("retry-after", "1")])] {
            let (bench, seller, charged) = okx().await;
            let mut session = session(&bench);
            let _ = session.get(seller.url()).send().await.unwrap();
            let mut turn = Some(match lost {
                true => Turn::Lose(step),
                false => Turn::Instead(step),
            });
            speak(&seller, &charged, move |_, _| turn.take());
            let error = session.get(seller.url()).send().await.unwrap_err();
            let unknown = matches!(error, SessionError::OutcomeUnknown { .. });
            assert!(unknown, "{error:?}");
            let reply = session.get(seller.url()).send().await.unwrap();
            assert_eq!(reply.usage().unwrap().standing().spent, 3 * PRICE);
            assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 3 * PRICE]);
        }
    }
}

#[tokio::test]
async fn a_call_that_is_sent_again_counts_as_all_that_was_promised() {
    let (bench, seller, charged) = okx().await;
    seller.till(|till| till.request["methodDetails"]["minVoucherDelta"] = json!("25000"));
    let mut session = session(&bench);
    let mut turn = Some(Turn::Lose(Step::HangUp));
    speak(&seller, &charged, move |visit, _| {
        (visit.action == "voucher").then(|| turn.take()).flatten()
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let SessionError::OutcomeUnknown { unanswered, .. } = error else {
        panic!("{error:?}")
    };
    let reply = session.resume(*unanswered).await.unwrap();
    assert_eq!(reply.usage().unwrap().standing().spent, 25_000);
    assert_eq!(*charged.lock().unwrap(), 2 * PRICE);
    // What is left of the voucher does not pay a call, and is not tried.
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.vouchers(), [25_000, 25_000, 50_000]);
}

#[tokio::test]
async fn a_voucher_is_shown_again_while_it_covers_the_price_and_raised_by_no_less_than_the_step() {
    let (bench, seller, charged) = okx().await;
    seller.till(|till| till.request["methodDetails"]["minVoucherDelta"] = json!("25000"));
    let mut session = session(&bench);
    for call in 1..=3u128 {
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.usage().unwrap().standing().spent, PRICE * call);
    }
    assert_eq!(seller.vouchers(), [25_000, 25_000, 50_000]);
    assert_eq!(*charged.lock().unwrap(), 3 * PRICE);
    // It takes no less than the highest voucher, and all of that is paid.
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(seller.till(|till| till.closed_at), Some(50_000));
    assert_eq!(closed.settled(), usd!("0.05"));
    assert_eq!(closed.spent(), usd!("0.05"));
}

#[tokio::test]
async fn deposits_grow_within_the_budget() {
    let (bench, seller, _) = okx().await;
    let mut session = session(&bench);
    for _ in 0..20 {
        let _ = session.get(seller.url()).send().await.unwrap();
    }
    assert_eq!(seller.payloads("topUp").len(), 1);
    assert_eq!(seller.channel().deposit(), 200_000);
    let error = session.get(seller.url()).send().await.unwrap_err();
    let reached = matches!(error, SessionError::BudgetReached { .. });
    assert!(reached, "{error:?}");
    assert_eq!(seller.vouchers().len(), 20);
}

#[tokio::test]
async fn a_receipt_that_counts_is_believed_within_what_was_promised() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    let mut lies = vec!["0", "30000", "none"].into_iter();
    speak(&seller, &charged, move |visit, till| {
        till.vouched(channel_of(visit), &visit.payload, Default::default())
            .unwrap();
        let mut receipt = receipt(&till.channels[&channel_of(visit)], "c");
        receipt["spent"] = json!(lies.next().unwrap());
        let receipt = header(&receipt);
        Some(Turn::Instead(step(200, &[("payment-receipt", &receipt)])))
    });
    let mut say = async || {
        let reply = session.get(seller.url()).send().await.unwrap();
        let usage = reply.usage().unwrap().clone();
        let standing = usage.standing();
        (usage.dispute(), standing.spent, standing.promised)
    };
    // Too little costs the seller; too much, and what is no number, count as all of it.
    assert_eq!(say().await, (None, 0, 2 * PRICE));
    let beyond = Dispute::BeyondPromise {
        said: 30_000,
        promised: 20_000,
    };
    assert_eq!(say().await, (Some(beyond), 2 * PRICE, 2 * PRICE));
    let unreadable = Some(Dispute::Unreadable);
    assert_eq!(say().await, (unreadable, 3 * PRICE, 3 * PRICE));
}

#[tokio::test]
async fn a_challenge_that_ran_out_is_replaced_though_the_refusal_brings_none() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    let mut turn = Some(Turn::Instead(problem(401, "payment-expired")));
    speak(&seller, &charged, move |visit, _| {
        (visit.action == "voucher").then(|| turn.take()).flatten()
    });
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(seller.vouchers(), [PRICE, PRICE]);
    assert_eq!(*charged.lock().unwrap(), PRICE);
}

#[tokio::test]
async fn a_channel_that_is_not_found_is_gone_and_a_page_that_is_not_found_is_an_answer() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    let mut turns = vec![
        Turn::Instead(step(404, &[])),
        Turn::Instead(problem(404, "session/channel-not-found")),
    ]
    .into_iter();
    speak(&seller, &charged, move |visit, _| {
        (visit.action == "voucher").then(|| turns.next()).flatten()
    });
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.status(), 404);
    // The handler was called, and that is what is charged.
    assert_eq!(reply.usage().unwrap().standing().spent, PRICE);
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::Gone { .. }), "{error:?}");
}

#[tokio::test]
async fn a_deposit_with_a_receipt_was_taken_whatever_the_handler_says() {
    let (bench, seller, charged) = okx().await;
    let clock = Arc::clone(&seller.clock);
    speak(&seller, &charged, move |visit, till| {
        (visit.action == "open").then(|| {
            till.opened(&visit.payload, clock.now());
            Turn::Instead(plain(400, channel_of(visit)))
        })
    });
    let mut session = session(&bench);
    let reply = session.post(seller.url()).body("{}").send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(seller.payloads("open").len(), 1);
}

#[tokio::test]
async fn a_deposit_without_an_answer_is_sent_again_as_it_is() {
    let (bench, seller, charged) = okx().await;
    let mut losses = 0;
    speak(&seller, &charged, move |visit, _| {
        losses += u32::from(visit.action == "open");
        (visit.action == "open" && losses < 40).then(|| Turn::Lose(Step::HangUp))
    });
    let mut session = session(&bench);
    let error = session.get(seller.url()).send().await.unwrap_err();
    let open = matches!(
        error,
        SessionError::DepositUnknown {
            action: Action::Open,
            ..
        }
    );
    assert!(open, "{error:?}");
    speak(&seller, &charged, |_, _| None);
    let _ = session.get(seller.url()).send().await.unwrap();
    let opens = seller.payloads("open");
    assert!(opens.len() > 1 && opens.iter().all(|payload| *payload == opens[0]));
    assert_eq!(seller.till(|till| till.channels.len()), 1);
}

#[tokio::test]
async fn a_buyer_that_starts_again_does_not_ask_what_was_charged() {
    let (bench, seller, charged) = okx().await;
    let folder = Room::new();
    let mut session = folder.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    let mut turn = Some(Turn::Lose(Step::HangUp));
    speak(&seller, &charged, move |_, _| turn.take());
    let _ = session.get(seller.url()).send().await.unwrap_err();
    drop(session);
    let mut session = folder.start(&bench).unwrap();
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.usage().unwrap().standing().spent, 3 * PRICE);
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 3 * PRICE]);
}

#[tokio::test]
async fn a_seller_of_the_draft_must_count() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.hook(|visit, _| Turn::Instead(plain(200, channel_of(visit))));
    let reply = session.get(seller.url()).send().await.unwrap();
    let dispute = reply.usage().unwrap().dispute();
    assert_eq!(dispute, Some(Dispute::Unreadable));
}

#[tokio::test]
async fn a_seller_that_counts_more_is_refused_more_than_was_promised_and_caught_up_with() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    *charged.lock().unwrap() += PRICE;
    let error = session.get(seller.url()).send().await.unwrap_err();
    let short = Some("session_insufficient_balance");
    let refused = matches!(error, SessionError::Refused { code, .. } if code == short);
    assert!(refused, "{error:?}");
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.usage().unwrap().standing().spent, 3 * PRICE);
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 3 * PRICE]);
}

#[tokio::test]
async fn a_challenge_in_the_dialect_is_bound_by_the_same_rules() {
    type Change = fn(&mut Till);
    let changes: [(Change, Skip); 5] = [
        (|till| till.request["currency"] = json!(OTHER), Skip::Token),
        (
            |till| till.request["amount"] = json!("100001"),
            Skip::AboveLimit,
        ),
        // With the minute that the deposit outlives it, it is more than an hour.
        (|till| till.lifetime = 3541, Skip::TooLong),
        (|till| till.lifetime = 365 * 86_400, Skip::TooLong),
        (
            |till| till.request["methodDetails"]["feePayer"] = json!(false),
            Skip::Transfer,
        ),
    ];
    for (change, why) in changes {
        let (bench, seller, _) = okx().await;
        seller.till(change);
        let error = session(&bench).get(seller.url()).send().await.unwrap_err();
        let SessionError::Unpaid(BuyerError::NothingPayable { skipped }) = error else {
            panic!("{error:?}")
        };
        let reasons: Vec<_> = skipped.iter().map(|skipped| skipped.reason).collect();
        assert_eq!(reasons, [why]);
        assert_eq!(seller.log(), ["402"]);
    }
    let (bench, seller, _) = okx().await;
    let budget = SessionBudget::deposit(usd!("0.10"));
    let named = bench.buyer().session(budget);
    let mut named = named.escrow(CHAIN, OTHER.parse().unwrap()).start().unwrap();
    let error = named.get(seller.url()).send().await.unwrap_err();
    let unknown = matches!(error, SessionError::UnknownEscrow { .. });
    assert!(unknown, "{error:?}");
    assert_eq!(seller.log(), ["402"]);
}

#[tokio::test]
async fn a_stream_of_such_a_seller_is_one_call() {
    let (bench, seller, charged) = okx().await;
    let mut session = session(&bench);
    speak(&seller, &charged, |visit, till| {
        if visit.action != "voucher" {
            return None;
        }
        till.vouched(channel_of(visit), &visit.payload, Default::default())
            .unwrap();
        let mut response = answer(200, &[], "data: a\n\ndata: b\n\n");
        events(&mut response);
        Some(Turn::Instead(Step::Answer(response)))
    });
    let mut stream = session.get(seller.url()).ahead(8).stream().await.unwrap();
    while stream.next().await.unwrap().is_some() {}
    assert_eq!(stream.units(), 2);
    drop(stream);
    let _ = session.get(seller.url()).stream().await.unwrap();
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE]);
}
