//! A store that fails at any of its calls.

use super::shop::*;
use super::world::*;

/// What else goes wrong on the visit.
const TROUBLE: [Option<(&str, Act)>; 8] = [
    None,
    Some(("verify", Act::Refuse)),
    Some(("verify", Act::Unknown)),
    Some(("serve", Act::Refuse)),
    Some(("settle", Act::Refuse)),
    Some(("settle", Act::Fail)),
    Some(("settle", Act::Unknown)),
    Some(("settle", Act::UnknownMoved)),
];

#[test]
fn store_fault_at_any_call_is_sound_and_ends_with_the_lease() {
    let mut cases = 0;
    for path in ["/a", "/first"] {
        for trouble in TROUBLE {
            for write in [Write::Lost, Write::Done] {
                for call in 0.. {
                    let label = format!("{path} {trouble:?} {write:?} at call {call}");
                    let shop = Shop::new();
                    if let Some((step, act)) = trouble {
                        shop.world.script(step, &[act]);
                    }
                    shop.guard.fail(call, write);
                    let before = shop.guard.calls();
                    let seen = shop.buy(path, "c");
                    if shop.guard.calls() - before <= call {
                        assert!(call >= 3, "{label}: the store was hardly asked");
                        break;
                    }
                    cases += 1;
                    shop.assert_sound("c");
                    closed(&shop, &seen, &label);
                    recovers(&shop, path, &label);
                }
            }
        }
    }
    assert!(cases > 120, "{cases}");
}

/// Where the fault met a request that could have been served, it was not served unpaid, and
/// whoever had paid was not told to pay again.
fn closed(shop: &Shop, seen: &Seen, label: &str) {
    if shop.world.moved("c") == 1 {
        assert!(!seen.challenged, "{label}: told to pay again: {seen:?}");
    }
    if seen.delivered() {
        assert_eq!(shop.world.moved("c"), 1, "{label}");
    }
}

/// The store is well again: within two leases the same credential is served, for one payment.
fn recovers(shop: &Shop, path: &str, label: &str) {
    shop.guard.heal();
    shop.world.forget_script();
    for _ in 0..4 {
        if shop.delivered("c") == 1 {
            break;
        }
        let seen = shop.buy(path, "c");
        shop.assert_sound("c");
        closed(shop, &seen, label);
        shop.wait(120);
    }
    assert_eq!(
        (shop.world.moved("c"), shop.delivered("c")),
        (1, 1),
        "{label}"
    );
    assert_eq!(shop.buy(path, "c"), refused("spent"), "{label}");
}

#[test]
fn store_fault_while_following_up_is_sound() {
    for (step, act) in [("settle", Act::UnknownMoved), ("settle", Act::Unknown)] {
        for write in [Write::Lost, Write::Done] {
            for call in 0..6 {
                let label = format!("{act:?} {write:?} at call {call}");
                let shop = Shop::new();
                shop.world.script(step, &[act]);
                assert_eq!(shop.buy("/a", "c").status, 503);
                shop.world.log();
                shop.guard.fail(call, write);
                let seen = shop.buy("/a", "c");
                shop.assert_sound("c");
                closed(&shop, &seen, &label);
                recovers(&shop, "/a", &label);
            }
        }
    }
}

#[test]
fn settlement_that_could_not_be_recorded_is_recorded_with_the_next_write() {
    let shop = Shop::new();
    // look, reserve, settling, paid
    shop.guard.fail(3, Write::Lost);
    let seen = shop.buy("/a", "c");
    assert_eq!(
        (seen.status, seen.wait, seen.challenged),
        (503, true, false)
    );
    assert!(shop.world.log().ends_with(&["paid", "undelivered"]));
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert!(!shop.world.log().contains(&"reconcile"));
    shop.assert_sound("c");
}

#[test]
fn nothing_is_settled_that_could_not_be_announced() {
    for path in ["/a", "/first"] {
        for write in [Write::Lost, Write::Done] {
            let shop = Shop::new();
            shop.guard.fail(2, write);
            assert_eq!(
                shop.buy(path, "c"),
                faulted(503, "replay_store_unavailable")
            );
            let log = shop.world.log();
            assert!(
                log.ends_with(&["settling", "give back", "release"]),
                "{log:?}"
            );
            assert_eq!(shop.world.moved("c"), 0);
        }
    }
}
