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
fn unpaid_request_is_challenged_and_has_not_failed() {
    let shop = Shop::staffed(1);
    assert_eq!(shop.buy("/a", ""), refused("payment_required"));
    assert_eq!(shop.staff.asked(), ["protected_request", "challenged"]);
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
