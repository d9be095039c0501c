#![allow(clippy::unwrap_used)]

use http::StatusCode;
use payment_core::{Network, Units};
use serde_json::json;

use crate::shop::{PAYER, Shop, TRANSACTION, base_offer, pay_v1, pay_v2};
use crate::{FacilitatorFault, SettleAnswer, VerifyAnswer};

mod charges;
mod short;
mod unproven;

const V2: &str = "payment-signature";

fn shop() -> Shop {
    Shop::at(&[base_offer()])
}

async fn paid(shop: &Shop) -> crate::shop::Got {
    shop.get(&[(V2, pay_v2(&base_offer(), 1).as_bytes())]).await
}

fn yes() -> SettleAnswer {
    SettleAnswer::Settled {
        transaction: TRANSACTION.into(),
        network: Network::eip155(84532),
        payer: Some(PAYER.clone()),
        amount: Some(Units::from(10_000)),
    }
}

fn not_sent() -> FacilitatorFault {
    FacilitatorFault::NotSent("connection refused by upstream secret".into())
}

fn lost() -> FacilitatorFault {
    FacilitatorFault::Unknown("connection reset by upstream secret".into())
}

#[tokio::test]
async fn a_settled_payment_has_a_receipt() {
    let shop = shop();
    shop.facilitator.settles(Ok(yes()));
    let got = paid(&shop).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        got.message("payment-response"),
        json!({
            "success": true, "transaction": TRANSACTION, "network": "eip155:84532",
            "payer": PAYER.to_string(), "amount": "10000",
        })
    );
    assert_eq!(shop.facilitator.calls(), ["verify", "settle"]);
}

#[tokio::test]
async fn a_payment_is_good_once_in_either_version() {
    let shop = shop();
    assert_eq!(paid(&shop).await.status, StatusCode::OK);
    let got = paid(&shop).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.code(), "invalid_exact_evm_nonce_already_used");
    let v1 = pay_v1("exact", "base-sepolia", 1);
    let got = shop.get(&[("x-payment", v1.as_bytes())]).await;
    assert_eq!(got.code(), "invalid_exact_evm_nonce_already_used");
    assert_eq!(shop.facilitator.calls(), ["verify", "settle"]);
}

#[tokio::test]
async fn a_no_at_verify_is_a_402_with_its_code() {
    for (code, shown) in [
        ("insufficient_funds", "insufficient_funds"),
        ("Error: at /srv/facilitator.js:7", "payment_refused"),
    ] {
        let shop = shop();
        let code = code.into();
        shop.facilitator
            .verifies(Ok(VerifyAnswer::Invalid { code }));
        let got = paid(&shop).await;
        assert_eq!(
            (got.status, got.code()),
            (StatusCode::PAYMENT_REQUIRED, shown)
        );
        assert_eq!(got.message("payment-required")["error"], shown);
        assert_eq!(shop.facilitator.calls(), ["verify"]);
        // Released: the same payment may try again.
        assert_eq!(paid(&shop).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_fault_at_verify_is_never_a_402() {
    for (fault, status) in [
        (not_sent(), StatusCode::SERVICE_UNAVAILABLE),
        (FacilitatorFault::TimedOut, StatusCode::GATEWAY_TIMEOUT),
        (lost(), StatusCode::BAD_GATEWAY),
        (FacilitatorFault::Garbage("x"), StatusCode::BAD_GATEWAY),
    ] {
        let shop = shop();
        shop.facilitator.verifies(Err(fault));
        let got = paid(&shop).await;
        assert_eq!(got.status, status);
        assert!(!got.body.to_string().contains("secret"));
        assert!(!got.headers.contains_key("payment-required"));
        assert_eq!(paid(&shop).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn another_payer_at_verify_is_a_fault() {
    let shop = shop();
    let payer = Some("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let payer = payer.map(payment_core::Account::parse);
    shop.facilitator.verifies(Ok(VerifyAnswer::Valid { payer }));
    assert_eq!(paid(&shop).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(shop.facilitator.calls(), ["verify"]);
}

#[tokio::test]
async fn a_no_at_settle_is_a_402_with_a_failed_receipt() {
    let shop = shop();
    let code = "insufficient_funds".into();
    shop.facilitator.settles(Ok(SettleAnswer::Refused { code }));
    let got = paid(&shop).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(
        got.message("payment-response"),
        json!({
            "success": false, "errorReason": "insufficient_funds", "transaction": "",
            "network": "eip155:84532", "payer": PAYER.to_string(),
        })
    );
    assert!(got.headers.contains_key("payment-required"));
    assert_eq!(paid(&shop).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_settlement_that_never_left_is_released() {
    let shop = shop();
    shop.facilitator.settles(Err(not_sent()));
    assert_eq!(paid(&shop).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(paid(&shop).await.status, StatusCode::OK);
    assert_eq!(
        shop.facilitator.calls(),
        ["verify", "settle", "verify", "settle"]
    );
}

#[tokio::test]
async fn an_unknown_outcome_is_503_and_is_reconciled_by_the_same_header() {
    for fault in [
        FacilitatorFault::TimedOut,
        lost(),
        FacilitatorFault::Garbage("x"),
    ] {
        let shop = shop();
        shop.facilitator.settles(Err(fault));
        let got = paid(&shop).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(got.code(), "settlement_pending");
        assert!(got.headers.contains_key("retry-after"));
        assert!(!got.headers.contains_key("payment-required"));
        let receipt = got.message("payment-response");
        assert_eq!(receipt["success"], false);
        assert_eq!(receipt["errorReason"], "settlement_pending");
        let got = paid(&shop).await;
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(got.message("payment-response")["success"], true);
        let calls = ["verify", "settle", "reconcile", "evidence"];
        assert_eq!(shop.facilitator.calls(), calls);
        assert_eq!(
            paid(&shop).await.code(),
            "invalid_exact_evm_nonce_already_used"
        );
    }
}

#[tokio::test]
async fn a_pending_transaction_is_remembered() {
    let shop = shop();
    let transaction = Some(TRANSACTION.into());
    shop.facilitator
        .settles(Ok(SettleAnswer::Pending { transaction }));
    let got = paid(&shop).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(got.message("payment-response")["transaction"], TRANSACTION);
    // Whatever is answered now, the transaction is not forgotten.
    for answer in [
        Ok(SettleAnswer::Pending { transaction: None }),
        Err(not_sent()),
        Err(lost()),
    ] {
        shop.facilitator.reconciles(answer);
        let got = paid(&shop).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(got.message("payment-response")["transaction"], TRANSACTION);
    }
    assert_eq!(paid(&shop).await.status, StatusCode::OK);
    let asked = shop.facilitator.asked.lock().unwrap().clone();
    let known = json!({ "transaction": TRANSACTION });
    let evidence: Vec<_> = asked
        .iter()
        .filter(|(call, _)| *call == "evidence")
        .collect();
    assert_eq!(evidence.len(), 4);
    assert!(evidence.iter().all(|(_, evidence)| *evidence == known));
}

#[tokio::test]
async fn a_reconciled_no_releases() {
    let shop = shop();
    shop.facilitator.settles(Err(lost()));
    assert_eq!(paid(&shop).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let code = "invalid_exact_evm_transaction_failed".into();
    shop.facilitator
        .reconciles(Ok(SettleAnswer::Refused { code }));
    let got = paid(&shop).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.code(), "invalid_exact_evm_transaction_failed");
}

#[tokio::test]
async fn only_the_settlement_that_was_asked_for_is_one() {
    let other = || {
        Some(payment_core::Account::parse(
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        ))
    };
    let answer = |transaction: &str, chain, payer, amount| SettleAnswer::Settled {
        transaction: transaction.into(),
        network: Network::eip155(chain),
        payer,
        amount,
    };
    for wrong in [
        answer("", 84532, None, None),
        answer(&"x".repeat(300), 84532, None, None),
        answer(TRANSACTION, 8453, None, None),
        answer(TRANSACTION, 84532, other(), None),
        answer(TRANSACTION, 84532, None, Some(Units::from(9_999))),
    ] {
        let shop = shop();
        shop.facilitator.settles(Ok(wrong.clone()));
        let got = paid(&shop).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{wrong:?}");
        assert_eq!(got.code(), "settlement_pending");
        assert_eq!(paid(&shop).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn start_up_notices_what_the_facilitator_lacks() {
    use crate::wire::{SupportedKind, SupportedResponse};
    use crate::{Unsupported, X402};
    let v2 = || SupportedKind::new(2, "exact", "eip155:84532");
    let v1 = || SupportedKind::new(1, "exact", "base-sepolia");
    let any = || SupportedKind::new(2, "exact", "eip155:*");
    for (kinds, good) in [
        (vec![v2(), v1()], true),
        (vec![any(), v1()], true),
        (vec![v2()], false),
        (vec![v1()], false),
        (vec![SupportedKind::new(2, "exact", "*"), v1()], false),
        (
            vec![SupportedKind::new(2, "upto", "eip155:84532"), v1()],
            false,
        ),
    ] {
        let shop = shop();
        *shop.facilitator.supported.lock().unwrap() = SupportedResponse::new(kinds.clone());
        let scheme = crate::shop::Anything(crate::shop::offer_of(&base_offer()));
        let x402 = X402::new(shop.facilitator).accept(scheme);
        let answer = x402.check_supported().await;
        assert_eq!(answer.is_ok(), good, "{kinds:?}");
        assert!(good || matches!(answer, Err(Unsupported::Kind { .. })));
    }
}
