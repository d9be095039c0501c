use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{Alarm, Challenge, Fault, ProtocolName, Soon};

use crate::contain::{contained, dispose};
use crate::error::{Failure, Phase, Reporter};

type Answer = Result<Challenge, Fault>;

/// One challenge in the making, of those that several protocols give.
#[derive(Default)]
pub(crate) struct Challenges {
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Bytes,
    /// Those that are left out. Told of when the challenge is made, and not before: a challenge
    /// that has to be awaited may be given up and asked for anew.
    failed: Vec<(ProtocolName, Failure)>,
}

impl Challenges {
    /// Adds what one protocol answered. One that failed is left out: the others can still be paid.
    pub(crate) fn add(&mut self, by: ProtocolName, answer: Result<Challenge, Failure>) {
        match answer {
            Ok(challenge) => {
                if self.headers.is_empty() {
                    self.headers = challenge.headers;
                } else {
                    self.headers.extend(challenge.headers);
                }
                self.members = joined(mem::take(&mut self.members), challenge.members);
            }
            Err(failure) => self.failed.push((by, failure)),
        }
    }

    /// Waits for all of these at once, and for none longer than the deadline, then adds them in
    /// their order.
    pub(crate) async fn add_all(
        &mut self,
        mut waiting: Vec<(ProtocolName, Slot<'_>)>,
        alarm: &Alarm,
        deadline: Duration,
    ) {
        let mut timer = None;
        poll_fn(|context| {
            let mut all = Poll::Ready(());
            for (_, slot) in &mut waiting {
                let Slot::Waiting(soon) = slot else { continue };
                match contained(|| Pin::new(soon).poll(context)) {
                    Ok(Poll::Ready(answer)) => slot.fill(answer.map_err(Failure::from)),
                    Ok(Poll::Pending) => all = Poll::Pending,
                    Err(panicked) => slot.fill(Err(panicked.into())),
                }
            }
            if all.is_ready() {
                return all;
            }
            // They have all been asked at the same moment, so that one timer is for each.
            let timer = timer.get_or_insert_with(|| alarm.after(deadline));
            timer.as_mut().poll(context)
        })
        .await;
        for (name, mut slot) in waiting {
            if matches!(slot, Slot::Waiting(_)) {
                slot.fill(Err(Failure::late()));
            }
            if let Slot::Here(answer) = slot {
                self.add(name, answer);
            }
        }
    }

    /// The one challenge. A 402 that nobody could pay is not made.
    pub(crate) fn merged(self, reporter: &Reporter, path: &str) -> Answer {
        for (name, failure) in &self.failed {
            reporter.report(Phase::Challenge, *name, failure, path);
        }
        if !self.headers.is_empty() || !self.members.is_empty() {
            return Ok(Challenge::new(self.headers, self.members));
        }
        Err(match self.failed.into_iter().next() {
            // The client's to mend, and no protocol's.
            Some((_, first)) if first.fault.status() == StatusCode::URI_TOO_LONG => first.fault,
            Some((_, first)) => Fault::unavailable("no_challenge", first.fault),
            None => Fault::unavailable("no_challenge", "no protocol had anything to say"),
        })
    }
}

/// The answer of one protocol.
pub(crate) enum Slot<'a> {
    Waiting(Soon<'a, Answer>),
    Here(Result<Challenge, Failure>),
}

impl<'a> Slot<'a> {
    /// Asks.
    pub(crate) fn ask(ask: impl FnOnce() -> Soon<'a, Answer>) -> Self {
        match contained(ask) {
            Ok(Soon::Now(Some(answer))) => Self::Here(answer.map_err(Failure::from)),
            Ok(later) => Self::Waiting(later),
            Err(panicked) => Self::Here(Err(panicked.into())),
        }
    }

    fn fill(&mut self, answer: Result<Challenge, Failure>) {
        dispose(mem::replace(self, Slot::Here(answer)));
    }
}

/// Members of one JSON object, comma between those of two protocols.
fn joined(first: Bytes, second: Bytes) -> Bytes {
    if first.is_empty() {
        return second;
    }
    if second.is_empty() {
        return first;
    }
    let mut both = BytesMut::with_capacity(first.len() + 1 + second.len());
    both.put(first);
    both.put_u8(b',');
    both.put(second);
    both.freeze()
}
