use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use payment_core::{Challenge, Fault, ProtocolName, Soon};

type Answer = Result<Challenge, Fault>;

/// One challenge in the making, of those that several protocols give.
#[derive(Default)]
pub(crate) struct Challenges {
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Bytes,
    answered: bool,
    /// What kept the first of those that failed.
    fault: Option<Fault>,
}

impl Challenges {
    /// Adds what one protocol answered. One that failed is left out: the others can still be paid.
    pub(crate) fn add(&mut self, by: ProtocolName, answer: Answer) {
        match answer {
            Ok(challenge) => {
                self.answered = true;
                if self.headers.is_empty() {
                    self.headers = challenge.headers;
                } else {
                    self.headers.extend(challenge.headers);
                }
                self.members = joined(std::mem::take(&mut self.members), challenge.members);
            }
            Err(fault) => {
                let cause = std::error::Error::source(&fault).map(ToString::to_string);
                let cause = cause.unwrap_or_default();
                tracing::warn!(protocol = %by, code = fault.code(), cause, "a challenge is left out");
                self.fault.get_or_insert(fault);
            }
        }
    }

    /// Waits for all of these at once, then adds them in their order.
    pub(crate) async fn add_all(
        mut self,
        waiting: Vec<(ProtocolName, Soon<'_, Answer>)>,
    ) -> Answer {
        let mut slots: Vec<_> = waiting
            .into_iter()
            .map(|(name, soon)| (name, Slot::Waiting(soon)))
            .collect();
        poll_fn(|context| {
            let mut all = Poll::Ready(());
            for (_, slot) in &mut slots {
                let Slot::Waiting(soon) = slot else { continue };
                match Pin::new(soon).poll(context) {
                    Poll::Ready(answer) => *slot = Slot::Here(answer),
                    Poll::Pending => all = Poll::Pending,
                }
            }
            all
        })
        .await;
        for (name, slot) in slots {
            if let Slot::Here(answer) = slot {
                self.add(name, answer);
            }
        }
        self.merged()
    }

    /// The one challenge, unless no protocol had any.
    pub(crate) fn merged(self) -> Answer {
        match self.fault {
            Some(fault) if !self.answered => Err(Fault::unavailable("no_challenge", fault)),
            _ => Ok(Challenge::new(self.headers, self.members)),
        }
    }
}

enum Slot<'a> {
    Waiting(Soon<'a, Answer>),
    Here(Answer),
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
