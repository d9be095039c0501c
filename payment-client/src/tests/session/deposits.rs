//! Deposits: within the budget, and never a second one for one that may have been taken.

use std::time::Duration;

use payment_core::usd;

use super::seller::{PRICE, Turn, amount};
use super::{market, session};
use crate::tests::shop::{Step, step};
use crate::{Action, BuyerError, SessionBudget, SessionError, SpendLimit};

#[tokio::test]
async fn the_deposit_is_what_is_suggested_within_the_budget_and_covers_the_price() {
    for (suggested, budget, expected) in [
        (Some("100000"), usd!("0.10"), 100_000),
        (Some("99999999"), usd!("0.10"), 100_000),
        (Some("30000"), usd!("0.10"), 30_000),
        (Some("1"), usd!("0.10"), PRICE),
        (None, usd!("0.07"), 70_000),
        // What the token can't hold exactly is rounded down.
        (None, usd!("0.0700009"), 70_000),
    ] {
        let (bench, seller) = market().await;
        seller.till(|till| {
            let request = till.request.as_object_mut().unwrap();
            match suggested {
                Some(text) => request.insert("suggestedDeposit".into(), text.into()),
                None => request.remove("suggestedDeposit"),
            };
        });
        let buyer = bench.buyer();
        let mut session = buyer
            .session(SessionBudget::deposit(budget))
            .start()
            .unwrap();
        let _ = session.get(seller.url()).send().await.unwrap();
        assert_eq!(seller.channel().deposit(), expected);
        let counted = usd!("1").to_units(6).unwrap();
        assert!(buyer.spent().to_units(6).unwrap() <= counted);
        assert_eq!(
            buyer.spent().to_units(6).unwrap().to_string(),
            expected.to_string()
        );
    }
}

#[tokio::test]
async fn a_budget_below_the_price_signs_nothing() {
    let (bench, seller) = market().await;
    let buyer = bench.buyer();
    let budget = SessionBudget::deposit(usd!("0.009"));
    let mut session = buyer.session(budget).start().unwrap();
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::BudgetReached { .. }),
        "{error:?}"
    );
    // Nor one above what is left of the buyer's total.
    let limit = SpendLimit::per_payment(usd!("0.10")).total(usd!("0.09"));
    let poor = bench.limited(limit).build().unwrap();
    let mut session = poor
        .session(SessionBudget::deposit(usd!("0.10")))
        .start()
        .unwrap();
    let error = session.get(seller.url()).send().await.unwrap_err();
    let reached = matches!(error, SessionError::Unpaid(BuyerError::TotalReached { .. }));
    assert!(reached, "{error:?}");
    assert!(seller.log().iter().all(|line| line == "402"));
    assert!(poor.spent().is_zero());
}

#[tokio::test]
async fn the_channel_is_topped_up_within_the_budget_and_no_further() {
    let (bench, seller) = market().await;
    seller.till(|till| till.request["suggestedDeposit"] = "20000".into());
    let buyer = bench.buyer();
    let budget = SessionBudget::deposit(usd!("0.03")).total(usd!("0.05"));
    let mut session = buyer.session(budget).start().unwrap();
    for _ in 0..5 {
        let _ = session.get(seller.url()).send().await.unwrap();
    }
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::BudgetReached { .. }),
        "{error:?}"
    );
    let deposits = seller.payloads("topUp");
    let deposits: Vec<u128> = deposits
        .iter()
        .map(|p| amount(p, "additionalDeposit"))
        .collect();
    assert_eq!(deposits, [20_000, 10_000]);
    assert_eq!(seller.channel().deposit(), 50_000);
    assert_eq!(buyer.spent(), usd!("0.05"));
    assert_eq!(*seller.vouchers().last().unwrap(), 50_000);
}

#[tokio::test]
async fn a_deposit_without_an_answer_is_sent_again_and_never_a_second_one() {
    for taken in [true, false] {
        let (bench, seller) = market().await;
        let buyer = bench.buyer();
        let budget = SessionBudget::deposit(usd!("0.10")).total(usd!("0.50"));
        let mut session = buyer.session(budget).start().unwrap();
        seller.hook(move |visit, _| match &*visit.action {
            "open" if taken => Turn::Lose(Step::HangUp),
            "open" => Turn::Instead(Step::HangUp),
            _ => Turn::Honest,
        });
        let error = session.get(seller.url()).send().await.unwrap_err();
        let unknown = matches!(
            error,
            SessionError::DepositUnknown {
                action: Action::Open,
                ..
            }
        );
        assert!(unknown, "{error:?}");
        assert_eq!(seller.vouchers(), []);
        seller.honest();
        // Also when the challenge it was signed for is gone.
        bench.clock.advance(Duration::from_secs(400));
        let _ = session.get(seller.url()).send().await.unwrap();
        let opens = seller.payloads("open");
        assert!(opens.len() > 2);
        assert!(opens.iter().all(|open| *open == opens[0]));
        assert_eq!(seller.till(|till| till.channels.len()), 1);
        assert_eq!(buyer.spent(), usd!("0.10"));
    }
}

#[tokio::test]
async fn a_top_up_without_an_answer_is_sent_again_as_it_is() {
    let (bench, seller) = market().await;
    seller.till(|till| till.request["suggestedDeposit"] = "10000".into());
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.hook(|visit, _| match &*visit.action {
        "topUp" => Turn::Lose(Step::HangUp),
        _ => Turn::Honest,
    });
    let error = session.get(seller.url()).send().await.unwrap_err();
    let unknown = matches!(
        error,
        SessionError::DepositUnknown {
            action: Action::TopUp,
            ..
        }
    );
    assert!(unknown, "{error:?}");
    seller.honest();
    let _ = session.get(seller.url()).send().await.unwrap();
    let payloads = seller.payloads("topUp");
    assert!(payloads.iter().all(|payload| *payload == payloads[0]));
    assert_eq!(seller.channel().deposit(), 20_000);
    assert_eq!(session.standing().unwrap().deposit, 20_000);
}

#[tokio::test]
async fn a_refused_deposit_is_replaced_only_when_it_cannot_be_taken_any_more() {
    let (bench, seller) = market().await;
    let buyer = bench.buyer();
    let budget = SessionBudget::deposit(usd!("0.10")).total(usd!("0.20"));
    let mut session = buyer.session(budget).start().unwrap();
    let refuse = || {
        seller.hook(|visit, _| match &*visit.action {
            "open" => Turn::Instead(step(402, &[])),
            _ => Turn::Honest,
        });
    };
    refuse();
    for _ in 0..2 {
        let error = session.get(seller.url()).send().await.unwrap_err();
        let refused = matches!(
            error,
            SessionError::Refused {
                action: Action::Open,
                ..
            }
        );
        assert!(refused, "{error:?}");
    }
    let opens = seller.payloads("open");
    assert_eq!(opens[0], opens[1]);
    assert_eq!(buyer.spent(), usd!("0.10"));
    // Ten minutes after its end.
    bench.clock.advance(Duration::from_secs(901));
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::Refused { .. }), "{error:?}");
    assert_eq!(seller.payloads("open")[2], opens[0]);
    // The next one is within what is left of the budget, and the last.
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::Refused { .. }), "{error:?}");
    assert_ne!(seller.payloads("open")[3]["salt"], opens[0]["salt"]);
    assert_eq!(buyer.spent(), usd!("0.20"));
    bench.clock.advance(Duration::from_secs(901));
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::BudgetReached { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn closing_learns_what_is_open_first_and_can_be_asked_again() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    seller.hook(|visit, _| match (&*visit.action, visit.nth) {
        ("voucher", 0) | ("close", _) => Turn::Lose(Step::HangUp),
        _ => Turn::Honest,
    });
    let _ = session.get(seller.url()).send().await.unwrap_err();
    let error = session.close().await.unwrap_err();
    let unknown = matches!(
        error,
        SessionError::DepositUnknown {
            action: Action::Close,
            ..
        }
    );
    assert!(unknown, "{error:?}");
    assert_eq!(seller.till(|till| till.closed_at), Some(PRICE));
    // It pays for nothing more.
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::Closing), "{error:?}");
    seller.hook(|visit, _| match &*visit.action {
        "close" => Turn::Instead(step(410, &[])),
        _ => Turn::Honest,
    });
    let closed = session.close().await.unwrap().unwrap();
    assert!(closed.receipt().is_none());
    assert_eq!(closed.spent(), usd!("0.01"));
}

#[tokio::test]
async fn what_came_back_is_given_back_on_request_only() {
    let (bench, seller) = market().await;
    let buyer = bench.buyer();
    let budget = SessionBudget::deposit(usd!("0.10"));
    let mut session = buyer.session(budget).start().unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!(buyer.spent(), usd!("0.10"));
    let back = closed.refunded();
    closed.give_back(back);
    assert_eq!(buyer.spent(), usd!("0.01"));
}
