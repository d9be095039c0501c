//! What a stranger can't make the gate do.

use std::sync::Arc;

use super::shop::*;
use super::world::*;
use crate::{Admission, BoxFuture, Limits, Spawn, Timer};

#[derive(Clone)]
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Tokio {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

#[tokio::test]
async fn hundred_requests_with_one_credential_are_served_once() {
    for path in ["/a", "/first"] {
        let shop = Arc::new(Shop::new());
        let visits: Vec<_> = (0..100)
            .map(|_| tokio::spawn(shop.visit_with(Tokio, path, "c")))
            .collect();
        let mut codes = Vec::new();
        for visit in visits {
            let seen = shop.seen("c", visit.await.unwrap());
            codes.push((seen.status, seen.code));
        }
        let served = codes.iter().filter(|(_, code)| code == "served").count();
        assert_eq!(served, 1);
        assert!(
            codes
                .iter()
                .all(|(status, _)| [200, 402, 409].contains(status)),
            "{codes:?}"
        );
        let log = shop.world.log();
        for once in ["verify", "serve", "settle"] {
            assert_eq!(
                log.iter().filter(|step| **step == once).count(),
                1,
                "{once}"
            );
        }
        shop.assert_sound("c");
    }
}

#[tokio::test]
async fn aborted_tasks_leave_the_settlement_to_the_runtime() {
    let shop = Shop::new();
    shop.world.script("settle", &[Act::Hang]);
    let visit = tokio::spawn(shop.visit_with(Tokio, "/a", "c"));
    while !shop.world.log().contains(&"settle") {
        tokio::task::yield_now().await;
    }
    visit.abort();
    assert!(visit.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(shop.world.moved("c"), 0);
    shop.world.let_go(1);
    while !shop.world.log().contains(&"undelivered") {
        tokio::task::yield_now().await;
    }
    while !shop.in_flight.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.buy("/a", "c"), page(200, true));
    shop.assert_sound("c");
}

fn limits(all: usize, payer: usize) -> Limits {
    Limits {
        in_flight: all,
        in_flight_per_payer: payer,
        ..Limits::default()
    }
}

#[test]
fn requests_in_work_are_bounded_and_unpaid_ones_are_not_counted() {
    let shop = Shop::with(limits(2, 2));
    shop.world.script("serve", &[Act::Hang, Act::Hang]);
    let mut first = shop.visit("/a", "a:1");
    let mut second = shop.visit("/first", "b:2");
    assert!(polled(&mut first, 100).is_none() && polled(&mut second, 100).is_none());
    shop.world.log();
    assert_eq!(shop.buy("/a", "c:3"), faulted(503, "too_many_payments"));
    assert_eq!(
        shop.world.log(),
        ["claim"],
        "nothing is done over the limit"
    );
    assert_eq!(shop.buy("/a", ""), refused("payment_required"));
    drop(first);
    assert_eq!(shop.tasks.run(), 0);
    assert_eq!(shop.buy("/a", "c:3"), page(200, true));
    drop(second);
    assert_eq!(shop.tasks.run(), 0);
    shop.assert_sound("c");
}

#[test]
fn one_payer_does_not_shut_out_the_others() {
    let shop = Shop::with(limits(10, 1));
    shop.world.script("serve", &[Act::Hang]);
    let mut first = shop.visit("/a", "a:1");
    assert!(polled(&mut first, 100).is_none());
    shop.world.log();
    assert_eq!(shop.buy("/a", "b:1"), faulted(503, "too_many_payments"));
    // Only a proven payer counts, and nothing is reserved for one too many.
    let log = shop.world.log();
    assert!(
        log.contains(&"check") && !log.contains(&"reserve"),
        "{log:?}"
    );
    assert_eq!(shop.buy("/a", "c:2"), page(200, true));
    // Nobody in particular is not one payer.
    assert_eq!(shop.buy("/a", "d:0"), page(200, true));
    shop.world.let_go(1);
    let ran = polled(&mut first, 100).unwrap();
    assert_eq!(shop.seen("a", ran), page(200, true));
    drop(first);
    assert_eq!(shop.buy("/a", "b:1"), page(200, true));
    shop.assert_sound("a");
}

#[test]
fn forged_credentials_do_not_count_against_the_payer_they_name() {
    let shop = Shop::with(limits(10, 1));
    shop.world.script("check", &[Act::Refuse; 5]);
    for _ in 0..5 {
        assert_eq!(shop.buy("/a", "c:1"), refused("check"));
    }
    assert!(
        shop.guard.inner.is_empty(),
        "nothing lasting is kept of them"
    );
    assert_eq!(shop.buy("/a", "c:1"), page(200, true));
}

#[test]
fn unpaid_and_refused_requests_leave_nothing_in_the_store() {
    let shop = Shop::new();
    for step in ["claim", "bind", "in_time", "check", "verify", "settle"] {
        shop.world.script(step, &[Act::Refuse]);
        assert_eq!(shop.buy("/a", "c").status, 402);
        assert_eq!(shop.buy("/a", "").status, 402);
        assert!(shop.guard.inner.is_empty(), "{step}");
        assert!(shop.in_flight.is_empty(), "{step}");
    }
}

#[test]
fn oversized_credential_is_not_looked_at() {
    let shop = Shop::with(Limits {
        credential: 8,
        ..Limits::default()
    });
    let Admission::Answer(reply) = shop.admit("/a", "123456789") else {
        panic!("let through");
    };
    assert_eq!(reply.status, 431);
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(shop.world.log(), ["claim"]);
    assert_eq!(shop.buy("/a", "12345678"), page(200, true));
}
