//! Requests that open, fund or close an account: settled and answered by the gate, whatever the
//! request asks for. (T64)

use super::shop::*;
use super::world::*;

const STEPS: [&str; 11] = [
    "claim", "bind", "look", "in_time", "check", "reserve", "in_time", "verify", "settling",
    "settle", "paid",
];

fn managed() -> Seen {
    Seen {
        status: 200,
        code: "managed".into(),
        receipt: true,
        ..Seen::default()
    }
}

/// The same, without the answer that is not stored.
fn acknowledged() -> Seen {
    Seen {
        status: 204,
        code: String::new(),
        ..managed()
    }
}

fn was_never_served(shop: &Shop, name: &str) {
    assert_eq!(shop.delivered(name), 0);
    assert_eq!(
        shop.world.all().iter().filter(|s| **s == "serve").count(),
        0
    );
    shop.assert_sound(name);
}

#[test]
fn management_is_settled_and_answered_and_never_served() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        assert_eq!(shop.buy(path, "manage"), managed());
        assert_eq!(
            shop.world.log(),
            [&STEPS[..], &["spent"]].concat(),
            "{path}"
        );
        assert_eq!(shop.world.moved("manage"), 1);
        assert_eq!(shop.buy(path, "manage"), refused("spent"));
        was_never_served(&shop, "manage");
    }
}

#[test]
fn management_without_keys_is_answered_each_time() {
    let shop = Shop::new();
    for _ in 0..2 {
        assert_eq!(shop.buy("/a", "vmanage"), managed());
    }
    assert!(!shop.world.all().contains(&"serve"));
    assert!(shop.in_flight.is_empty());
}

#[test]
fn management_without_an_answer_is_an_empty_one_with_the_receipt() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        assert_eq!(shop.buy(path, "manage silently"), acknowledged());
        was_never_served(&shop, "manage silently");
    }
}

#[test]
fn management_that_is_refused_or_fails_releases() {
    for path in ["/a", "/first"] {
        for step in ["verify", "settle"] {
            for (act, seen) in [
                (Act::Refuse, refused(step)),
                (Act::Fail, faulted(502, step)),
            ] {
                let shop = Shop::new();
                shop.world.script(step, &[act]);
                assert_eq!(shop.buy(path, "manage"), seen, "{path} {step}");
                let log = shop.world.log();
                let left = ["give back", "release", "challenge"];
                let left = &left[..2 + usize::from(act == Act::Refuse)];
                assert!(log.ends_with(left), "{log:?}");
                assert_eq!(shop.world.moved("manage"), 0);
                assert_eq!(shop.buy(path, "manage"), managed());
                was_never_served(&shop, "manage");
            }
        }
    }
}

#[test]
fn management_without_an_outcome_is_reconciled_and_answered() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        shop.world.script("settle", &[Act::UnknownMoved]);
        let seen = shop.buy(path, "manage");
        assert_eq!(
            (seen.status, seen.wait, seen.challenged),
            (503, true, false)
        );
        assert!(shop.world.log().ends_with(&["settle", "unknown"]));
        assert_eq!(shop.buy(path, "manage"), managed());
        let log = shop.world.log();
        assert!(log.contains(&"reconcile") && !log.contains(&"settle"));
        assert_eq!(shop.world.moved("manage"), 1);
        assert_eq!(shop.buy(path, "manage"), refused("spent"));
        was_never_served(&shop, "manage");
    }
}

#[test]
fn management_whose_end_is_not_recorded_is_answered_the_next_time() {
    for path in ["/a", "/first"] {
        let shop = Shop::new();
        // look, reserve, settling, paid, spent
        shop.guard.fail(4, Write::Lost);
        let seen = shop.buy(path, "manage");
        assert_eq!(
            (seen.status, seen.wait, seen.challenged),
            (503, true, false)
        );
        assert!(shop.world.log().ends_with(&["spent", "undelivered"]));
        shop.guard.heal();
        assert_eq!(shop.buy(path, "manage"), acknowledged());
        assert!(!shop.world.log().contains(&"settle"));
        assert_eq!(shop.world.moved("manage"), 1);
        was_never_served(&shop, "manage");
    }
}

#[test]
fn management_cut_off_at_any_await_moves_money_once_and_can_be_sent_again() {
    for path in ["/a", "/first"] {
        let mut polls = 0;
        loop {
            let shop = Shop::new();
            let mut visit = shop.visit(path, "manage");
            if let Some(ran) = polled(&mut visit, polls) {
                assert_eq!(shop.seen("manage", ran), managed());
                break;
            }
            drop(visit);
            assert_eq!(shop.tasks.run(), 0, "{path} after {polls} polls");
            let again = shop.buy(path, "manage");
            assert_eq!(
                again.status / 100,
                2,
                "{path} after {polls} polls: {again:?}"
            );
            assert!(again.receipt);
            assert_eq!(shop.world.moved("manage"), 1);
            was_never_served(&shop, "manage");
            polls += 1;
        }
        assert!(polls >= 8, "{path}: only {polls} awaits");
    }
}
