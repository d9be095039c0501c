//! What hooks are told is true.

use http::StatusCode;

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;
use crate::{Ask, Failure, Timestamp};

fn transaction(shop: &Shop, hook: &str) -> Option<String> {
    let context = shop.staff.context(hook);
    context.paid.transaction().map(str::to_owned)
}

#[test]
fn transaction_is_known_once_the_money_has_moved() {
    for path in ["/a", "/first"] {
        let shop = Shop::staffed(1);
        assert_eq!(shop.buy(path, "c"), page(200, true));
        for hook in ["before_verify", "after_verify", "before_settle"] {
            assert_eq!(transaction(&shop, hook), None, "{path} {hook}");
        }
        for hook in ["after_settle", "succeeded"] {
            assert_eq!(transaction(&shop, hook).unwrap(), "tx of c");
            assert!(!shop.staff.context(hook).waived);
        }
        let receipts = shop.staff.receipts.lock().unwrap();
        assert_eq!(receipts[0].reference, "tx of c");
    }
}

#[test]
fn transaction_of_an_earlier_request_is_known_too() {
    for settle in [Act::Ok, Act::UnknownMoved] {
        let shop = Shop::staffed(1);
        shop.world.script("settle", &[settle]);
        shop.world.script("serve", &[Act::Refuse]);
        assert!(shop.buy("/first", "c").status >= 500);
        shop.world.forget_script();
        assert_eq!(shop.buy("/first", "c"), page(200, true));
        assert_eq!(transaction(&shop, "succeeded").unwrap(), "tx of c");
        assert_eq!(shop.staff.times("after_settle"), 1, "told when it is known");
    }
}

#[test]
fn what_verification_finds_out_is_known_after_it() {
    for path in ["/a", "/first"] {
        let shop = Shop::staffed(1);
        assert_eq!(shop.buy(path, "c unproven"), page(200, true));
        let payer = |hook| shop.staff.context(hook).paid.payer().is_some();
        assert!(!payer("before_verify"));
        assert!(payer("after_verify") && payer("before_settle") && payer("succeeded"));
    }
}

#[test]
fn waived_payment_is_no_paid_one() {
    for path in ["/a", "/first"] {
        let shop = Shop::staffed(1);
        shop.world.script("settle", &[Act::Refuse]);
        shop.staff.script("settle_failed", &[Say::Decide]);
        assert_eq!(shop.buy(path, "c"), page(200, false));
        assert!(shop.staff.context("succeeded").waived);
        assert_eq!(transaction(&shop, "succeeded"), None);
        assert_eq!(shop.staff.times("after_settle"), 0);
    }
}

#[test]
fn answer_of_the_handler_is_known_once_it_has_answered() {
    let shop = Shop::staffed(1);
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert_eq!(shop.staff.context("after_verify").response, None);
    let ok = Some(StatusCode::OK);
    assert_eq!(shop.staff.context("before_settle").response, ok);
    // A refund may depend on whose fault it was.
    for (act, response) in [
        (Act::Refuse, Some(StatusCode::INTERNAL_SERVER_ERROR)),
        (Act::Fail, None),
    ] {
        let shop = Shop::staffed(1);
        shop.world.script("serve", &[act]);
        shop.buy("/first", "c");
        assert_eq!(shop.staff.context("refund").response, response);
        assert_eq!(transaction(&shop, "refund").unwrap(), "tx of c");
        // After the settlement, and for the refund.
        let receipts = shop.staff.receipts.lock().unwrap();
        let of_c = receipts
            .iter()
            .filter(|receipt| receipt.reference == "tx of c");
        assert_eq!(of_c.count(), 2);
    }
}

#[test]
fn failure_is_what_the_client_saw() {
    let cases = [
        ("verify", Act::Refuse, 402, "verify", false),
        ("verify", Act::Fail, 502, "verify", false),
        ("settle", Act::Refuse, 402, "settle", false),
        ("settle", Act::Fail, 502, "settle", false),
        ("settle", Act::Unknown, 503, "settlement_pending", true),
        ("serve", Act::Refuse, 500, "handler_failed", false),
        ("serve", Act::Fail, 500, "handler_failed", false),
        ("hold", Act::Fail, 500, "response_not_holdable", false),
        ("check", Act::Forbid, 403, "check", false),
    ];
    for path in ["/a", "/first"] {
        for (step, act, status, code, unknown) in cases {
            if (path, step) == ("/first", "hold") {
                continue;
            }
            let shop = Shop::staffed(1);
            shop.world.script(step, &[act]);
            let seen = shop.buy(path, "c");
            let failures = shop.staff.failures.lock().unwrap();
            let failure = Failure {
                code: code.into(),
                status: StatusCode::from_u16(status).unwrap(),
                // The money of one that settles first has moved before its handler failed.
                unknown: unknown || (path, step) == ("/first", "serve"),
            };
            assert_eq!(*failures, [failure], "{path} {step} {act:?} {seen:?}");
            if step == "settle" {
                let denials = shop.staff.denials.lock().unwrap();
                assert_eq!(*denials, *failures, "{path} {act:?}");
            }
            assert_eq!(shop.staff.times("succeeded"), 0);
            let challenged = usize::from(status == 402);
            assert_eq!(shop.staff.times("challenged"), challenged);
        }
    }
}

#[test]
fn panic_of_the_handler_is_a_failure() {
    for (path, moved) in [("/a", false), ("/first", true)] {
        let shop = Shop::staffed(1);
        shop.world.script("serve", &[Act::Panic]);
        shop.buy_and_panic(path, "c");
        let failures = shop.staff.failures.lock().unwrap();
        assert_eq!((failures.len(), &*failures[0].code), (1, "handler_failed"));
        assert_eq!(failures[0].unknown, moved);
    }
}

#[test]
fn stream_succeeds_when_it_leaves_and_is_compensated_when_it_does_not() {
    for path in ["/a", "/first"] {
        for (denied, delivered) in [(Say::Nothing, 1), (Say::Decide, 0)] {
            let shop = Shop::staffed(1);
            *shop.world.handling.lock().unwrap() = Handling::Streams;
            shop.staff.script("before_settle", &[denied]);
            let seen = shop.buy(path, "meter");
            assert_eq!(seen.delivered(), delivered == 1, "{path} {denied:?}");
            assert!(!shop.world.all().contains(&"hold"));
            let staff = &shop.staff;
            assert_eq!(staff.times("succeeded"), delivered);
            assert_eq!(staff.times("compensate"), 1 - delivered);
            assert_eq!(shop.world.tabs_dropped(), 1);
            shop.assert_sound("meter");
        }
    }
}

#[test]
fn management_is_told_of_as_any_payment() {
    for path in ["/a", "/first"] {
        let shop = Shop::staffed(1);
        assert_eq!(shop.buy(path, "manage").code, "managed");
        let asked = shop.staff.asked();
        let before = [
            "protected_request",
            "before_verify",
            "after_verify",
            "before_settle",
        ];
        assert_eq!(asked[..4], before);
        assert_eq!((shop.staff.times("after_settle"), asked.len()), (1, 6));
        assert_eq!(transaction(&shop, "succeeded").unwrap(), "tx of manage");
    }
}

#[test]
fn unpaid_request_is_challenged_and_has_not_failed() {
    let shop = Shop::staffed(1);
    assert_eq!(shop.buy("/a", ""), refused("payment_required"));
    assert_eq!(shop.staff.asked(), ["protected_request", "challenged"]);
    let challenges = std::mem::take(&mut *shop.staff.challenges.lock().unwrap());
    assert!(challenges[0].headers.contains_key("x-challenge"));
    // What can't be read was brought as a payment.
    shop.world.script("claim", &[Act::Refuse]);
    assert_eq!(shop.buy("/a", "c"), refused("claim"));
    assert_eq!(shop.staff.times("failed"), 1);
}

#[test]
fn t124_no_header_and_no_body_is_printed() {
    let mut ask = Ask::new(Timestamp::default(), "POST", "/a");
    let secret = "a secret";
    ask.headers.insert("x-api-key", secret.parse().unwrap());
    ask.body = Some(secret.into());
    ask.idempotency_key = Some(secret.into());
    let printed = format!("{ask:?}");
    assert!(
        !printed.contains(secret) && printed.contains("x-api-key"),
        "{printed}"
    );
}

#[test]
fn t124_no_evidence_is_printed() {
    let pending = crate::Pending {
        evidence: "a secret".into(),
        headers: Vec::new(),
        code: "settlement_pending",
        cause: "no answer".into(),
    };
    let secret = format!("{:?}", bytes::Bytes::from("a secret"));
    let printed = format!("{:?}", crate::Denied::Unknown(pending));
    assert!(!printed.contains(&secret) && printed.contains("no answer"));
}
