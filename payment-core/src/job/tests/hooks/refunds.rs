//! Money that has moved for nothing. (T23)

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

/// A handler that fails in each way there is.
fn fails(shop: &Shop, path: &str, name: &str, act: Act) {
    shop.world.script("serve", &[act]);
    match act {
        Act::Panic => shop.buy_and_panic(path, name),
        _ => assert!(!shop.buy(path, name).delivered()),
    }
}

const FAILURES: [Act; 3] = [Act::Refuse, Act::Fail, Act::Panic];

#[test]
fn refunded_payment_is_used_up() {
    for act in FAILURES {
        let shop = Shop::staffed(1);
        shop.staff.script("refund", &[Say::Decide]);
        fails(&shop, "/first", "c", act);
        assert_eq!(shop.staff.refunded("c"), 1);
        assert_eq!(shop.buy("/first", "c"), refused("spent"), "{act:?}");
        assert_eq!((shop.world.moved("c"), shop.delivered("c")), (1, 0));
        shop.assert_sound("c");
    }
}

#[test]
fn payment_that_is_kept_runs_the_handler_again_without_settling_again() {
    for act in FAILURES {
        for say in MUTE.into_iter().chain([Say::Nothing]) {
            let shop = Shop::staffed(1);
            shop.staff.script("refund", &[say]);
            fails(&shop, "/first", "c", act);
            assert_eq!(shop.staff.times("refund"), 1, "{act:?} {say:?}");
            // It fails again, and is asked about again.
            shop.staff.forget_script();
            fails(&shop, "/first", "c", Act::Refuse);
            assert_eq!(shop.staff.times("refund"), 2);
            assert_eq!(shop.buy("/first", "c"), page(200, true), "{act:?} {say:?}");
            assert_eq!(shop.world.moved("c"), 1);
            shop.assert_sound("c");
        }
    }
}

#[test]
fn nothing_is_refunded_that_has_not_moved() {
    for act in FAILURES {
        let shop = Shop::staffed(1);
        fails(&shop, "/a", "c", act);
        for name in ["meter", "vmeter"] {
            fails(&shop, "/first", name, act);
        }
        // Let off, but never known to be paid.
        shop.world
            .script("settle", &[Act::Refuse, Act::UnknownMoved]);
        shop.staff.script("settle_failed", &[Say::Decide; 2]);
        fails(&shop, "/first", "d", act);
        fails(&shop, "/first", "e", act);
        assert_eq!(shop.staff.times("refund"), 0, "{act:?}");
    }
}

#[test]
fn hanging_up_refunds_nothing() {
    let mut polls = 0;
    loop {
        let shop = Shop::staffed(1);
        shop.staff.script("refund", &[Say::Decide; 3]);
        let mut visit = shop.visit("/first", "c");
        let ended = polled(&mut visit, polls).is_some();
        drop(visit);
        assert_eq!(shop.tasks.run(), 0);
        assert_eq!(shop.staff.times("refund"), 0, "after {polls} polls");
        if ended {
            break;
        }
        polls += 1;
    }
    assert!(polls > 15, "{polls}");
}

#[test]
fn panic_beside_the_handler_refunds_nothing() {
    let shop = Shop::staffed(1);
    shop.staff.script("refund", &[Say::Decide]);
    shop.world.script("serve", &[Act::Hang]);
    let mut visit = shop.visit("/first", "c");
    assert!(polled(&mut visit, 100).is_none());
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _visit = visit;
        panic!("something else");
    }));
    assert!(unwound.is_err());
    assert_eq!(shop.tasks.run(), 0);
    assert_eq!(shop.staff.times("refund"), 0);
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    shop.assert_sound("c");
}

#[test]
fn while_a_refund_is_asked_nobody_is_served() {
    for (say, next) in [
        (Say::Decide, refused("spent")),
        (Say::Hang, page(200, true)),
    ] {
        let shop = Shop::staffed(1);
        shop.tasks.time_passes(false);
        shop.world.script("serve", &[Act::Refuse]);
        shop.staff.script("refund", &[Say::Hang, say]);
        let ran = polled(&mut shop.visit("/first", "c"), 100).unwrap();
        assert_eq!(shop.seen("c", ran), page(500, false));
        assert_eq!(shop.tasks.run(), 1 + usize::from(false), "the hook hangs");
        // Nor is the hold over because the handler took most of the lease.
        shop.wait(119);
        let ran = polled(&mut shop.visit("/first", "c"), 100).unwrap();
        assert_eq!(shop.seen("c", ran).status, 409);
        shop.tasks.time_passes(true);
        assert_eq!(shop.tasks.run(), 0);
        shop.world.script("serve", &[Act::Refuse]);
        assert_eq!(shop.buy("/first", "c"), page(500, false));
        assert_eq!(shop.buy("/first", "c"), next);
        shop.assert_sound("c");
    }
}

#[test]
fn handler_that_took_the_lease_is_refunded_only_if_nobody_else_is_served() {
    for taken in [false, true] {
        let shop = Shop::staffed(1);
        shop.staff.script("refund", &[Say::Decide]);
        shop.world.script("serve", &[Act::Hang]);
        let mut slow = shop.visit("/first", "c");
        assert!(polled(&mut slow, 100).is_none());
        shop.wait(121);
        if taken {
            assert_eq!(shop.buy("/first", "c"), page(200, true));
        }
        // Its wait ends in an error.
        drop(std::mem::replace(&mut slow, shop.visit("/first", "d")));
        drop(slow);
        assert_eq!(shop.tasks.run(), 0);
        shop.assert_sound("c");
    }
    // The same, where the handler fails at last.
    for taken in [false, true] {
        let shop = Shop::staffed(1);
        shop.staff.script("refund", &[Say::Decide]);
        shop.world.script("serve", &[Act::HangAndFail]);
        let mut slow = shop.visit("/first", "c");
        assert!(polled(&mut slow, 100).is_none());
        shop.wait(121);
        if taken {
            assert_eq!(shop.buy("/first", "c"), page(200, true));
        }
        shop.world.let_go(1);
        let ran = polled(&mut slow, 100).unwrap();
        assert_eq!(shop.seen("c", ran).status, 500);
        drop(slow);
        assert_eq!(shop.tasks.run(), 0);
        assert_eq!(shop.staff.refunded("c"), u32::from(!taken));
        assert_eq!(shop.buy("/first", "c"), refused("spent"));
        shop.assert_sound("c");
    }
}

#[test]
fn what_is_not_delivered_later_is_refunded_all_the_same() {
    for say in [Say::Nothing, Say::Decide, Say::PanicLater] {
        for name in ["never", "v never", "v"] {
            let shop = Shop::staffed(1);
            shop.staff.script("refund", &[say]);
            fails(&shop, "/first", name, Act::Refuse);
            assert_eq!(shop.staff.times("refund"), 1, "{name} {say:?}");
            if name == "never" {
                assert_eq!(shop.buy("/first", name), refused("spent"));
            }
        }
    }
}

#[test]
fn store_that_fails_around_a_refund_does_not_give_twice() {
    for write in [Write::Lost, Write::Done] {
        for call in 0..9 {
            let shop = Shop::staffed(1);
            shop.staff.script("refund", &[Say::Decide; 4]);
            shop.world.script("serve", &[Act::Refuse; 2]);
            shop.guard.fail(call, write);
            shop.buy("/first", "c");
            shop.assert_sound("c");
            shop.guard.heal();
            for _ in 0..4 {
                shop.buy("/first", "c");
                shop.assert_sound("c");
                shop.wait(120);
            }
            let got = shop.staff.refunded("c") + shop.delivered("c");
            assert_eq!(got, shop.world.moved("c"), "{write:?} at call {call}");
        }
    }
}

#[test]
fn compensated_once_when_the_work_was_thrown_away_and_never_else() {
    for path in ["/a", "/first"] {
        for (step, act, times) in [
            ("serve", Act::Ok, 0),
            ("serve", Act::Refuse, 0),
            ("serve", Act::Fail, 0),
            ("verify", Act::Refuse, 0),
            ("hold", Act::Fail, usize::from(path == "/a")),
            ("settle", Act::Refuse, usize::from(path == "/a")),
            ("settle", Act::Fail, usize::from(path == "/a")),
            ("settle", Act::Unknown, usize::from(path == "/a")),
        ] {
            let shop = Shop::staffed(1);
            shop.world.script(step, &[act]);
            shop.buy(path, "c");
            let compensated = shop.staff.times("compensate");
            assert_eq!(compensated, times, "{path} {step} {act:?}");
        }
    }
}

#[test]
fn handler_whose_lease_was_taken_is_compensated() {
    for path in ["/a", "/first"] {
        let shop = Shop::staffed(1);
        shop.world.script("serve", &[Act::Hang]);
        let mut slow = shop.visit(path, "c");
        assert!(polled(&mut slow, 100).is_none());
        shop.wait(120);
        assert_eq!(shop.buy(path, "c"), page(200, true));
        shop.world.let_go(1);
        let ran = polled(&mut slow, 100).unwrap();
        assert!(!shop.seen("c", ran).delivered());
        drop(slow);
        shop.tasks.run();
        assert_eq!(shop.staff.times("compensate"), 1, "{path}");
        shop.assert_sound("c");
    }
}

#[test]
fn refund_is_asked_no_longer_than_the_hold_stands() {
    let shop = Shop::staffed(1);
    shop.world.script("serve", &[Act::Refuse]);
    shop.staff.script("refund", &[Say::Hang]);
    shop.buy("/first", "c");
    let half = crate::Limits::default().lease / 2;
    assert!(shop.tasks.slept().contains(&half));
}
