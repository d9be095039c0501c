//! What calls sign, and what becomes of answers that lie or do not come.

use std::time::Duration;

use http::header;
use payment_core::{Clock, usd};

use super::seller::{PRICE, Turn, header as receipt_header, receipt};
use super::{market, session};
use crate::tests::shop::{Step, answer, step};
use crate::{Action, BuyerError, Dispute, SessionBudget, SessionError, Skip, SpendLimit};

#[tokio::test]
async fn calls_are_paid_by_growing_vouchers_on_one_challenge() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    for call in 1..=3u128 {
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let usage = reply.usage().unwrap();
        assert_eq!(usage.dispute(), None);
        assert_eq!(usage.standing().spent, PRICE * call);
        assert_eq!(usage.receipt().unwrap().spent, PRICE * call);
        assert_eq!(reply.into_response().text().await.unwrap(), "sunny");
    }
    assert_eq!(
        seller.log(),
        ["402", "open", "voucher", "voucher", "voucher"]
    );
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 3 * PRICE]);
    assert_eq!(seller.channel().deposit(), 100_000);
    assert_eq!(seller.payloads("open")[0]["cumulativeAmount"], "0");

    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(seller.till(|till| till.closed_at), Some(3 * PRICE));
    assert_eq!(closed.spent(), usd!("0.03"));
    assert_eq!(closed.refunded(), usd!("0.07"));
    assert_eq!(closed.dispute(), None);
    assert!(closed.receipt().is_some());
    // There is nothing left to close, and a call begins anew.
    assert!(session.close().await.unwrap().is_none());
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.till(|till| till.channels.len()), 2);
}

#[tokio::test]
async fn the_body_and_own_headers_go_with_the_call_and_not_with_what_is_beside_it() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let name = http::HeaderName::from_static("x-tenant");
    let call = session
        .post(seller.url())
        .header(name, http::HeaderValue::from_static("a"))
        .body("which day?");
    let _ = call.send().await.unwrap();
    let seen = seller.till(|till| till.seen.clone());
    let [unpaid, open, call] = &seen[..] else {
        panic!("three requests")
    };
    assert!(!unpaid.pays());
    assert_eq!(
        (&*unpaid.body, &*open.body, &*call.body),
        (&b"which day?"[..], &b""[..], &b"which day?"[..])
    );
    assert_eq!(open.parts.method, "POST");
    assert!(seen.iter().all(|seen| seen.text("x-tenant") == Some("a")));
    assert!(call.header("idempotency-key").is_some());
}

#[tokio::test]
async fn free_answers_sign_nothing() {
    let (bench, seller) = market().await;
    seller.hook(|_, _| Turn::Instead(step(200, &[])));
    let mut session = session(&bench);
    let reply = session.get(seller.url()).send().await.unwrap();
    assert!(reply.usage().is_none());
    assert!(session.standing().is_none());
    assert!(session.close().await.unwrap().is_none());
    assert!(bench.buyer().spent().is_zero());
}

#[tokio::test]
async fn a_voucher_adds_the_least_step_of_the_seller() {
    let (bench, seller) = market().await;
    seller.till(|till| till.request["methodDetails"]["minVoucherDelta"] = "25000".into());
    let mut session = session(&bench);
    for _ in 0..4 {
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
    }
    // What is left of a voucher is used up before the next one.
    assert_eq!(seller.vouchers(), [25_000, 25_000, 50_000, 50_000]);
}

#[tokio::test]
async fn units_are_promised_for_one_call() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).units(5).send().await.unwrap();
    assert_eq!(seller.vouchers(), [5 * PRICE]);
    // Only one was charged, so that four are left.
    let _ = session.get(seller.url()).units(2).send().await.unwrap();
    assert_eq!(seller.vouchers(), [5 * PRICE; 2]);
}

#[tokio::test]
async fn no_voucher_adds_more_than_the_limit_of_one_payment() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let error = session
        .get(seller.url())
        .units(11)
        .send()
        .await
        .unwrap_err();
    assert!(
        matches!(error, SessionError::BudgetReached { .. }),
        "{error:?}"
    );
    let limit = SpendLimit::per_payment(usd!("0.05")).total(usd!("1"));
    let buyer = bench.limited(limit).build().unwrap();
    let mut session = buyer
        .session(SessionBudget::deposit(usd!("0.10")))
        .start()
        .unwrap();
    let error = session.get(seller.url()).units(6).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::AboveLimit { .. }),
        "{error:?}"
    );
    // Nor by the seller's wish for large steps.
    seller.till(|till| till.request["methodDetails"]["minVoucherDelta"] = "50001".into());
    seller.till(|till| till.lifetime = 301);
    bench.clock.advance(Duration::from_secs(300));
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::AboveLimit { .. }),
        "{error:?}"
    );
    assert_eq!(seller.vouchers(), []);
}

#[tokio::test]
async fn an_expired_challenge_is_replaced_once_with_the_same_voucher() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    // The seller forgets it before the buyer does.
    seller.hook(|visit, till| {
        if visit.action == "voucher" && visit.nth == 1 {
            till.log.push("forgotten".into());
            till.forget();
        }
        Turn::Honest
    });
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 2 * PRICE]);
    // The buyer sees the end of one by itself, and asks without a credential.
    bench.clock.advance(Duration::from_secs(300));
    let _ = session.get(seller.url()).send().await.unwrap();
    let log = seller.log();
    assert_eq!(log[log.len() - 2..], ["402", "voucher"]);
}

#[tokio::test]
async fn a_seller_that_says_402_for_ever_gets_one_voucher() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.hook(|visit, till| {
        if visit.action == "voucher" {
            till.forget();
        }
        Turn::Honest
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let SessionError::Refused {
        action,
        status,
        code,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!((action, status.as_u16()), (Action::Call, 402));
    assert_eq!(code, Some("payment_expired"));
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 2 * PRICE]);
    assert_eq!(session.standing().unwrap().promised, 2 * PRICE);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_count_is_asked_before_the_next_call() {
    for charged in [true, false] {
        let (bench, seller) = market().await;
        let mut session = session(&bench);
        let _ = session.get(seller.url()).send().await.unwrap();
        seller.hook(move |visit, _| match (&*visit.action, visit.nth) {
            ("voucher", 1) if charged => Turn::Lose(Step::HangUp),
            ("voucher", 1) => Turn::Instead(Step::HangUp),
            _ => Turn::Honest,
        });
        let error = session.get(seller.url()).send().await.unwrap_err();
        assert!(
            matches!(error, SessionError::OutcomeUnknown { .. }),
            "{error:?}"
        );
        assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE]);
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.usage().unwrap().dispute(), None);
        // Asked by the voucher that it has; a call that was not charged is not paid twice.
        let last = if charged { 3 * PRICE } else { 2 * PRICE };
        assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE, 2 * PRICE, last]);
        let seen = seller.till(|till| till.seen.clone());
        assert_eq!(seen[seen.len() - 2].parts.method, "HEAD");
        assert_eq!(seller.channel().spent(), last);
    }
}

#[tokio::test]
async fn a_seller_that_cannot_be_asked_has_charged_all_that_was_promised() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(
        |visit, _| match (&*visit.method, &*visit.action, visit.nth) {
            ("HEAD", ..) => Turn::Instead(step(405, &[])),
            (_, "voucher", 0) => Turn::Instead(Step::HangUp),
            _ => Turn::Honest,
        },
    );
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.vouchers(), [PRICE, PRICE, 2 * PRICE]);
}

#[tokio::test]
async fn a_lost_call_is_resumed_with_the_same_bytes() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(|visit, _| match (&*visit.action, visit.nth) {
        ("voucher", 0) => Turn::Lose(Step::HangUp),
        _ => Turn::Honest,
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let SessionError::OutcomeUnknown { unanswered, .. } = error else {
        panic!("{error:?}")
    };
    assert!(!format!("{unanswered:?}").contains("Payment "));
    let reply = session.resume(*unanswered).await.unwrap();
    assert_eq!(reply.usage().unwrap().standing().spent, PRICE);
    assert_eq!(seller.till(|till| till.served), 1);
    let seen = seller.till(|till| till.seen.clone());
    let [.., first, again] = &seen[..] else {
        panic!()
    };
    for name in ["authorization", "idempotency-key"] {
        assert_eq!(first.header(name), again.header(name));
    }
}

#[tokio::test]
async fn answers_that_say_to_wait_are_asked_again_with_the_same_voucher() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(|visit, _| match (&*visit.action, visit.nth) {
        ("voucher" | "open", 0) => Turn::Instead(step(503, &[("retry-after", "2")])),
        _ => Turn::Honest,
    });
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(bench.jumps.taken(), [Duration::from_secs(2); 2]);
    assert_eq!(seller.vouchers(), [PRICE; 2]);
    assert_eq!(seller.till(|till| till.served), 1);
}

#[tokio::test]
async fn what_a_seller_says_is_believed_within_bounds_and_told() {
    type Lie = (fn(&mut serde_json::Value), Dispute);
    let lies: [Lie; 6] = [
        (
            |receipt| receipt["spent"] = "20001".into(),
            Dispute::BeyondPromise {
                said: 20_001,
                promised: 20_000,
            },
        ),
        (
            |receipt| receipt["acceptedCumulative"] = "20001".into(),
            Dispute::BeyondPromise {
                said: 20_001,
                promised: 20_000,
            },
        ),
        (
            |receipt| receipt["spent"] = "9999".into(),
            Dispute::Backwards {
                said: 9_999,
                seen: 10_000,
            },
        ),
        (|receipt| receipt["chainId"] = 1.into(), Dispute::Network),
        (
            |receipt| {
                let other = alloy_primitives::B256::ZERO.to_string();
                receipt["channelId"] = other.clone().into();
                receipt["reference"] = other.into();
            },
            Dispute::Channel,
        ),
        (|receipt| receipt["spent"] = "x".into(), Dispute::Unreadable),
    ];
    for (lie, expected) in lies {
        let (bench, seller) = market().await;
        let mut session = session(&bench);
        let _ = session.get(seller.url()).send().await.unwrap();
        seller.hook(move |visit, till| {
            let mut told = receipt(till.channels.values().next().unwrap(), "challenge-1");
            told["acceptedCumulative"] = visit.payload["cumulativeAmount"].clone();
            lie(&mut told);
            Turn::Instead(step(200, &[("payment-receipt", &receipt_header(&told))]))
        });
        let reply = session.get(seller.url()).send().await.unwrap();
        let usage = reply.usage().unwrap();
        assert_eq!(usage.dispute(), Some(expected));
        // The worst is assumed.
        assert_eq!(usage.standing().spent, 2 * PRICE);
        seller.honest();
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.usage().unwrap().dispute(), None);
        assert_eq!(*seller.vouchers().last().unwrap(), 3 * PRICE);
    }
}

#[tokio::test]
async fn a_call_that_is_charged_more_than_it_costs_is_told() {
    let (bench, seller) = market().await;
    seller.till(|till| till.request["methodDetails"]["minVoucherDelta"] = "50000".into());
    seller.hook(|visit, till| {
        if visit.action == "voucher" {
            let mut told = receipt(till.channels.values().next().unwrap(), "challenge-1");
            told["acceptedCumulative"] = "50000".into();
            told["spent"] = "30000".into();
            return Turn::Instead(step(200, &[("payment-receipt", &receipt_header(&told))]));
        }
        Turn::Honest
    });
    let mut session = session(&bench);
    let reply = session.get(seller.url()).send().await.unwrap();
    let usage = reply.usage().unwrap();
    let overcharged = Dispute::Overcharged {
        charged: 30_000,
        due: 10_000,
    };
    assert_eq!(usage.dispute(), Some(overcharged));
    assert_eq!(usage.standing().spent, 30_000);
}

#[tokio::test]
async fn a_refused_voucher_is_not_raised_in_the_same_call() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    let problem = |name: &str| {
        let kind = format!("https://paymentauth.org/problems/session/{name}");
        serde_json::json!({"type": kind}).to_string()
    };
    for (name, code) in [
        ("insufficient-balance", "session_insufficient_balance"),
        ("delta-too-small", "session_delta_too_small"),
        ("signer-mismatch", "session_signer_mismatch"),
    ] {
        let body = problem(name);
        seller.hook(move |visit, _| {
            if visit.action == "voucher" && visit.method == "GET" {
                return Turn::Instead(Step::Answer(answer(402, &[], body.clone())));
            }
            Turn::Honest
        });
        let error = session.get(seller.url()).send().await.unwrap_err();
        let SessionError::Refused { code: said, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(said, Some(code));
        assert_eq!(session.standing().unwrap().promised, 2 * PRICE);
    }
    seller.honest();
    let _ = session.get(seller.url()).send().await.unwrap();
    let gone = problem("channel-finalized");
    seller.hook(move |_, _| Turn::Instead(Step::Answer(answer(410, &[], gone.clone()))));
    let error = session.get(seller.url()).send().await.unwrap_err();
    let code = Some("session_channel_finalized");
    assert!(
        matches!(error, SessionError::Gone { code: said } if said == code),
        "{error:?}"
    );
}

#[tokio::test]
async fn redirects_are_not_followed_with_a_voucher() {
    let (bench, seller) = market().await;
    let elsewhere = crate::tests::shop::Shop::open([step(200, &[])]).await;
    let to = elsewhere.url();
    seller.hook(move |visit, _| match &*visit.action {
        "voucher" if visit.nth == 0 => Turn::Lose(step(307, &[("location", &to)])),
        _ => Turn::Honest,
    });
    let mut session = session(&bench);
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.status(), 307);
    assert!(elsewhere.seen().is_empty());
    // An answer without a receipt leaves the count open: it is asked.
    let reply = session.get(seller.url()).send().await.unwrap();
    assert_eq!(reply.usage().unwrap().standing().spent, 2 * PRICE);
}

#[tokio::test]
async fn a_request_that_pays_already_or_cannot_be_repeated_is_not_sent() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let paid = http::HeaderValue::from_static("Payment eyJ9");
    let call = session
        .get(seller.url())
        .header(header::AUTHORIZATION, paid);
    let error = call.send().await.unwrap_err();
    assert!(matches!(
        error,
        SessionError::Unpaid(BuyerError::AlreadyPaid)
    ));
    let login = http::HeaderValue::from_static("Bearer secret");
    let call = session
        .get(seller.url())
        .header(header::AUTHORIZATION, login);
    let error = call.send().await.unwrap_err();
    let SessionError::Unpaid(BuyerError::NothingPayable { skipped }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(skipped[0].reason, Skip::Header);
    assert_eq!(seller.till(|till| till.seen.len()), 1);
}

#[tokio::test]
async fn a_plain_buyer_does_not_open_sessions() {
    let (bench, seller) = market().await;
    let error = bench.buyer().get(seller.url()).send().await.unwrap_err();
    let BuyerError::NothingPayable { skipped } = error else {
        panic!("{error:?}")
    };
    assert_eq!(skipped[0].reason, Skip::Scheme);
    assert_eq!(bench.clock.now(), seller.clock.now());
}
