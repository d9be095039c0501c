//! Random operations against a model that says the same in the plainest words.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Operation {
    Reserve {
        names: Vec<u8>,
        scope: u8,
        valid_for: u64,
    },
    Advance {
        ticket: usize,
        stage: usize,
    },
    Release {
        ticket: usize,
    },
    Wait {
        seconds: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Reserved,
    Settling,
    Paid,
    Spent,
}

/// One credential that is known, in a list searched from end to end.
#[derive(Debug)]
struct Known {
    names: Vec<u8>,
    scope: u8,
    kind: Kind,
    /// Who holds it, until when, and whether the settlement had its own lease.
    holder: Option<(usize, u64, bool)>,
    keep_until: u64,
    /// Whose delivery used it up.
    spent_by: Option<usize>,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Fresh,
    Unsettled,
    Paid,
    InFlight,
    Spent,
}

#[derive(Default)]
struct Model {
    now: u64,
    known: Vec<Known>,
    tickets: usize,
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.iter().all(|name| b.contains(name)) && b.iter().all(|name| a.contains(name))
}

impl Model {
    fn reserve(&mut self, names: &[u8], scope: u8, keep_until: u64) -> (Answer, Option<usize>) {
        let now = self.now;
        // There are too few names for a purge to leave any behind.
        self.known.retain(|known| match known.kind {
            Kind::Reserved => known.holder.is_some_and(|(_, until, _)| until >= now),
            Kind::Spent => known.keep_until + SKEW >= now,
            Kind::Settling | Kind::Paid => true,
        });
        let free = |known: &Known| {
            known.kind == Kind::Reserved && known.holder.is_none_or(|(_, until, _)| until <= now)
        };
        let touches = |known: &Known| known.names.iter().any(|name| names.contains(name));
        let until = now + LEASE.as_secs();
        let ticket = self.tickets;
        let mut live = self
            .known
            .iter_mut()
            .filter(|known| touches(known) && !free(known));
        let Some(known) = live.next() else {
            if keep_until + SKEW < now {
                return (Answer::Spent, None);
            }
            self.known.retain(|known| !touches(known));
            self.known.push(Known {
                names: names.to_vec(),
                scope,
                kind: Kind::Reserved,
                holder: Some((ticket, until, false)),
                keep_until,
                spent_by: None,
            });
            return (Answer::Fresh, Some(ticket));
        };
        if live.next().is_some() || known.kind == Kind::Spent {
            return (Answer::Spent, None);
        }
        match &mut known.holder {
            Some((_, end, _)) if *end > now => return (Answer::InFlight, None),
            Some((_, end, covered)) if known.kind == Kind::Settling && !*covered => {
                (*end, *covered) = (until, true);
                return (Answer::InFlight, None);
            }
            _ => {}
        }
        if known.scope != scope || !same(&known.names, names) {
            return (Answer::Spent, None);
        }
        known.holder = Some((ticket, until, true));
        known.keep_until = known.keep_until.max(keep_until);
        let answer = if known.kind == Kind::Paid {
            Answer::Paid
        } else {
            Answer::Unsettled
        };
        (answer, Some(ticket))
    }

    fn held(&mut self, ticket: usize) -> Option<&mut Known> {
        self.known
            .iter_mut()
            .find(|known| known.holder.is_some_and(|(of, ..)| of == ticket))
    }
}

fn stage(index: usize) -> (Stage, Kind, bool) {
    match index {
        0 => (Stage::Settling, Kind::Settling, true),
        1 => (Stage::Unknown(evidence()), Kind::Settling, false),
        2 => (Stage::Paid(evidence()), Kind::Paid, true),
        3 => (Stage::Undelivered(evidence()), Kind::Paid, false),
        _ => (Stage::Spent, Kind::Spent, false),
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (prop::collection::vec(0..5_u8, 1..4), 0..2_u8, 0..60_u64)
            .prop_map(|(names, scope, valid_for)| Operation::Reserve { names, scope, valid_for }),
        4 => (0..8_usize, 0..5_usize)
            .prop_map(|(ticket, stage)| Operation::Advance { ticket, stage }),
        1 => (0..8_usize).prop_map(|ticket| Operation::Release { ticket }),
        2 => prop_oneof![0..25_u64, Just(LEASE.as_secs()), 50..200_u64]
            .prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn guard_agrees_with_the_model(operations in prop::collection::vec(operation(), 1..60)) {
        let guard = MemoryReplayGuard::default();
        let mut model = Model::default();
        // Each ticket of the guard, beside the number that the model gave it.
        let mut tickets: Vec<(Ticket, usize)> = Vec::new();
        let recent = |tickets: &[(Ticket, usize)], back: usize| {
            tickets.len().checked_sub(back + 1).map(|at| tickets[at].clone())
        };
        for operation in operations {
            match operation {
                Operation::Wait { seconds } => model.now += seconds,
                Operation::Reserve { mut names, scope, valid_for } => {
                    names.dedup();
                    let keep = model.now + valid_for;
                    let (expected, number) = model.reserve(&names, scope, keep);
                    let answer = reserve_until(&guard, &names, scope, at(model.now), at(keep));
                    let (answer, ticket) = match answer.unwrap() {
                        Reserve::InFlight => (Answer::InFlight, None),
                        Reserve::Spent => (Answer::Spent, None),
                        Reserve::Held(ticket, Resume::Fresh) => (Answer::Fresh, Some(ticket)),
                        Reserve::Held(ticket, Resume::Unsettled(_)) => {
                            (Answer::Unsettled, Some(ticket))
                        }
                        Reserve::Held(ticket, Resume::Paid(_)) => (Answer::Paid, Some(ticket)),
                    };
                    prop_assert_eq!(answer, expected);
                    if let (Some(ticket), Some(number)) = (ticket, number) {
                        tickets.push((ticket, number));
                    }
                    model.tickets += 1;
                }
                Operation::Advance { ticket, stage: index } => {
                    let Some((ticket, number)) = recent(&tickets, ticket) else { continue };
                    let (stage, kind, keeps) = stage(index);
                    let back = matches!(stage, Stage::Undelivered(_));
                    let known = model.known.iter_mut().find(|known| {
                        known.holder.is_some_and(|(of, ..)| of == number)
                            || (back && known.spent_by == Some(number))
                    });
                    let expected = known.is_some();
                    if let Some(known) = known {
                        known.kind = kind;
                        known.spent_by = (kind == Kind::Spent).then_some(number);
                        if !keeps {
                            known.holder = None;
                        }
                    }
                    let answer = done(guard.advance(&ticket, stage));
                    prop_assert_eq!(answer.is_ok(), expected);
                }
                Operation::Release { ticket } => {
                    let Some((ticket, number)) = recent(&tickets, ticket) else { continue };
                    if model.held(number).is_some() {
                        model.known.retain(|known| {
                            known.holder.is_none_or(|(of, ..)| of != number)
                        });
                    }
                    done(guard.release(&ticket)).unwrap();
                }
            }
        }
    }
}
