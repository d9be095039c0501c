//! What was paid for and not delivered is had by whoever may have it, once.

use super::shop::*;
use super::world::*;

/// A credential that is paid and not delivered.
fn undelivered() -> Shop {
    let shop = Shop::new();
    shop.world.script("serve", &[Act::Refuse]);
    assert_eq!(shop.buy("/first", "c"), page(500, false));
    assert!(shop.world.log().ends_with(&["serve", "undelivered"]));
    shop
}

#[test]
fn who_may_have_it_is_asked_in_the_place_of_verification() {
    let shop = undelivered();
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    assert_eq!(
        shop.world.log(),
        [
            "claim", "bind", "look", "check", "reserve", "resume", "serve", "spent"
        ]
    );
    assert_eq!(shop.buy("/first", "c"), refused("spent"));
    assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 1));
    shop.assert_sound("c");
}

#[test]
fn a_stranger_gets_nothing_and_takes_nothing_away() {
    for (act, status) in [
        (Act::Refuse, 402),
        (Act::Forbid, 403),
        (Act::Fail, 502),
        (Act::Unknown, 503),
    ] {
        let shop = undelivered();
        shop.world.script("resume", &[act; 3]);
        for _ in 0..3 {
            let seen = shop.buy("/first", "c");
            assert_eq!((seen.status, seen.receipt), (status, act == Act::Unknown));
            let log = shop.world.log();
            let none = ["serve", "verify", "settle", "give back", "release", "spent"];
            assert!(!log.iter().any(|step| none.contains(step)), "{log:?}");
            assert!(log.contains(&"undelivered"), "{log:?}");
        }
        assert_eq!(shop.delivered("c"), 0);
        assert_eq!(shop.buy("/first", "c"), page(200, true));
        assert_eq!(shop.buy("/first", "c"), refused("spent"));
        assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 1));
        shop.assert_sound("c");
    }
}

#[test]
fn a_request_that_panics_while_it_is_asked_takes_nothing_away() {
    let shop = undelivered();
    shop.world.script("resume", &[Act::Panic]);
    shop.buy_and_panic("/first", "c");
    assert!(shop.world.log().ends_with(&["resume", "undelivered"]));
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    shop.assert_sound("c");
}
