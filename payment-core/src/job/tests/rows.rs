//! One test a row of what a request can meet.

use super::shop::*;
use super::world::*;
use crate::Timestamp;

/// The same credential works again, and is settled and delivered once.
fn works_afresh(shop: &Shop) {
    shop.world.log();
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert!(
        shop.world.log().contains(&"settle"),
        "it was not settled afresh"
    );
    assert_eq!(shop.world.moved("c"), 1);
    assert_eq!(shop.buy("/a", "c"), refused("spent"));
    shop.assert_sound("c");
}

#[test]
fn request_without_credential_is_challenged() {
    let shop = Shop::new();
    assert_eq!(shop.buy("/a", ""), refused("payment_required"));
    assert_eq!(shop.world.log(), ["claim", "challenge"]);
}

#[test]
fn unreadable_credential_is_refused_unread() {
    let shop = Shop::new();
    shop.world.script("claim", &[Act::Refuse]);
    assert_eq!(shop.buy("/a", "c"), refused("claim"));
    assert_eq!(shop.world.log(), ["claim", "challenge"]);
}

#[test]
fn credential_for_other_terms_is_challenged_before_anyone_is_asked() {
    let shop = Shop::new();
    shop.world.script("bind", &[Act::Refuse]);
    assert_eq!(shop.buy("/a", "c"), refused("bind"));
    assert_eq!(shop.world.log(), ["claim", "bind", "challenge"]);
    shop.assert_sound("c");
}

#[test]
fn credential_in_flight_is_a_conflict() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("serve", &[Act::Hang]);
        let mut first = shop.visit(path, "c");
        assert!(polled(&mut first, 100).is_none());
        let conflict = shop.buy(path, "c");
        assert_eq!(
            (conflict.status, &*conflict.code),
            (409, "payment_in_progress")
        );
        assert!(conflict.wait && !conflict.challenged);
        shop.world.let_go(1);
        let ran = polled(&mut first, 100).unwrap();
        assert_eq!(shop.seen("c", ran), page(200, true));
        let served = shop
            .world
            .log()
            .iter()
            .filter(|step| **step == "serve")
            .count();
        assert_eq!(served, 1);
        drop(first);
        shop.assert_sound("c");
    }
}

#[test]
fn used_credential_is_refused_before_its_signature_is_looked_at() {
    let shop = Shop::new();
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    shop.world.log();
    for path in ["/a", "/b", "/first"] {
        assert_eq!(shop.buy(path, "c"), refused("spent"));
        assert_eq!(shop.world.log(), ["claim", "bind", "look", "challenge"]);
    }
    shop.assert_sound("c");
}

#[test]
fn fault_while_verifying_releases() {
    let shop = Shop::new();
    shop.world.script("verify", &[Act::Fail]);
    assert_eq!(shop.buy("/a", "c"), faulted(502, "verify"));
    works_afresh(&shop);
}

#[test]
fn refused_verification_releases() {
    let shop = Shop::new();
    shop.world.script("verify", &[Act::Refuse]);
    assert_eq!(shop.buy("/a", "c"), refused("verify"));
    works_afresh(&shop);
}

#[test]
fn verification_without_an_answer_keeps_the_credential() {
    let shop = Shop::new();
    shop.world.script("verify", &[Act::Unknown]);
    let seen = shop.buy("/a", "c");
    assert_eq!((seen.status, seen.wait), (503, true));
    shop.world.script("reconcile", &[Act::Fail]);
    assert_eq!(shop.buy("/a", "c").status, 503);
    assert_eq!(shop.delivered("c"), 0);
}

#[test]
fn refused_settlement_discards_the_response_and_releases() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::Refuse]);
        assert_eq!(shop.buy(path, "c"), refused("settle"));
        assert_eq!(shop.delivered("c"), 0);
        works_afresh(&shop);
    }
}

#[test]
fn settlement_that_was_never_sent_is_our_fault_and_releases() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::Fail]);
        assert_eq!(shop.buy(path, "c"), faulted(502, "settle"));
        works_afresh(&shop);
    }
}

#[test]
fn settlement_without_an_answer_is_reconciled_and_delivered_once() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::UnknownMoved]);
        let seen = shop.buy(path, "c");
        assert_eq!((seen.status, &*seen.code), (503, "settlement_pending"));
        assert!(
            seen.wait && seen.receipt && !seen.challenged,
            "never told to pay again"
        );
        // Another request does not get what this one paid for.
        shop.world.log();
        assert_eq!(shop.buy("/other", "c"), refused("spent"));
        assert!(!shop.world.log().contains(&"reconcile"));
        // Long after its validity it is still delivered.
        shop.wait(5000);
        assert_eq!(shop.buy(path, "c"), page(200, true));
        let log = shop.world.log();
        assert!(
            log.contains(&"reconcile") && !log.contains(&"settle") && !log.contains(&"in_time")
        );
        assert_eq!(*shop.world.evidence.lock().unwrap(), [b"moved"]);
        assert_eq!(shop.buy(path, "c"), refused("spent"));
        assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 1));
        shop.assert_sound("c");
    }
}

#[test]
fn reconciliation_that_finds_nothing_sets_the_credential_free() {
    let shop = Shop::new();
    shop.world.script("settle", &[Act::Unknown]);
    assert_eq!(shop.buy("/a", "c").status, 503);
    assert_eq!(shop.buy("/a", "c"), refused("reconcile"));
    works_afresh(&shop);
}

#[test]
fn reconciliation_without_an_answer_keeps_what_is_known() {
    for silent in [Act::Fail, Act::Unknown] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::UnknownMoved]);
        assert_eq!(shop.buy("/a", "c").status, 503);
        shop.world.script("reconcile", &[silent; 3]);
        for _ in 0..3 {
            let seen = shop.buy("/a", "c");
            assert_eq!(
                (seen.status, seen.wait, seen.challenged),
                (503, true, false)
            );
        }
        assert_eq!(shop.buy("/a", "c"), page(200, true));
        assert_eq!(*shop.world.evidence.lock().unwrap(), [b"moved"; 4]);
        shop.assert_sound("c");
    }
}

#[test]
fn failing_handler_costs_nothing_when_settled_after() {
    let shop = Shop::new();
    for act in [Act::Refuse, Act::Fail] {
        shop.world.script("serve", &[act]);
        let seen = shop.buy("/a", "c");
        assert!(matches!(
            (seen.status, &*seen.code),
            (500, "served") | (0, "error")
        ));
        assert!(!seen.receipt);
        let log = shop.world.log();
        assert!(log.ends_with(&["serve", "give back", "release"]), "{log:?}");
    }
    works_afresh(&shop);
}

#[test]
fn response_that_breaks_off_costs_nothing() {
    let shop = Shop::new();
    shop.world.script("hold", &[Act::Fail]);
    assert_eq!(shop.buy("/a", "c"), faulted(500, "response_not_holdable"));
    assert_eq!(shop.world.moved("c"), 0);
    works_afresh(&shop);
}

#[test]
fn failing_handler_keeps_the_payment_when_settled_first() {
    let shop = Shop::new();
    for act in [Act::Refuse, Act::Fail] {
        shop.world.script("serve", &[act]);
        let seen = shop.buy("/first", "c");
        assert!(matches!(
            (seen.status, &*seen.code),
            (500, "served") | (0, "error")
        ));
    }
    assert_eq!(shop.buy("/first?other", "c"), refused("spent"));
    shop.wait(5000);
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    let log = shop.world.log();
    assert_eq!(log.iter().filter(|step| **step == "settle").count(), 1);
    assert_eq!(log.iter().filter(|step| **step == "serve").count(), 3);
    assert_eq!(shop.buy("/first", "c"), refused("spent"));
    shop.assert_sound("c");
}

#[test]
fn unavailable_store_closes_the_gate() {
    for call in 0..2 {
        let shop = Shop::new();
        shop.guard.fail(call, Write::Lost);
        assert_eq!(
            shop.buy("/a", "c"),
            faulted(503, "replay_store_unavailable")
        );
        let log = shop.world.log();
        assert!(
            !log.contains(&"verify") && !log.contains(&"serve"),
            "{log:?}"
        );
        works_afresh(&shop);
    }
}

#[test]
fn forbidden_payer_is_not_invited_to_pay() {
    let shop = Shop::new();
    shop.world.script("check", &[Act::Forbid]);
    let seen = shop.buy("/a", "c");
    assert_eq!((seen.status, seen.challenged), (403, false));
    shop.assert_sound("c");
}

#[test]
fn credential_without_time_left_is_refused_before_its_signature() {
    let shop = Shop::new();
    assert_eq!(shop.buy("/a", "c:1:105"), refused("expired"));
    assert_eq!(
        shop.world.log(),
        ["claim", "bind", "look", "in_time", "challenge"]
    );
    assert_eq!(shop.buy("/a", "c:1:106"), page(200, true));
}

#[test]
fn expired_credential_that_looked_started_is_not_served_afresh() {
    let shop = Shop::new();
    shop.world.script("settle", &[Act::UnknownMoved]);
    assert_eq!(shop.buy("/a", "c:1:200").status, 503);
    shop.wait(500);
    // This one looks while the settlement is open; the other delivers, and time goes on until
    // the record is forgotten.
    let mut slow = shop.visit("/a", "c:1:200");
    assert!(polled(&mut slow, 3).is_none());
    assert_eq!(shop.buy("/a", "c:1:200"), page(200, true));
    assert_eq!(shop.buy("/a", "other:1:5000"), page(200, true));
    let ran = polled(&mut slow, 100).unwrap();
    assert_eq!(shop.seen("c", ran), refused("spent"));
    drop(slow);
    shop.tasks.run();
    shop.assert_sound("c");
}

#[test]
fn vouchers_need_no_reservation() {
    let shop = Shop::new();
    for _ in 0..2 {
        assert_eq!(shop.buy("/a", "v"), page(200, true));
        assert!(!shop.world.log().contains(&"reserve"));
    }
    shop.world.script("serve", &[Act::Refuse]);
    assert_eq!(shop.buy("/a", "v"), page(500, false));
    assert!(shop.world.log().ends_with(&["serve", "give back"]));
}

#[test]
fn slow_handler_whose_lease_was_taken_neither_settles_nor_delivers() {
    let shop = Shop::new();
    shop.world.script("serve", &[Act::Hang]);
    let mut slow = shop.visit("/a", "c");
    assert!(polled(&mut slow, 100).is_none());
    shop.wait(120);
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    shop.world.let_go(1);
    shop.world.log();
    let ran = polled(&mut slow, 100).unwrap();
    let seen = shop.seen("c", ran);
    assert_eq!(
        (seen.status, seen.wait, seen.challenged),
        (503, true, false)
    );
    assert_eq!(shop.world.log(), ["hold", "settling"]);
    drop(slow);
    shop.tasks.run();
    shop.assert_sound("c");
    assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 1));
}

#[test]
fn settlement_under_way_is_not_reconciled_beside_it() {
    let shop = Shop::new();
    shop.world.script("serve", &[Act::Hang]);
    shop.world.script("settle", &[Act::Hang]);
    let mut slow = shop.visit("/a", "c");
    assert!(polled(&mut slow, 100).is_none());
    // The handler takes nearly all of the lease; the settlement is sent and not yet seen.
    shop.wait(119);
    shop.world.let_go(1);
    assert!(polled(&mut slow, 100).is_none());
    shop.wait(1);
    assert_eq!(shop.buy("/a", "c").status, 409);
    shop.wait(60);
    assert_eq!(shop.buy("/a", "c").status, 409);
    shop.world.let_go(1);
    let ran = polled(&mut slow, 100).unwrap();
    assert_eq!(shop.seen("c", ran), page(200, true));
    drop(slow);
    shop.assert_sound("c");
}

#[test]
fn settle_first_delivery_lost_to_another_is_not_made_twice() {
    let shop = Shop::new();
    shop.world.script("serve", &[Act::Hang]);
    let mut slow = shop.visit("/first", "c");
    assert!(polled(&mut slow, 100).is_none());
    shop.wait(120);
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    shop.world.let_go(1);
    let ran = polled(&mut slow, 100).unwrap();
    let seen = shop.seen("c", ran);
    assert_eq!((seen.status, seen.challenged), (503, false));
    drop(slow);
    shop.tasks.run();
    shop.assert_sound("c");
    assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 1));
}

#[test]
fn unreadable_receipt_is_neither_delivered_on_nor_set_free() {
    use crate::{ReplayGuard, ReplayKey, Reservation, Reserve, Stage};

    let shop = Shop::new();
    shop.world.script("serve", &[Act::Refuse]);
    assert_eq!(shop.buy("/first", "c"), page(500, false));
    // The same record, spoiled: taken up by a request and left behind with another receipt.
    let mut visit = shop.visit("/first", "c");
    shop.world.script("serve", &[Act::Hang]);
    assert!(polled(&mut visit, 100).is_none());
    drop(visit);
    shop.tasks.tear_down();
    let keys = [ReplayKey::new("fake", &[b"c"])];
    let scope = {
        let crate::Admission::Priced(job) = shop.admit("/first", "c") else {
            panic!("priced")
        };
        crate::permit::scope(&job.ask)
    };
    shop.wait(120);
    let now = Timestamp::from_seconds(220);
    let lease = std::time::Duration::from_secs(1);
    let wish = Reservation::new(&keys, scope, now, now, lease);
    let Some(Ok(Reserve::Held(ticket, _))) =
        polled(&mut Box::pin(shop.guard.inner.reserve(wish)), 1)
    else {
        panic!("not held");
    };
    let spoiled = Stage::Undelivered("{".into());
    polled(&mut Box::pin(shop.guard.inner.advance(&ticket, spoiled)), 1)
        .unwrap()
        .unwrap();

    for _ in 0..2 {
        let seen = shop.buy("/first", "c");
        assert_eq!(
            (seen.status, seen.wait, seen.challenged),
            (503, true, false)
        );
    }
    assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 0));
}

#[test]
fn scope_tells_requests_and_mounts_apart() {
    let ask = || {
        let crate::Admission::Priced(job) = Shop::new().admit("/a", "c") else {
            panic!("answered at once");
        };
        job.ask
    };
    let with = |change: fn(&mut crate::Ask)| {
        let mut ask = ask();
        change(&mut ask);
        crate::permit::scope(&ask)
    };
    let same = with(|_| {});
    // What a client can vary freely, or what merely passes, is no part of it.
    assert_eq!(
        with(|ask| ask.resource = "http://other.example/a".into()),
        same
    );
    assert_eq!(with(|ask| ask.now = Timestamp::from_seconds(1)), same);
    let others = [
        with(|ask| ask.method = "POST".into()),
        with(|ask| ask.path = "/b".into()),
        with(|ask| ask.query = Some("".into())),
        with(|ask| ask.query = Some("a".into())),
        with(|ask| ask.resource = "http://shop.example/mount/a".into()),
    ];
    for (at, other) in others.iter().enumerate() {
        assert!(*other != same && !others[..at].contains(other), "{at}");
    }
}
