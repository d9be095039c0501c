//! Responses that are paid by use: set aside before, taken after, however the route is timed.

use super::shop::*;
use super::world::*;

const BEFORE: [&str; 9] = [
    "claim", "bind", "look", "in_time", "check", "reserve", "in_time", "verify", "serve",
];
const SETTLED: [&str; 4] = ["settling", "settle", "paid", "spent"];
const GIVEN_BACK: [&str; 2] = ["give back", "release"];

fn shop_that(handling: Handling) -> Shop {
    let shop = Shop::new();
    *shop.world.handling.lock().unwrap() = handling;
    shop
}

#[test]
fn metered_payment_is_settled_after_the_response_is_held() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        assert_eq!(shop.buy(path, "meter"), page(200, true));
        let steps = [&BEFORE[..], &["hold"], &SETTLED].concat();
        assert_eq!(shop.world.log(), steps, "{path}");
        assert_eq!(shop.buy(path, "meter"), refused("spent"));
        shop.assert_sound("meter");
    }
}

#[test]
fn what_the_meter_counted_is_settled() {
    for (handling, used) in [
        (Handling::Plain, Used::Reported(None)),
        (Handling::Reports(0), Used::Reported(Some(0))),
        (Handling::Reports(7), Used::Reported(Some(7))),
        (Handling::Streams, Used::Streamed),
    ] {
        for path in ["/a", "/first"] {
            let shop = shop_that(handling);
            assert_eq!(shop.buy(path, "meter"), page(200, true));
            assert_eq!(*shop.world.used.lock().unwrap(), [used]);
        }
    }
}

#[test]
fn handler_has_a_meter_where_it_is_paid_by_use_and_nowhere_else() {
    let shop = shop_that(Handling::Reports(1));
    for (credential, metered) in [("c", false), ("meter", true), ("vmeter", true)] {
        assert_eq!(shop.buy("/a", credential), page(200, true));
        assert_eq!(shop.world.metered.lock().unwrap().pop(), Some(metered));
    }
}

#[test]
fn stream_is_not_held_and_leaves_with_its_receipt() {
    for path in ["/a", "/first"] {
        let shop = shop_that(Handling::Streams);
        shop.world.script("hold", &[Act::Fail]);
        assert_eq!(shop.buy(path, "meter"), page(200, true));
        let steps = [&BEFORE[..], &SETTLED].concat();
        assert_eq!(shop.world.log(), steps, "{path}");
    }
}

#[test]
fn content_is_held_whatever_the_handler_of_another_did() {
    let shop = shop_that(Handling::Streams);
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert!(shop.world.log().contains(&"hold"));
}

#[test]
fn failing_handler_gives_back_what_was_set_aside() {
    for handling in [Handling::Plain, Handling::Reports(3), Handling::Streams] {
        for path in ["/a", "/first"] {
            for act in [Act::Refuse, Act::Fail] {
                let shop = shop_that(handling);
                shop.world.script("serve", &[act]);
                let seen = shop.buy(path, "meter");
                assert!(!seen.delivered() && !seen.receipt, "{seen:?}");
                let steps = [&BEFORE[..], &GIVEN_BACK].concat();
                assert_eq!(shop.world.log(), steps, "{path} {handling:?} {act:?}");
                assert_eq!(shop.buy(path, "meter"), page(200, true));
                assert_eq!(shop.world.moved("meter"), 1);
                shop.assert_sound("meter");
            }
        }
    }
}

#[test]
fn panicking_handler_gives_back_what_was_set_aside() {
    for handling in [Handling::Plain, Handling::Streams] {
        for path in ["/a", "/first"] {
            let shop = shop_that(handling);
            shop.world.script("serve", &[Act::Panic]);
            shop.buy_and_panic(path, "meter");
            let steps = [&BEFORE[..], &GIVEN_BACK].concat();
            assert_eq!(shop.world.log(), steps, "{path} {handling:?}");
            assert_eq!(shop.buy(path, "meter"), page(200, true));
        }
    }
}

#[test]
fn response_that_breaks_off_gives_back_what_was_set_aside() {
    for path in ["/a", "/first"] {
        let shop = shop_that(Handling::Reports(3));
        shop.world.script("hold", &[Act::Fail]);
        assert_eq!(
            shop.buy(path, "meter"),
            faulted(500, "response_not_holdable")
        );
        let steps = [&BEFORE[..], &["hold"], &GIVEN_BACK].concat();
        assert_eq!(shop.world.log(), steps);
        assert_eq!(shop.world.moved("meter"), 0);
    }
}

#[test]
fn stream_that_can_not_be_begun_does_not_leave() {
    for path in ["/a", "/first"] {
        for (act, status) in [(Act::Refuse, 402), (Act::Fail, 502), (Act::Unknown, 503)] {
            let shop = shop_that(Handling::Streams);
            shop.world.script("settle", &[act]);
            let seen = shop.buy(path, "meter");
            assert_eq!((seen.status, shop.delivered("meter")), (status, 0));
            assert_eq!(shop.world.tabs_dropped(), 1, "the stream is gone");
            shop.assert_sound("meter");
        }
    }
}

#[test]
fn vouchers_without_keys_are_metered_each_time() {
    let shop = shop_that(Handling::Reports(2));
    for _ in 0..2 {
        assert_eq!(shop.buy("/a", "vmeter"), page(200, true));
        assert!(!shop.world.log().contains(&"reserve"));
    }
    assert_eq!(
        *shop.world.used.lock().unwrap(),
        [Used::Reported(Some(2)); 2]
    );
}

#[test]
fn metered_request_cut_off_at_any_await_is_sound_and_can_be_sent_again() {
    for handling in [Handling::Reports(2), Handling::Streams] {
        for path in ["/a", "/first"] {
            let mut polls = 0;
            loop {
                let shop = shop_that(handling);
                let mut visit = shop.visit(path, "meter");
                if let Some(ran) = polled(&mut visit, polls) {
                    assert_eq!(shop.seen("meter", ran), page(200, true));
                    break;
                }
                drop(visit);
                let label = format!("{path} {handling:?} after {polls} polls");
                assert_eq!(shop.tasks.run(), 0, "{label}");
                shop.assert_sound("meter");
                assert_eq!(shop.buy(path, "meter"), page(200, true), "{label}");
                assert_eq!(shop.world.moved("meter"), 1, "{label}");
                assert_eq!(shop.world.used.lock().unwrap().len(), 1, "{label}");
                shop.assert_sound("meter");
                polls += 1;
            }
            assert!(polls >= 8, "{path}: only {polls} awaits");
        }
    }
}

/// A record that waits for its credential is never forgotten. Where nobody is served by it, it must
/// not be had by hanging up: a stream costs nothing before its first event.
#[test]
fn t120_what_is_not_delivered_later_is_forgotten_in_time() {
    for (credential, waits) in [("meter", true), ("meter never", false)] {
        let mut polls = 0;
        let mut waited = 0;
        loop {
            let shop = shop_that(Handling::Streams);
            let mut visit = shop.visit("/a", credential);
            if polled(&mut visit, polls).is_some() {
                break;
            }
            drop(visit);
            assert_eq!(shop.tasks.run(), 0);
            shop.wait(2_000);
            // Whatever comes next sweeps.
            assert_eq!(shop.buy("/a", "c:1:9000"), page(200, true));
            let left = shop.guard.inner.len();
            assert!(
                left == 1 || waits,
                "{credential}: {left} after {polls} polls"
            );
            waited += left - 1;
            polls += 1;
        }
        assert_eq!(waited > 0, waits, "{credential}");
    }
}
