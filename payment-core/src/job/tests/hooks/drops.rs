//! Every await may be the last, also those of hooks. (T121)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    Dropped,
    Unwound,
    TornDown,
}

/// What the hooks say, and what goes wrong beside them.
type Scene = (
    &'static [(&'static str, Say)],
    &'static [(&'static str, Act)],
);

const SCENES: [Scene; 15] = [
    (&[], &[]),
    (&[("before_verify", Say::HangAndPanic)], &[]),
    (&[("after_verify", Say::HangAndPanic)], &[]),
    (&[("after_verify", Say::Decide)], &[]),
    (&[("before_settle", Say::HangAndPanic)], &[]),
    (&[("before_settle", Say::Decide)], &[]),
    (&[("after_settle", Say::HangAndPanic)], &[]),
    (&[("succeeded", Say::PanicAtOnce)], &[]),
    (
        &[("settle_failed", Say::Decide)],
        &[("settle", Act::Refuse)],
    ),
    (
        &[("settle_failed", Say::Decide)],
        &[("settle", Act::Unknown)],
    ),
    (
        &[("settle_failed", Say::Decide)],
        &[("settle", Act::UnknownMoved)],
    ),
    (
        &[("settle_failed", Say::HangAndPanic)],
        &[("settle", Act::UnknownMoved)],
    ),
    (
        &[("compensate", Say::HangAndPanic)],
        &[("settle", Act::Refuse)],
    ),
    (&[("refund", Say::Decide)], &[("serve", Act::Refuse)]),
    (&[("refund", Say::HangAndPanic)], &[("serve", Act::Refuse)]),
];

fn set(scene: Scene) -> Shop {
    let shop = Shop::staffed(1);
    for (hook, say) in scene.0 {
        shop.staff.script(hook, &[*say]);
    }
    for (step, act) in scene.1 {
        shop.world.script(step, &[*act]);
    }
    shop
}

/// Cuts a visit off after so many polls; `false` when it ended before.
fn cut_off(shop: &Shop, path: &str, polls: usize, cut: Cut) -> bool {
    let mut visit = shop.visit(path, "c");
    if let Some(ran) = polled(&mut visit, polls) {
        shop.seen("c", ran);
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
            for _ in 0..3 {
                shop.tasks.tear_down();
            }
        }
    }
    true
}

#[test]
fn t121_request_cut_off_at_any_await_of_a_hook_is_sound_and_can_be_sent_again() {
    let mut cuts = 0;
    for path in ["/a", "/first"] {
        for scene in SCENES {
            for cut in [Cut::Dropped, Cut::Unwound, Cut::TornDown] {
                let mut polls = 0;
                loop {
                    let label = format!("{path} {scene:?} {cut:?} after {polls} polls");
                    let shop = set(scene);
                    let was_cut = cut_off(&shop, path, polls, cut);
                    assert_eq!(shop.tasks.run(), 0, "{label}");
                    shop.assert_sound("c");
                    ends_well(&shop, path, cut, &label);
                    if !was_cut {
                        break;
                    }
                    polls += 1;
                    cuts += 1;
                }
                assert!(polls >= 9, "{path} {scene:?} {cut:?}: only {polls} awaits");
            }
        }
    }
    assert!(cuts > 1500, "{cuts}");
}

/// Whoever paid gets it or his money, once; and what the handler did was taken or undone.
fn ends_well(shop: &Shop, path: &str, cut: Cut, label: &str) {
    let leaving = shop.world.all().contains(&"spent");
    let mut last = Seen::default();
    for _ in 0..6 {
        shop.staff.forget_script();
        shop.world.forget_script();
        last = shop.buy(path, "c");
        shop.assert_sound("c");
        if cut == Cut::TornDown && last.status == 409 {
            shop.wait(120);
        }
    }
    let (moved, delivered) = (shop.world.moved("c"), shop.delivered("c"));
    let (refunded, waived) = (shop.staff.refunded("c"), shop.staff.waived("c"));
    assert_eq!(last, refused("spent"), "{label}");
    // A runtime that ends between the two can't take back what it stored.
    if cut != Cut::TornDown || !leaving {
        assert!(delivered + refunded >= moved, "{label}: paid for nothing");
        // What was used up without a payment was waived.
        assert!(moved == 1 || waived == 1, "{label}: used up unpaid");
        let done = shop.world.done.load(Ordering::SeqCst);
        let undone = shop.staff.times("compensate");
        if cut != Cut::TornDown {
            assert_eq!(undone + delivered as usize, done, "{label}");
        }
    }
}

#[test]
fn evidence_outlives_a_runtime_that_ends_while_a_hook_thinks() {
    for path in ["/a", "/first"] {
        for say in [Say::Hang, Say::HangAndPanic] {
            let shop = Shop::staffed(1);
            shop.tasks.time_passes(false);
            shop.world.script("settle", &[Act::UnknownMoved]);
            shop.staff.script("settle_failed", &[say]);
            let mut visit = shop.visit(path, "c");
            assert!(polled(&mut visit, 200).is_none());
            drop(visit);
            // The task ends; what it leaves behind is stored by the next one.
            shop.tasks.tear_down();
            assert_eq!(shop.tasks.run(), 0);
            shop.tasks.time_passes(true);
            shop.staff.forget_script();
            assert_eq!(shop.buy(path, "c"), page(200, true), "{path} {say:?}");
            assert_eq!(*shop.world.evidence.lock().unwrap(), [b"moved"]);
            shop.assert_sound("c");
        }
    }
}

#[test]
fn definite_no_stays_one_when_a_runtime_ends_while_a_hook_thinks() {
    for path in ["/a", "/first"] {
        for act in [Act::Refuse, Act::Fail] {
            let shop = Shop::staffed(1);
            shop.tasks.time_passes(false);
            shop.world.script("settle", &[act]);
            shop.staff.script("settle_failed", &[Say::Hang]);
            let mut visit = shop.visit(path, "c");
            assert!(polled(&mut visit, 200).is_none());
            drop(visit);
            shop.tasks.tear_down();
            assert_eq!(shop.tasks.run(), 0);
            assert!(
                shop.guard.inner.is_empty(),
                "{path} {act:?}: nothing is released"
            );
            shop.tasks.time_passes(true);
            assert_eq!(shop.buy(path, "c"), page(200, true));
            shop.assert_sound("c");
        }
    }
}
