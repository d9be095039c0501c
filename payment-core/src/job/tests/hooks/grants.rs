//! Requests that a hook lets in unpaid, and requests that it keeps out.

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

#[test]
fn granted_request_is_served_and_what_it_brings_is_left_alone() {
    for path in ["/a", "/first"] {
        for name in ["", "c", "manage", "meter", "v"] {
            let shop = Shop::staffed(1);
            shop.staff.script("protected_request", &[Say::Grant]);
            assert_eq!(shop.buy(path, name), page(200, false), "{path} {name}");
            assert_eq!(shop.world.log(), ["claim", "serve"], "nothing is looked at");
            assert_eq!(shop.staff.asked(), ["protected_request"]);
            assert_eq!(shop.staff.granted(), 1);
            let paid = shop.world.paid.lock().unwrap().take().unwrap();
            assert!(paid.is_free() && paid.payer().is_none() && paid.meter().is_none());
            assert_eq!(paid.amount(), crate::Units::ZERO);
            // The payment is as good as before.
            if name == "c" {
                assert_eq!(shop.buy(path, name), page(200, true));
                shop.assert_sound(name);
            }
        }
    }
}

#[test]
fn unreadable_payment_does_not_close_what_is_granted() {
    let shop = Shop::staffed(1);
    shop.world.script("claim", &[Act::Refuse]);
    shop.staff.script("protected_request", &[Say::Grant]);
    assert_eq!(shop.buy("/a", "c"), page(200, false));
}

#[test]
fn failing_handler_of_a_granted_request_answers_for_itself() {
    for act in [Act::Refuse, Act::Fail] {
        let shop = Shop::staffed(1);
        shop.staff.script("protected_request", &[Say::Grant]);
        shop.world.script("serve", &[act]);
        let seen = shop.buy("/first", "c");
        assert!(!seen.challenged && !seen.receipt && !seen.delivered());
        assert_eq!(shop.staff.asked(), ["protected_request"]);
    }
}

#[test]
fn kept_out_is_no_invitation_to_pay() {
    for path in ["/a", "/first"] {
        for (say, seen) in [Say::Decide]
            .into_iter()
            .map(|say| (say, (403, "not_today", false)))
            .chain(MUTE.map(|say| (say, (503, "hook_failed", true))))
        {
            for name in ["", "c", "manage"] {
                let shop = Shop::staffed(1);
                shop.staff.script("protected_request", &[say]);
                let answer = shop.buy(path, name);
                assert_eq!((answer.status, &*answer.code, answer.wait), seen);
                assert!(!answer.challenged);
                assert_eq!(shop.world.log(), ["claim"], "nothing is reserved");
                assert_eq!(shop.staff.times("challenged"), 0);
                // Of a request without a payment there is no payment that failed.
                let failed = usize::from(!name.is_empty());
                assert_eq!(shop.staff.times("failed"), failed, "{say:?} {name}");
                assert!(shop.guard.inner.is_empty());
            }
        }
    }
}

#[test]
fn hook_that_hangs_holds_a_request_until_its_deadline_and_reserves_nothing() {
    let shop = Shop::staffed(1);
    shop.tasks.time_passes(false);
    shop.staff.script("protected_request", &[Say::Hang]);
    let mut visit = shop.visit("/a", "c");
    assert!(polled(&mut visit, 1000).is_none());
    assert!(shop.guard.inner.is_empty() && shop.in_flight.is_empty());
    shop.tasks.time_passes(true);
    let ran = polled(&mut visit, 50).unwrap();
    assert_eq!(shop.seen("c", ran), faulted(503, "hook_failed"));
}

#[test]
fn t120_slow_listeners_are_not_piled_up_by_the_unpaid() {
    let shop = Shop::staffed(1);
    shop.tasks.time_passes(false);
    shop.staff.script("challenged", &[Say::Hang; 3000]);
    for _ in 0..3000 {
        let ran = polled(&mut shop.visit("/a", ""), 100).unwrap();
        assert_eq!(shop.seen("", ran), refused("payment_required"));
    }
    assert_eq!(shop.tasks.run(), 1024);
    // A payment is never left out.
    let ran = polled(&mut shop.visit("/a", "c"), 100).unwrap();
    assert_eq!(shop.seen("c", ran), page(200, true));
    shop.tasks.time_passes(true);
    shop.tasks.run();
    assert_eq!(shop.staff.times("succeeded"), 1);
    // Nor is the next one, when they are done.
    shop.staff.forget_script();
    let before = shop.staff.times("challenged");
    assert_eq!(shop.buy("/a", ""), refused("payment_required"));
    assert_eq!(shop.staff.times("challenged"), before + 1);
}

#[test]
fn lease_is_whole_though_what_came_before_took_its_time() {
    let shop = Shop::staffed(1);
    shop.world.script("serve", &[Act::Hang]);
    let mut slow = shop.visit("/first", "c");
    shop.wait(119);
    assert!(polled(&mut slow, 100).is_none());
    shop.wait(119);
    assert_eq!(shop.buy("/first", "c").status, 409);
    shop.wait(1);
    assert_eq!(shop.buy("/first", "c"), page(200, true));
    drop(slow);
    shop.tasks.run();
    shop.assert_sound("c");
}
