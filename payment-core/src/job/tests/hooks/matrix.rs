//! Each hook, each way it may behave, each timing, each outcome of the settlement.

use crate::job::tests::shop::*;
use crate::job::tests::staff::*;
use crate::job::tests::world::*;

/// What is to come of a visit.
#[derive(Debug, PartialEq)]
struct Story {
    seen: Seen,
    /// What the same credential gets next, when all goes well.
    next: Seen,
    /// How often the money has moved in the end.
    moved: u32,
    /// How often each of these was told, first visit and second.
    compensated: usize,
    /// How often the handler ran to its end.
    done: usize,
}

const SETTLEMENTS: [Act; 5] = [
    Act::Ok,
    Act::Refuse,
    Act::Fail,
    Act::Unknown,
    Act::UnknownMoved,
];

fn denied() -> Seen {
    Seen {
        status: 403,
        code: "not_today".into(),
        ..Seen::default()
    }
}

fn pending() -> Seen {
    Seen {
        status: 503,
        code: "settlement_pending".into(),
        receipt: true,
        wait: true,
        ..Seen::default()
    }
}

/// What a visit comes to that ends before money moves.
fn ended(seen: Seen, done: bool) -> Story {
    Story {
        seen,
        next: page(200, true),
        moved: 1,
        compensated: usize::from(done),
        done: 1 + usize::from(done),
    }
}

/// By the rules, in words of their own.
fn story(first: bool, hook: &str, say: Say, settle: Act) -> Story {
    let mute = MUTE.contains(&say);
    let closes = match hook {
        "protected_request" | "before_verify" | "after_verify" => true,
        // Closed while the handler has not run.
        "before_settle" => first,
        _ => false,
    };
    if mute && closes {
        return ended(faulted(503, "hook_failed"), false);
    }
    let decides = say == Say::Decide;
    match hook {
        "protected_request" | "before_verify" | "after_verify" if decides => {
            return ended(denied(), false);
        }
        "before_settle" if decides => return ended(denied(), !first),
        _ => {}
    }
    let waives = hook == "settle_failed" && decides;
    let handled = !first;
    match settle {
        Act::Ok => Story {
            seen: page(200, true),
            next: refused("spent"),
            moved: 1,
            compensated: 0,
            done: 1,
        },
        _ if waives => Story {
            seen: page(200, false),
            next: refused("spent"),
            moved: u32::from(settle == Act::UnknownMoved),
            compensated: 0,
            done: 1,
        },
        Act::Refuse => ended(refused("settle"), handled),
        Act::Fail => ended(faulted(502, "settle"), handled),
        Act::Unknown => Story {
            seen: pending(),
            next: refused("reconcile"),
            moved: 0,
            compensated: usize::from(handled),
            done: usize::from(handled),
        },
        _ => Story {
            seen: pending(),
            next: page(200, true),
            moved: 1,
            compensated: usize::from(handled),
            done: 1 + usize::from(handled),
        },
    }
}

#[test]
fn t24_no_hook_turns_paid_into_unpaid_or_back() {
    let mut cases = 0;
    for path in ["/a", "/first"] {
        for hook in DECIDING.into_iter().chain(LISTENING) {
            for say in [Say::Nothing, Say::Decide].into_iter().chain(MUTE) {
                for settle in SETTLEMENTS {
                    let label = format!("{path} {hook} {say:?} {settle:?}");
                    let shop = Shop::staffed(1);
                    shop.world.script("settle", &[settle]);
                    shop.staff.script(hook, &[say]);
                    let seen = shop.buy(path, "c");
                    // A hook that would wait on is out of the way by the second visit.
                    shop.staff.forget_script();
                    shop.world.forget_script();
                    let next = shop.buy(path, "c");
                    let told = Story {
                        seen,
                        next,
                        moved: shop.world.moved("c"),
                        compensated: shop.staff.times("compensate"),
                        done: shop.world.done.load(std::sync::atomic::Ordering::SeqCst),
                    };
                    assert_eq!(told, story(path == "/first", hook, say, settle), "{label}");
                    shop.assert_sound("c");
                    books_agree(&shop, &label);
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 2 * 12 * 7 * 5);
}

/// Listeners were told of what happened, and of nothing else.
fn books_agree(shop: &Shop, label: &str) {
    let delivered = shop.delivered("c") as usize;
    let staff = &shop.staff;
    assert_eq!(staff.times("succeeded"), delivered, "{label}");
    let receipts = shop.world.moved("c") - settled_unseen(shop);
    assert_eq!(staff.times("after_settle"), receipts as usize, "{label}");
    assert_eq!(staff.times("failed"), 2 - delivered, "{label}");
    assert_eq!(staff.times("refund"), 0, "{label}");
}

/// Money that moved, and nobody has found out: it was waived before.
fn settled_unseen(shop: &Shop) -> u32 {
    shop.staff.waived("c").min(shop.world.moved("c"))
}
