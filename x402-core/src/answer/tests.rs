#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::shop::changed;

const OK: StatusCode = StatusCode::OK;

fn verify(status: StatusCode, body: &Value) -> Result<VerifyAnswer, FacilitatorFault> {
    VerifyAnswer::read(status, body.to_string().as_bytes())
}

fn settle(status: StatusCode, body: &Value) -> Result<SettleAnswer, FacilitatorFault> {
    SettleAnswer::read(status, body.to_string().as_bytes())
}

#[test]
fn answers_of_the_vectors_are_understood() {
    let file = vectors::load("x402_core.json");
    let messages = &file["messages"]["v2"];
    let mut tally = vectors::Tally::new("x402 facilitator answers");
    assert!(matches!(
        verify(OK, &messages["VerifyResponse"]["valid"]),
        Ok(VerifyAnswer::Valid { payer: Some(_) })
    ));
    assert!(matches!(
        verify(OK, &messages["VerifyResponse"]["invalid"]),
        Ok(VerifyAnswer::Invalid { code }) if code == "insufficient_funds"
    ));
    let settles = &messages["SettleResponse"];
    assert!(matches!(
        settle(OK, &settles["success"]),
        Ok(SettleAnswer::Settled { .. })
    ));
    assert!(matches!(
        settle(OK, &settles["failure"]),
        Ok(SettleAnswer::Refused { code }) if code == "insufficient_funds"
    ));
    assert!(matches!(
        settle(OK, &settles["pending"]),
        Ok(SettleAnswer::Pending {
            transaction: Some(_)
        })
    ));
    let v1 = &file["messages"]["v1"]["SettleResponse"];
    let Ok(SettleAnswer::Settled { network, .. }) = settle(OK, v1) else {
        panic!();
    };
    assert_eq!(network, Network::eip155(84532));
    for _ in 0..6 {
        tally.ran();
    }
}

#[test]
fn only_a_well_typed_yes_verifies() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({ "isValid": "true" }),
        json!({ "isValid": 1 }),
        json!({ "isValid": null }),
        json!({ "isValid": true, "payer": 7 }),
        json!({ "success": true }),
    ] {
        assert!(verify(OK, &body).is_err(), "{body}");
    }
    let twice = br#"{"isValid":false,"isValid":true}"#;
    assert!(VerifyAnswer::read(OK, twice).is_err());
    assert!(
        verify(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "isValid": true })
        )
        .is_err()
    );
}

#[test]
fn a_no_is_read_from_any_status() {
    let no = json!({ "isValid": false, "invalidReason": "insufficient_funds" });
    for status in [200, 400, 402, 412, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(
            matches!(verify(status, &no), Ok(VerifyAnswer::Invalid { .. })),
            "{status}"
        );
    }
    let no = json!({ "success": false, "errorReason": "insufficient_funds" });
    for status in [200, 400, 402, 412] {
        let status = StatusCode::from_u16(status).unwrap();
        assert!(
            matches!(settle(status, &no), Ok(SettleAnswer::Refused { .. })),
            "{status}"
        );
    }
    let bare = json!({ "isValid": false });
    assert!(matches!(
        verify(OK, &bare),
        Ok(VerifyAnswer::Invalid { .. })
    ));
}

#[test]
fn a_no_for_unexpected_reasons_is_a_fault() {
    let no = json!({ "isValid": false, "invalidReason": "unexpected_verify_error" });
    assert!(verify(OK, &no).is_err());
}

#[test]
fn only_a_consistent_yes_settles() {
    let yes = json!({ "success": true, "transaction": "0xab", "network": "eip155:84532" });
    assert!(matches!(settle(OK, &yes), Ok(SettleAnswer::Settled { .. })));
    for (member, value) in [
        ("success", json!("true")),
        ("success", json!(1)),
        ("success", json!(null)),
        ("transaction", json!("")),
        ("transaction", json!(null)),
        ("transaction", json!(7)),
        ("network", json!("")),
        ("network", json!("no such network")),
        ("network", json!(84532)),
        ("payer", json!(7)),
        ("amount", json!(10000)),
        ("amount", json!("1e4")),
    ] {
        let mut body = yes.clone();
        body[member] = value;
        assert!(settle(OK, &body).is_err(), "{body}");
    }
    assert!(settle(StatusCode::BAD_GATEWAY, &yes).is_err());
    assert!(settle(StatusCode::FOUND, &yes).is_err());
}

#[test]
fn an_empty_payer_is_none() {
    let yes = json!({
        "success": true, "transaction": "0xab", "network": "eip155:84532", "payer": "",
    });
    assert!(matches!(
        settle(OK, &yes),
        Ok(SettleAnswer::Settled { payer: None, .. })
    ));
    let yes = json!({ "isValid": true, "payer": "" });
    assert!(matches!(
        verify(OK, &yes),
        Ok(VerifyAnswer::Valid { payer: None })
    ));
}

#[test]
fn a_no_for_a_reason_of_the_payment_is_a_no() {
    // Codes that share letters with those that say nothing.
    for code in [
        "insufficient_funds",
        "invalid_network",
        "invalid_exact_evm_network_mismatch",
        "invalid_exact_evm_signature",
        "invalid_exact_evm_transaction_simulation_failed",
        "invalid_exact_evm_payload_undeployed_smart_wallet",
        "unsupported_scheme",
        "payment_refused",
    ] {
        let body = json!({ "success": false, "errorReason": code });
        assert!(
            matches!(settle(OK, &body), Ok(SettleAnswer::Refused { .. })),
            "{code}"
        );
    }
}

#[test]
fn a_no_that_may_be_a_yes_is_open() {
    let no = |code: &str, transaction: &str| json!({ "success": false, "errorReason": code, "transaction": transaction });
    for (status, body) in [
        (OK, no("settlement_pending", "0xab")),
        (OK, no("settlement_pending", "")),
        (OK, no("insufficient_funds", "0xab")),
        (OK, no("invalid_exact_evm_nonce_already_used", "")),
        (OK, no("permit2_invalid_nonce", "")),
        (OK, no("duplicate_settlement", "")),
        (OK, no("unexpected_settle_error", "")),
        (OK, no("invalid_exact_evm_unexpected_error", "")),
        (OK, no("Request Timeout", "")),
        (OK, no("confirmation timed out", "")),
        (OK, no("Authorization is used or canceled", "")),
        (OK, no("nonce_used", "")),
        (OK, no("already_settled", "")),
        (OK, no("settlement_in_progress", "")),
        (OK, no("internal_error", "")),
        (OK, no("rpc_unavailable", "")),
        (OK, no("unknown_error", "")),
        (OK, no("", "")),
        (OK, json!({ "success": false })),
        (OK, json!({ "success": false, "errorReason": 7 })),
        (StatusCode::REQUEST_TIMEOUT, no("insufficient_funds", "")),
        (StatusCode::CONFLICT, no("insufficient_funds", "")),
        (StatusCode::TOO_EARLY, no("insufficient_funds", "")),
        (
            OK,
            no("settle_exact_svm_transaction_confirmation_timed_out", ""),
        ),
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            no("insufficient_funds", ""),
        ),
        (
            StatusCode::GATEWAY_TIMEOUT,
            no("transaction_failed", "0xab"),
        ),
    ] {
        assert!(
            matches!(settle(status, &body), Ok(SettleAnswer::Pending { .. })),
            "{body}"
        );
    }
    let mined = no("invalid_exact_evm_transaction_failed", "0xab");
    assert!(matches!(
        settle(OK, &mined),
        Ok(SettleAnswer::Refused { .. })
    ));
}

#[test]
fn a_success_of_another_status_is_under_way() {
    let yes = |status: Value| json!({ "success": true, "transaction": "0xab", "network": "eip155:84532", "status": status });
    for status in [json!(null), json!(""), json!("success")] {
        assert!(
            matches!(
                settle(OK, &yes(status.clone())),
                Ok(SettleAnswer::Settled { .. })
            ),
            "{status}"
        );
    }
    for status in [
        "pending",
        "timeout",
        "unknown",
        "failed",
        "Success",
        "no such status",
    ] {
        let transaction = Some("0xab".into());
        assert_eq!(
            settle(OK, &yes(json!(status))).unwrap(),
            SettleAnswer::Pending { transaction },
            "{status}"
        );
        let none = changed(&yes(json!(status)), "transaction", json!(""));
        assert_eq!(
            settle(OK, &none).unwrap(),
            SettleAnswer::Pending { transaction: None },
            "{status}"
        );
    }
    for status in [json!(200), json!(true), json!({})] {
        assert!(settle(OK, &yes(status.clone())).is_err(), "{status}");
    }
}

#[test]
fn a_promise_is_never_read_from_an_answer() {
    for transaction in [json!(""), json!(null)] {
        let yes = json!({
            "success": true, "status": "success", "transaction": transaction,
            "network": "eip155:84532", "amount": "10000",
        });
        assert!(
            matches!(settle(OK, &yes), Err(FacilitatorFault::Garbage(_))),
            "{yes}"
        );
    }
}

#[test]
fn a_no_that_says_it_is_under_way_is_open() {
    let no = |status: Value| json!({ "success": false, "errorReason": "insufficient_funds", "status": status });
    for status in [json!(null), json!(""), json!("failed"), json!(400)] {
        assert!(
            matches!(
                settle(OK, &no(status.clone())),
                Ok(SettleAnswer::Refused { .. })
            ),
            "{status}"
        );
    }
    for status in ["pending", "timeout", "unknown", "success", "no such status"] {
        assert!(
            matches!(
                settle(OK, &no(json!(status))),
                Ok(SettleAnswer::Pending { .. })
            ),
            "{status}"
        );
    }
}

#[test]
fn no_transaction_is_a_success_of_nothing_and_of_nothing_else() {
    let yes = json!({ "success": true, "transaction": "", "network": "eip155:84532" });
    let nothing = settle(OK, &changed(&yes, "amount", json!("0"))).unwrap();
    let SettleAnswer::Settled {
        transaction,
        amount,
        ..
    } = nothing
    else {
        panic!("{nothing:?}");
    };
    assert_eq!((&*transaction, amount), ("", Some(Units::ZERO)));
    for amount in [json!("1"), json!(""), json!("00"), json!(0), Value::Null] {
        let answer = settle(OK, &changed(&yes, "amount", amount.clone()));
        assert!(
            matches!(answer, Err(FacilitatorFault::Garbage(_))),
            "{amount}"
        );
    }
}
