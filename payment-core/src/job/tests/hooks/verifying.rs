//! Payments that were not verified, and hooks that go on with them.

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

#[test]
fn only_what_its_settlement_proves_goes_on_unverified() {
    for path in ["/a", "/first"] {
        for (act, seen) in [
            (Act::Refuse, refused("verify")),
            (Act::Fail, faulted(502, "verify")),
        ] {
            for (name, recovers) in [("c", false), ("provable", true), ("v provable", false)] {
                let shop = Shop::staffed(1);
                shop.world.script("verify", &[act]);
                shop.staff.script("verify_failed", &[Say::Decide]);
                let expected = match recovers {
                    true => page(200, true),
                    false => seen.clone(),
                };
                assert_eq!(shop.buy(path, name), expected, "{path} {name} {act:?}");
                assert_eq!(shop.world.moved(name), u32::from(recovers));
                assert_eq!(shop.staff.times("verify_failed"), usize::from(recovers));
                // Whoever has the say on payers has it on this one too.
                assert_eq!(shop.staff.times("after_verify"), usize::from(recovers));
                shop.assert_sound(name);
            }
        }
    }
}

#[test]
fn what_does_not_answer_does_not_recover() {
    for path in ["/a", "/first"] {
        for say in MUTE.into_iter().chain([Say::Nothing]) {
            let shop = Shop::staffed(1);
            shop.world.script("verify", &[Act::Refuse]);
            shop.staff.script("verify_failed", &[say]);
            assert_eq!(shop.buy(path, "provable"), refused("verify"), "{say:?}");
            assert!(!shop.world.all().contains(&"serve"));
            assert_eq!(shop.buy(path, "provable"), page(200, true));
            shop.assert_sound("provable");
        }
    }
}

#[test]
fn unverified_payment_is_not_let_off_its_settlement() {
    for path in ["/a", "/first"] {
        for settle in [Act::Refuse, Act::Fail, Act::Unknown, Act::UnknownMoved] {
            let shop = Shop::staffed(1);
            shop.world.script("verify", &[Act::Refuse]);
            shop.world.script("settle", &[settle]);
            shop.staff.script("verify_failed", &[Say::Decide]);
            shop.staff.script("settle_failed", &[Say::Decide]);
            let seen = shop.buy(path, "provable");
            assert!(seen.status >= 400, "{path} {settle:?} {seen:?}");
            assert_eq!(shop.staff.times("settle_failed"), 0);
            assert_eq!(shop.delivered("provable"), 0);
            shop.assert_sound("provable");
        }
    }
}

#[test]
fn what_is_followed_up_is_not_let_off_its_settlement() {
    for path in ["/a", "/first"] {
        for verify in [Act::Ok, Act::Refuse] {
            for reconcile in [Act::Ok, Act::Fail, Act::Unknown] {
                let shop = Shop::staffed(1);
                shop.world.script("verify", &[verify]);
                shop.staff.script("verify_failed", &[Say::Decide]);
                shop.world.script("settle", &[Act::Unknown]);
                assert_eq!(shop.buy(path, "provable").status, 503);
                // Nobody kept whether it was ever verified.
                shop.staff.script("settle_failed", &[Say::Decide; 2]);
                shop.world.script("reconcile", &[reconcile]);
                assert!(shop.buy(path, "provable").status >= 402);
                assert_eq!(shop.delivered("provable"), 0, "{path} {verify:?}");
                shop.assert_sound("provable");
            }
        }
    }
}

#[test]
fn unverified_payment_is_not_let_off_when_it_comes_again() {
    for path in ["/a", "/first"] {
        for found in [Act::Refuse, Act::Fail, Act::Unknown] {
            let shop = Shop::staffed(1);
            shop.world.script("verify", &[Act::Refuse]);
            shop.world.script("settle", &[Act::Unknown]);
            shop.staff.script("verify_failed", &[Say::Decide]);
            assert_eq!(shop.buy(path, "provable").status, 503);
            // What was never verified is followed up: it is no better known than before.
            shop.world.script("reconcile", &[found]);
            shop.staff.script("settle_failed", &[Say::Decide]);
            let seen = shop.buy(path, "provable");
            assert!(seen.status >= 400, "{path} {found:?} {seen:?}");
            assert_eq!(shop.delivered("provable"), 0);
            shop.assert_sound("provable");
        }
    }
}

#[test]
fn hooks_are_not_asked_once_more_of_a_payment_that_was_settled() {
    for first in [Act::UnknownMoved, Act::Ok] {
        let shop = Shop::staffed(1);
        shop.world.script("settle", &[first]);
        shop.world.script("serve", &[Act::Refuse]);
        assert!(shop.buy("/first", "c").status >= 500);
        // Denied now, it would be paid for nothing.
        for hook in ["before_verify", "after_verify", "before_settle"] {
            shop.staff.script(hook, &[Say::Decide]);
        }
        shop.world.forget_script();
        assert_eq!(shop.buy("/first", "c"), page(200, true), "{first:?}");
        shop.assert_sound("c");
    }
}

#[test]
fn denied_after_verification_everything_is_given_back() {
    for (path, hook) in [
        ("/a", "after_verify"),
        ("/first", "after_verify"),
        ("/a", "before_settle"),
        ("/first", "before_settle"),
    ] {
        for (name, say) in ["c", "meter", "v", "manage"]
            .into_iter()
            .flat_map(|name| [Say::Decide, Say::Fail, Say::PanicLater].map(|say| (name, say)))
        {
            let label = format!("{path} {hook} {name} {say:?}");
            // Once the handler has done its work, silence changes nothing.
            let serves = name != "manage" && (path == "/a" || name == "meter");
            if hook == "before_settle" && serves && say != Say::Decide {
                continue;
            }
            let shop = Shop::staffed(1);
            shop.staff.script(hook, &[say]);
            let seen = shop.buy(path, name);
            let status = if say == Say::Decide { 403 } else { 503 };
            assert_eq!((seen.status, seen.challenged), (status, false), "{label}");
            let log = shop.world.log();
            let given_back = log.iter().filter(|step| **step == "give back").count();
            assert_eq!(given_back, 1, "{log:?}");
            assert!(!log.contains(&"settling") && !log.contains(&"settle"));
            assert!(shop.guard.inner.is_empty(), "{label}");
            shop.assert_sound(name);
        }
    }
}

#[test]
fn what_is_no_content_or_keeps_its_own_account_is_not_given_away() {
    for path in ["/a", "/first"] {
        for name in ["manage", "meter", "v", "vmanage"] {
            let shop = Shop::staffed(1);
            shop.world.script("settle", &[Act::Refuse]);
            shop.staff.script("settle_failed", &[Say::Decide]);
            assert_eq!(shop.buy(path, name), refused("settle"), "{path} {name}");
            assert_eq!(shop.staff.times("settle_failed"), 0);
        }
    }
}

#[test]
fn waived_payment_gives_back_what_verification_took_once() {
    for path in ["/a", "/first"] {
        for (act, given_back) in [(Act::Refuse, 1), (Act::Fail, 1), (Act::UnknownMoved, 0)] {
            for serve in [Act::Ok, Act::Refuse] {
                let shop = Shop::staffed(1);
                shop.world.script("settle", &[act]);
                shop.world.script("serve", &[serve]);
                shop.staff.script("settle_failed", &[Say::Decide]);
                let seen = shop.buy(path, "c");
                let label = format!("{path} {act:?} {serve:?} {seen:?}");
                let log = shop.world.log();
                let count = log.iter().filter(|step| **step == "give back").count();
                if path == "/a" && serve == Act::Refuse {
                    assert_eq!(
                        (count, shop.staff.times("settle_failed")),
                        (1, 0),
                        "{label}"
                    );
                } else {
                    assert_eq!(count, given_back, "{label}");
                }
                // It was waived for a delivery. Without one it is as if it were not.
                if serve == Act::Refuse {
                    shop.world.forget_script();
                    assert_eq!(shop.buy(path, "c"), page(200, true), "{label}");
                }
                assert_eq!(shop.buy(path, "c"), refused("spent"), "{label}");
                shop.assert_sound("c");
            }
        }
    }
}
