#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::*;

mod model;

const LEASE: Duration = Duration::from_secs(10);
const VALID_UNTIL: u64 = 100;
const SKEW: u64 = 60;

/// The store of one process never waits.
fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the in-memory store waited"),
    }
}

fn key(name: u8) -> ReplayKey {
    ReplayKey::new("test", &[&[name]])
}

fn keys(names: &[u8]) -> Vec<ReplayKey> {
    names.iter().copied().map(key).collect()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn reserve_until(
    guard: &MemoryReplayGuard,
    names: &[u8],
    scope: u8,
    now: Timestamp,
    keep: Timestamp,
) -> Result<Reserve, StoreFault> {
    let keys = keys(names);
    done(guard.reserve(Reservation::new(&keys, [scope; 32], keep, now, LEASE)))
}

fn reserve(guard: &MemoryReplayGuard, names: &[u8], scope: u8, seconds: u64) -> Reserve {
    reserve_until(guard, names, scope, at(seconds), at(VALID_UNTIL)).unwrap()
}

fn held(reserve: Reserve) -> (Ticket, Resume) {
    match reserve {
        Reserve::Held(ticket, resume) => (ticket, resume),
        other => panic!("not held: {other:?}"),
    }
}

fn fresh(reserve: Reserve) -> Ticket {
    let (ticket, resume) = held(reserve);
    assert_eq!(resume, Resume::Fresh);
    ticket
}

fn advance(guard: &MemoryReplayGuard, ticket: &Ticket, stage: Stage) {
    done(guard.advance(ticket, stage)).unwrap();
}

fn look(guard: &MemoryReplayGuard, names: &[u8]) -> Standing {
    done(guard.look(&keys(names), at(0))).unwrap()
}

fn evidence() -> Bytes {
    Bytes::from_static(b"0xhash")
}

#[test]
fn each_stage_answers_the_next_request() {
    // Stage reached; the answer while the holder lives, to the same scope, and to another scope;
    // what a look tells.
    let unsettled = || Resume::Unsettled(evidence());
    let paid = || Resume::Paid(evidence());
    for (stages, same, other, standing) in [
        (vec![], None, None, Standing::Open),
        (vec![Stage::Settling], None, None, Standing::Started),
        (
            vec![Stage::Settling, Stage::Paid(evidence())],
            None,
            None,
            Standing::Started,
        ),
        (
            vec![Stage::Unknown(evidence())],
            Some(Some(unsettled())),
            Some(None),
            Standing::Started,
        ),
        (
            vec![Stage::Settling, Stage::Unknown(evidence())],
            Some(Some(unsettled())),
            Some(None),
            Standing::Started,
        ),
        (
            vec![
                Stage::Settling,
                Stage::Paid(Bytes::new()),
                Stage::Undelivered(evidence()),
            ],
            Some(Some(paid())),
            Some(None),
            Standing::Started,
        ),
        (
            vec![Stage::Settling, Stage::Paid(evidence()), Stage::Spent],
            Some(None),
            Some(None),
            Standing::Spent,
        ),
    ] {
        let label = format!("{stages:?}");
        for (scope, expected) in [(1, &same), (2, &other)] {
            let guard = MemoryReplayGuard::default();
            let ticket = fresh(reserve(&guard, &[1, 2], 1, 0));
            for stage in stages.clone() {
                advance(&guard, &ticket, stage);
            }
            assert_eq!(look(&guard, &[1]), standing, "{label}");
            assert_eq!(look(&guard, &[2]), standing, "{label}");
            let answer = reserve(&guard, &[1, 2], scope, 1);
            match expected {
                None => assert_eq!(answer, Reserve::InFlight, "{label}"),
                Some(None) => assert_eq!(answer, Reserve::Spent, "{label}"),
                Some(Some(resume)) => assert_eq!(&held(answer).1, resume, "{label}"),
            }
        }
    }
}

#[test]
fn released_credential_is_fresh_for_any_scope() {
    let guard = MemoryReplayGuard::default();
    for settling in [false, true] {
        let ticket = fresh(reserve(&guard, &[1, 2], 1, 0));
        if settling {
            advance(&guard, &ticket, Stage::Settling);
        }
        done(guard.release(&ticket)).unwrap();
        assert!(guard.is_empty());
        assert_eq!(look(&guard, &[1, 2]), Standing::Open);
        let again = fresh(reserve(&guard, &[2, 1], 2, 0));
        done(guard.release(&again)).unwrap();
    }
}

#[test]
fn keys_are_taken_together_or_not_at_all() {
    let guard = MemoryReplayGuard::default();
    let first = fresh(reserve(&guard, &[1, 2], 1, 0));
    assert_eq!(reserve(&guard, &[3, 2], 1, 0), Reserve::InFlight);
    assert_eq!(reserve(&guard, &[2], 1, 0), Reserve::InFlight);
    // The refused wish took nothing, not even the key that was free.
    let third = fresh(reserve(&guard, &[3], 1, 0));
    // A wish across two records is nobody's.
    assert_eq!(reserve(&guard, &[1, 3], 1, 0), Reserve::Spent);
    done(guard.release(&first)).unwrap();
    done(guard.release(&third)).unwrap();
    let _ = fresh(reserve(&guard, &[1, 2, 3], 1, 0));
}

#[test]
fn credential_sharing_a_used_key_is_spent() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1, 2], 1, 0));
    advance(&guard, &ticket, Stage::Spent);
    for shared in [&[1][..], &[2], &[2, 1], &[3, 1], &[3, 2], &[2, 3]] {
        assert_eq!(reserve(&guard, shared, 1, 1), Reserve::Spent, "{shared:?}");
        assert_eq!(look(&guard, shared), Standing::Spent, "{shared:?}");
    }
    let _ = fresh(reserve(&guard, &[3], 1, 1));
}

#[test]
fn settlement_is_followed_up_by_its_own_credential_only() {
    for stage in [Stage::Unknown(evidence()), Stage::Undelivered(evidence())] {
        let guard = MemoryReplayGuard::default();
        let ticket = fresh(reserve(&guard, &[1, 2], 1, 0));
        advance(&guard, &ticket, stage);
        for other in [&[1][..], &[2], &[1, 3], &[1, 2, 3]] {
            assert_eq!(reserve(&guard, other, 1, 1), Reserve::Spent, "{other:?}");
        }
        assert_ne!(held(reserve(&guard, &[1, 2], 1, 1)).1, Resume::Fresh);
    }
}

#[test]
fn lease_ends_exactly_at_its_end() {
    let guard = MemoryReplayGuard::default();
    let first = fresh(reserve(&guard, &[1], 1, 0));
    let end = Timestamp::from_seconds(LEASE.as_secs());
    let before = Timestamp::from_millis(end.millis() - 1);
    let ask = |now| reserve_until(&guard, &[1], 2, now, at(VALID_UNTIL)).unwrap();
    assert_eq!(ask(before), Reserve::InFlight);
    let second = fresh(ask(end));
    assert_eq!(ask(end), Reserve::InFlight);
    // Whoever came late finds the ticket void, for every operation, and changes nothing.
    for stage in every_stage() {
        assert!(matches!(
            done(guard.advance(&first, stage)),
            Err(StoreFault::Lost)
        ));
    }
    done(guard.release(&first)).unwrap();
    assert_eq!(ask(end), Reserve::InFlight);
    advance(&guard, &second, Stage::Spent);
    assert_eq!(ask(end), Reserve::Spent);
}

fn every_stage() -> [Stage; 5] {
    [
        Stage::Settling,
        Stage::Unknown(evidence()),
        Stage::Paid(evidence()),
        Stage::Undelivered(evidence()),
        Stage::Spent,
    ]
}

#[test]
fn ticket_is_void_once_the_hold_is_given_up() {
    for last in [
        Stage::Unknown(evidence()),
        Stage::Undelivered(evidence()),
        Stage::Spent,
    ] {
        let guard = MemoryReplayGuard::default();
        let ticket = fresh(reserve(&guard, &[1], 1, 0));
        advance(&guard, &ticket, last.clone());
        let before = look(&guard, &[1]);
        for stage in every_stage() {
            if last == Stage::Spent && matches!(stage, Stage::Undelivered(_)) {
                continue;
            }
            assert!(matches!(
                done(guard.advance(&ticket, stage)),
                Err(StoreFault::Lost)
            ));
        }
        done(guard.release(&ticket)).unwrap();
        assert_eq!(look(&guard, &[1]), before);
        assert_eq!(guard.len(), 1);
    }
}

#[test]
fn delivery_that_did_not_leave_is_taken_back_by_its_own_ticket_once() {
    let guard = MemoryReplayGuard::default();
    let stale = fresh(reserve(&guard, &[1], 1, 0));
    let ticket = fresh(reserve(&guard, &[1], 1, 10));
    advance(&guard, &ticket, Stage::Spent);
    let undelivered = || Stage::Undelivered(evidence());
    assert!(matches!(
        done(guard.advance(&stale, undelivered())),
        Err(StoreFault::Lost)
    ));
    advance(&guard, &ticket, undelivered());
    assert!(matches!(
        done(guard.advance(&ticket, undelivered())),
        Err(StoreFault::Lost)
    ));
    let (next, resume) = held(reserve(&guard, &[1], 1, 10));
    assert_eq!(resume, Resume::Paid(evidence()));
    advance(&guard, &next, Stage::Spent);
    assert!(matches!(
        done(guard.advance(&ticket, undelivered())),
        Err(StoreFault::Lost)
    ));
    assert_eq!(reserve(&guard, &[1], 1, 10), Reserve::Spent);
}

#[test]
fn holder_that_nobody_replaced_may_still_go_on() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1], 1, 0));
    let _ = fresh(reserve(&guard, &[2], 1, LEASE.as_secs()));
    advance(&guard, &ticket, Stage::Settling);
}

#[test]
fn settlement_has_a_lease_of_its_own() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1], 1, 0));
    // The handler took nearly all of the lease; the settlement has only just been sent.
    advance(&guard, &ticket, Stage::Settling);
    assert_eq!(reserve(&guard, &[1], 1, 10), Reserve::InFlight);
    assert_eq!(reserve(&guard, &[1], 1, 19), Reserve::InFlight);
    // Asking does not put it off again.
    let (second, resume) = held(reserve(&guard, &[1], 1, 20));
    assert_eq!(resume, Resume::Unsettled(Bytes::new()));
    assert!(matches!(
        done(guard.advance(&ticket, Stage::Spent)),
        Err(StoreFault::Lost)
    ));
    // A reconciliation begins with its lease and needs no second one.
    let (third, _) = held(reserve(&guard, &[1], 1, 30));
    assert!(matches!(
        done(guard.advance(&second, Stage::Spent)),
        Err(StoreFault::Lost)
    ));
    advance(&guard, &third, Stage::Spent);
}

#[test]
fn takeover_takes_the_keys_and_validity_of_the_newcomer() {
    let guard = MemoryReplayGuard::default();
    // The same nonce (2), signed twice: once for a short time and once for long.
    let _ = fresh(reserve_until(&guard, &[1, 2], 1, at(0), at(20)).unwrap());
    let ticket = fresh(reserve_until(&guard, &[3, 2], 1, at(10), at(1000)).unwrap());
    advance(&guard, &ticket, Stage::Spent);
    for names in [&[2][..], &[3], &[3, 2]] {
        let again = reserve_until(&guard, names, 1, at(999), at(1000)).unwrap();
        assert_eq!(again, Reserve::Spent, "{names:?}");
    }
    // And a key that only the forgotten holder had is free.
    let _ = fresh(reserve_until(&guard, &[1], 1, at(999), at(1000)).unwrap());
}

#[test]
fn follow_up_with_longer_validity_keeps_the_record_longer() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve_until(&guard, &[1], 1, at(0), at(20)).unwrap());
    advance(&guard, &ticket, Stage::Undelivered(evidence()));
    let (ticket, _) = held(reserve_until(&guard, &[1], 1, at(1), at(1000)).unwrap());
    advance(&guard, &ticket, Stage::Spent);
    let again = reserve_until(&guard, &[1], 1, at(999), at(1000)).unwrap();
    assert_eq!(again, Reserve::Spent);
}

#[test]
fn full_store_refuses_and_forgets_nothing() {
    let guard = MemoryReplayGuard::with_capacity(4);
    let spent = fresh(reserve(&guard, &[1, 2], 1, 0));
    advance(&guard, &spent, Stage::Spent);
    let paid = fresh(reserve(&guard, &[3], 1, 0));
    advance(&guard, &paid, Stage::Undelivered(evidence()));
    // One place is left, and two keys want it.
    let refused = reserve_until(&guard, &[4, 5], 1, at(1), at(VALID_UNTIL));
    assert!(matches!(refused, Err(StoreFault::Full)));
    let last = fresh(reserve(&guard, &[4], 1, 1));
    let refused = reserve_until(&guard, &[5], 1, at(1), at(VALID_UNTIL));
    assert!(matches!(refused, Err(StoreFault::Full)));
    // What is known stays known, and what is paid is still followed up.
    assert_eq!(reserve(&guard, &[2], 1, 1), Reserve::Spent);
    assert_eq!(
        held(reserve(&guard, &[3], 1, 1)).1,
        Resume::Paid(evidence())
    );
    assert_eq!(reserve(&guard, &[4], 1, 1), Reserve::InFlight);
    // Room comes back when a reservation is given up.
    done(guard.release(&last)).unwrap();
    let _ = fresh(reserve(&guard, &[5], 1, 1));
}

#[test]
fn record_outlives_the_credential_and_not_forever() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1, 2], 1, 0));
    advance(&guard, &ticket, Stage::Spent);
    let last = VALID_UNTIL + SKEW;
    let _ = fresh(reserve_until(&guard, &[8], 1, at(last), at(last)).unwrap());
    assert_eq!(reserve(&guard, &[1, 2], 1, last), Reserve::Spent);
    assert_eq!(look(&guard, &[2]), Standing::Spent);
    let after = Timestamp::from_millis(last * 1000 + 1);
    let _ = fresh(reserve_until(&guard, &[9], 1, after, after).unwrap());
    assert_eq!(look(&guard, &[1, 2]), Standing::Open);
    // Forgotten, and spent all the same: the record may have been there.
    let again = reserve_until(&guard, &[1, 2], 1, after, at(VALID_UNTIL)).unwrap();
    assert_eq!(again, Reserve::Spent);
}

#[test]
fn begun_settlements_are_never_forgotten() {
    for stage in [
        Stage::Settling,
        Stage::Unknown(evidence()),
        Stage::Paid(evidence()),
        Stage::Undelivered(evidence()),
    ] {
        let guard = MemoryReplayGuard::default();
        let ticket = fresh(reserve(&guard, &[1], 1, 0));
        advance(&guard, &ticket, stage.clone());
        let years = 1_000_000_000;
        for other in 10..30 {
            let _ = fresh(reserve_until(&guard, &[other], 1, at(years), at(years)).unwrap());
        }
        assert_eq!(look(&guard, &[1]), Standing::Started, "{stage:?}");
        let later = years + LEASE.as_secs();
        let answers = [
            reserve(&guard, &[1], 1, years),
            reserve(&guard, &[1], 1, later),
        ];
        assert!(
            answers
                .iter()
                .any(|answer| matches!(answer, Reserve::Held(..))),
            "{stage:?}"
        );
    }
}

#[test]
fn abandoned_reservations_are_forgotten_with_their_lease() {
    let guard = MemoryReplayGuard::with_capacity(3);
    for round in 0..50_u8 {
        let now = u64::from(round) * 11;
        let _ = fresh(reserve_until(&guard, &[round], 1, at(now), at(10_000)).unwrap());
    }
    assert!(guard.len() <= 2, "{}", guard.len());
}

#[test]
fn time_running_backwards_revives_nothing() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1], 1, 0));
    advance(&guard, &ticket, Stage::Spent);
    // Far later everything is forgotten; then the clock falls back into the validity.
    let _ = fresh(reserve_until(&guard, &[9], 1, at(10_000), at(10_000)).unwrap());
    assert_eq!(look(&guard, &[1]), Standing::Open);
    assert_eq!(reserve(&guard, &[1], 1, 50), Reserve::Spent);
    // Nor does a lease get longer.
    let first = fresh(reserve_until(&guard, &[2], 1, at(0), at(20_000)).unwrap());
    let _ = fresh(reserve_until(&guard, &[3], 1, at(10_010), at(20_000)).unwrap());
    let _ = fresh(reserve_until(&guard, &[2], 1, at(1), at(20_000)).unwrap());
    assert!(matches!(
        done(guard.advance(&first, Stage::Settling)),
        Err(StoreFault::Lost)
    ));
}

#[test]
fn wish_without_keys_is_refused() {
    let guard = MemoryReplayGuard::default();
    let refused = reserve_until(&guard, &[], 1, at(0), at(1));
    assert!(matches!(refused, Err(StoreFault::Unavailable(_))));
}

#[test]
fn repeated_key_is_one_key() {
    let guard = MemoryReplayGuard::default();
    let ticket = fresh(reserve(&guard, &[1, 1, 2], 1, 0));
    assert_eq!(reserve(&guard, &[1], 1, 0), Reserve::InFlight);
    advance(&guard, &ticket, Stage::Undelivered(evidence()));
    let (ticket, _) = held(reserve(&guard, &[1, 1, 2], 1, 0));
    done(guard.release(&ticket)).unwrap();
    assert!(guard.is_empty());
    let _ = fresh(reserve(&guard, &[2], 1, 0));
}

#[test]
fn of_many_threads_exactly_one_holds() {
    const THREADS: usize = 64;
    for round in 0..20_u8 {
        let guard = MemoryReplayGuard::default();
        let holders = AtomicUsize::new(0);
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (guard, holders, barrier) = (&guard, &holders, &barrier);
                scope.spawn(move || {
                    // Half of them name the keys in the other order.
                    let names = if thread % 2 == 0 {
                        [round, 255]
                    } else {
                        [255, round]
                    };
                    barrier.wait();
                    match reserve(guard, &names, 1, 0) {
                        Reserve::Held(ticket, Resume::Fresh) => {
                            holders.fetch_add(1, Ordering::SeqCst);
                            advance(guard, &ticket, Stage::Spent);
                        }
                        Reserve::Held(_, resume) => panic!("resumed {resume:?}"),
                        Reserve::InFlight | Reserve::Spent => {}
                    }
                });
            }
        });
        assert_eq!(holders.load(Ordering::SeqCst), 1);
    }
}
