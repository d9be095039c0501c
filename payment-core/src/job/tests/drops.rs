//! Every await may be the last, and every step may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::shop::*;
use super::world::*;

/// How a request is cut off.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// The client hangs up; what was spawned goes on.
    Dropped,
    /// Something beside it panics, and takes the request along.
    Unwound,
    /// The runtime ends, and what was spawned with it.
    TornDown,
}

/// What happens to a credential before the request that is cut off.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// The answer of its settlement was lost.
    Unsettled,
    /// It was paid and not delivered.
    Undelivered,
}

fn prepared(path: &str, before: Before) -> Shop {
    let shop = Shop::new();
    match before {
        Before::Nothing => {}
        Before::Unsettled => {
            shop.world.script("settle", &[Act::UnknownMoved]);
            assert_eq!(shop.buy(path, "c").status, 503);
        }
        Before::Undelivered => {
            let mut visit = shop.visit(path, "c");
            while !shop.world.log().contains(&"paid") {
                assert!(polled(&mut visit, 1).is_none());
            }
            drop(visit);
            assert_eq!(shop.tasks.run(), 0);
        }
    }
    shop.world.log();
    shop
}

/// Cuts a visit off after so many polls; `false` when it ended before.
fn cut_off(shop: &Shop, path: &str, polls: usize, cut: Cut) -> bool {
    let mut visit = shop.visit(path, "c");
    if let Some(ran) = polled(&mut visit, polls) {
        assert_eq!(shop.seen("c", ran), page(200, true));
        return false;
    }
    match cut {
        Cut::Dropped => drop(visit),
        Cut::Unwound => {
            let unwound = catch_unwind(AssertUnwindSafe(move || {
                let _visit = visit;
                panic!("something else");
            }));
            assert!(unwound.is_err());
        }
        Cut::TornDown => {
            drop(visit);
            // What is dropped may try to spawn once more.
            for _ in 0..3 {
                shop.tasks.tear_down();
            }
        }
    }
    true
}

#[test]
fn request_cut_off_at_any_await_is_sound_and_can_be_sent_again() {
    for path in ["/a", "/first"] {
        for before in [Before::Nothing, Before::Unsettled, Before::Undelivered] {
            for cut in [Cut::Dropped, Cut::Unwound, Cut::TornDown] {
                let mut polls = 0;
                loop {
                    let label = format!("{path} {before:?} {cut:?} after {polls} polls");
                    let shop = prepared(path, before);
                    if !cut_off(&shop, path, polls, cut) {
                        break;
                    }
                    assert_eq!(shop.tasks.run(), 0, "{label}");
                    shop.assert_sound("c");
                    let log = shop.world.log();
                    send_again(&shop, path, cut, log.contains(&"spent"), &label);
                    polls += 1;
                }
                assert!(polls >= 8, "{path} {before:?} {cut:?}: only {polls} awaits");
            }
        }
    }
}

fn send_again(shop: &Shop, path: &str, cut: Cut, was_leaving: bool, label: &str) {
    let mut seen = shop.buy(path, "c");
    shop.assert_sound("c");
    if matches!(cut, Cut::TornDown) {
        // Nobody gave the hold up; its lease does, and then the settlement is looked for.
        for _ in 0..3 {
            if seen.status == 409 || seen.code == "reconcile" {
                shop.wait(120);
                seen = shop.buy(path, "c");
                shop.assert_sound("c");
            }
        }
    }
    assert_eq!(shop.world.moved("c"), 1, "{label}");
    // Only a runtime that ends between the two can't take back what it stored.
    if was_leaving && matches!(cut, Cut::TornDown) && seen == refused("spent") {
        return;
    }
    assert_eq!(seen, page(200, true), "{label}");
    assert_eq!(shop.buy(path, "c"), refused("spent"), "{label}");
    shop.assert_sound("c");
}

#[test]
fn settlement_once_begun_finishes_without_its_request() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::Hang]);
        let mut visit = shop.visit(path, "c");
        assert!(polled(&mut visit, 100).is_none());
        drop(visit);
        assert_eq!(shop.tasks.run(), 1, "the settlement waits");
        let ran = polled(&mut shop.visit(path, "c"), 100).unwrap();
        assert_eq!(shop.seen("c", ran).status, 409);
        shop.world.let_go(1);
        assert_eq!(shop.tasks.run(), 0);
        assert_eq!(shop.world.moved("c"), 1);
        shop.world.log();
        assert_eq!(shop.buy(path, "c"), page(200, true));
        assert!(!shop.world.log().contains(&"settle"));
        shop.assert_sound("c");
    }
}

#[test]
fn panic_before_the_settlement_releases() {
    for path in ["/a", "/first"] {
        for step in ["bind", "in_time", "check", "verify"] {
            let shop = Shop::new();
            shop.world.script(step, &[Act::Panic]);
            shop.buy_and_panic(path, "c");
            shop.assert_sound("c");
            assert_eq!(shop.buy(path, "c"), page(200, true), "{path} {step}");
            shop.assert_sound("c");
        }
    }
}

#[test]
fn panicking_handler_costs_nothing_when_settled_after() {
    for step in ["serve", "hold"] {
        let shop = Shop::new();
        shop.world.script(step, &[Act::Panic]);
        shop.buy_and_panic("/a", "c");
        let log = shop.world.log();
        assert!(log.ends_with(&[step, "give back", "release"]), "{log:?}");
        assert_eq!(shop.world.moved("c"), 0);
        assert_eq!(shop.buy("/a", "c"), page(200, true));
        shop.assert_sound("c");
    }
}

#[test]
fn panicking_handler_keeps_the_payment_when_settled_first() {
    let shop = Shop::new();
    shop.world.script("serve", &[Act::Panic]);
    shop.buy_and_panic("/first", "c");
    assert!(shop.world.log().ends_with(&["serve", "undelivered"]));
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    assert!(!shop.world.log().contains(&"settle"));
    shop.assert_sound("c");
}

#[test]
fn panicking_settlement_is_looked_for_and_never_repeated() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::Panic]);
        shop.buy_and_panic(path, "c");
        assert!(shop.world.log().ends_with(&["settle", "unknown"]));
        shop.world.script("reconcile", &[Act::Panic]);
        shop.buy_and_panic(path, "c");
        assert!(shop.world.log().ends_with(&["reconcile", "unknown"]));
        assert_eq!(shop.buy(path, "c"), page(200, true));
        assert!(!shop.world.log().contains(&"settle"));
        shop.assert_sound("c");
    }
}

#[test]
fn panic_in_a_task_that_outlived_its_request_is_sound() {
    let shop = Shop::new();
    shop.world.script("settle", &[Act::Panic]);
    let mut visit = shop.visit("/a", "c");
    while !shop.world.log().contains(&"settle") {
        assert!(polled(&mut visit, 1).is_none());
    }
    drop(visit);
    assert_eq!(shop.tasks.run(), 0);
    assert_eq!(shop.world.log(), ["unknown"]);
    shop.assert_sound("c");
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    shop.assert_sound("c");
}
