//! Several hooks at one gate.

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

#[test]
fn first_that_decides_is_the_last_that_is_asked() {
    for (hook, first) in [
        ("protected_request", Say::Decide),
        ("protected_request", Say::Grant),
        ("before_verify", Say::Decide),
        ("after_verify", Say::Decide),
        ("before_settle", Say::Decide),
        ("settle_failed", Say::Decide),
    ] {
        let shop = Shop::staffed(3);
        shop.world.script("settle", &[Act::Refuse]);
        shop.staff.script(hook, &[Say::Nothing, first]);
        shop.buy("/a", "c");
        assert_eq!(shop.staff.times(hook), 2, "{hook} {first:?}");
    }
}

#[test]
fn silence_before_the_handler_closes_whatever_the_others_would_say() {
    for hook in ["protected_request", "before_verify", "after_verify"] {
        for mute in MUTE {
            let shop = Shop::staffed(2);
            shop.staff.script(hook, &[mute, Say::Grant]);
            assert_eq!(shop.buy("/a", "c"), faulted(503, "hook_failed"));
            assert_eq!(shop.staff.times(hook), 1, "{hook} {mute:?}");
            assert_eq!(shop.world.moved("c"), 0);
        }
    }
}

#[test]
fn silence_after_the_handler_does_not_speak_for_the_others() {
    for mute in MUTE {
        let shop = Shop::staffed(2);
        shop.staff.script("before_settle", &[mute, Say::Decide]);
        assert_eq!(shop.buy("/a", "c").status, 403, "{mute:?}");
        assert_eq!(shop.world.moved("c"), 0);
        shop.assert_sound("c");

        let shop = Shop::staffed(2);
        shop.world.script("settle", &[Act::Refuse]);
        shop.staff.script("settle_failed", &[mute, Say::Decide]);
        assert_eq!(shop.buy("/a", "c"), page(200, false), "{mute:?}");
        shop.assert_sound("c");
    }
}

#[test]
fn every_listener_is_told_though_others_panic() {
    for say in MUTE {
        let shop = Shop::staffed(3);
        for hook in LISTENING {
            shop.staff.script(hook, &[say, say]);
        }
        assert_eq!(shop.buy("/a", "c"), page(200, true));
        assert_eq!(shop.buy("/a", "c"), refused("spent"));
        for hook in ["after_settle", "succeeded", "failed", "challenged"] {
            assert_eq!(shop.staff.times(hook), 3, "{hook} {say:?}");
        }
    }
}

#[test]
fn money_is_not_given_back_by_two() {
    for mute in MUTE {
        let shop = Shop::staffed(2);
        shop.world.script("serve", &[Act::Refuse]);
        // What the first has done, nobody knows.
        shop.staff.script("refund", &[mute, Say::Decide]);
        assert_eq!(shop.buy("/first", "c").status, 500);
        assert_eq!(
            (shop.staff.times("refund"), shop.staff.refunded("c")),
            (1, 0)
        );
        assert_eq!(shop.buy("/first", "c"), page(200, true), "{mute:?}");
        shop.assert_sound("c");
    }
    let shop = Shop::staffed(2);
    shop.world.script("serve", &[Act::Refuse]);
    shop.staff.script("refund", &[Say::Decide, Say::Decide]);
    assert_eq!(shop.buy("/first", "c").status, 500);
    assert_eq!(shop.staff.refunded("c"), 1);
    shop.assert_sound("c");
}

#[test]
fn no_hooks_are_asked_of_a_gate_that_has_none() {
    let shop = Shop::new();
    for (path, credential) in [("/a", "c"), ("/first", "d"), ("/a", ""), ("/a", "c")] {
        assert!(polled(&mut shop.visit(path, credential), 100).is_some());
        assert!(shop.tasks.is_empty(), "nothing is made for hooks");
    }
    assert!(shop.staff.asked().is_empty());
}

#[test]
fn hook_has_the_time_that_it_asks_for() {
    let shop = Shop::staffed(1);
    shop.staff.script("succeeded", &[Say::Hang]);
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert!(shop.tasks.slept().contains(&DEADLINE));
}
