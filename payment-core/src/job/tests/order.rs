//! The order of steps, exactly; and nothing after a step that fails.

use super::shop::*;
use super::world::*;

const AFTER: [&str; 13] = [
    "claim", "bind", "look", "in_time", "check", "reserve", "in_time", "verify", "serve", "hold",
    "settling", "settle", "paid",
];
const FIRST: [&str; 12] = [
    "claim", "bind", "look", "in_time", "check", "reserve", "in_time", "verify", "settling",
    "settle", "paid", "serve",
];

#[test]
fn each_step_follows_the_one_before() {
    let shop = Shop::new();
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    assert_eq!(shop.world.log(), [&AFTER[..], &["spent"]].concat());
    assert_eq!(shop.buy("/first", "d"), page(200, true));
    assert_eq!(shop.world.log(), [&FIRST[..], &["spent"]].concat());
}

#[test]
fn nothing_runs_after_a_failed_step() {
    const GIVEN_BACK: &[&str] = &["give back", "release", "challenge"];
    for (path, steps) in [("/a", &AFTER[..]), ("/first", &FIRST)] {
        for (at, step) in steps.iter().enumerate() {
            // The store's own steps fail in the tests of store faults.
            let asks = ["claim", "bind", "in_time", "check", "verify", "settle"];
            if !asks.contains(step) {
                continue;
            }
            let shop = Shop::new();
            let earlier = steps[..at]
                .iter()
                .filter(|earlier| *earlier == step)
                .count();
            shop.world.script(step, &vec![Act::Ok; earlier]);
            shop.world.script(step, &[Act::Refuse]);
            let seen = shop.buy(path, "c");
            assert_eq!(
                (seen.status, shop.delivered("c")),
                (402, 0),
                "{path} {step}"
            );
            let expected = match at > 5 {
                true => [&steps[..=at], GIVEN_BACK].concat(),
                false => [&steps[..=at], &["challenge"]].concat(),
            };
            assert_eq!(shop.world.log(), expected, "{path} {step} {at}");
            assert_eq!(shop.world.moved("c"), 0);
            shop.assert_sound("c");
        }
    }
}

#[test]
fn refusal_stands_though_the_challenge_fails() {
    let shop = Shop::new();
    shop.world.script("check", &[Act::Refuse]);
    shop.world.script("challenge", &[Act::Fail, Act::Fail]);
    assert_eq!(shop.buy("/a", "c"), faulted(502, "challenge"));
    assert_eq!(shop.buy("/a", ""), faulted(502, "challenge"));
    assert!(!shop.world.log().contains(&"serve"));
}
