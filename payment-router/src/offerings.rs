use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use payment_core::{
    Ask, Challenge, Claim, Denied, Fault, Offering, Payment, Problem, ProtocolName, Refusal,
    RequestHead, Soon,
};

use crate::challenges::{Challenges, Slot};
use crate::contain::contained;
use crate::error::{Failure, PANICKED, Phase, Reporter};
use crate::router::ROUTER;

/// What one protocol offers on a route, by the protocol's name.
pub(crate) struct Entry {
    pub(crate) name: ProtocolName,
    pub(crate) offering: Box<dyn Offering>,
}

/// What all protocols of one route offer, in order of priority.
pub(crate) struct Offerings {
    pub(crate) entries: Box<[Entry]>,
    /// What any of them writes receipts into.
    pub(crate) receipts: Box<[HeaderName]>,
    pub(crate) challenge_deadline: Duration,
    pub(crate) reporter: Reporter,
}

impl Offering for Offerings {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        // All are asked, whoever answers first: a buyer who sends two payments may expect either
        // to be taken, so that taking one would be a guess with money.
        let mut found = None;
        let mut doubtful = false;
        for Entry { name, offering } in &self.entries {
            let claimed = match contained(|| offering.claim(head)) {
                Ok(claimed) => claimed.transpose(),
                Err(panicked) => {
                    let failure = Failure::from(panicked);
                    self.reporter
                        .report(Phase::Claim, *name, &failure, head.path());
                    doubtful = true;
                    continue;
                }
            };
            // It is bound by whoever recognised it, whatever name it bears.
            let claimed = claimed.map(|claimed| {
                claimed.map(|mut claim| {
                    claim.protocol = *name;
                    claim
                })
            });
            if claimed.is_some() && found.is_some() {
                return Err(ambiguous());
            }
            found = found.or(claimed);
        }
        // Whether there was a payment for the one that panicked is not known. So it is not "none",
        // and one for another protocol may not be the only one: nothing is taken. `bind` says so.
        if doubtful {
            return Ok(Some(Claim::new(ROUTER, 0, Bytes::new())));
        }
        found.transpose()
    }

    fn quote(&self, claim: &Claim) -> Option<Box<str>> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.name == claim.protocol)?;
        // A quote that can't be read is none: the price is that of now.
        contained(|| entry.offering.quote(claim)).ok()?
    }

    fn receipt_headers(&self) -> &[HeaderName] {
        &self.receipts
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let mut challenges = Challenges::default();
        let mut slots = self
            .entries
            .iter()
            .map(|Entry { name, offering }| (*name, Slot::ask(|| offering.challenge(ask, why))));
        while let Some((name, slot)) = slots.next() {
            match slot {
                Slot::Here(answer) => challenges.add(name, answer),
                later @ Slot::Waiting(_) => {
                    // The first that isn't here yet; those after it are waited for together.
                    let mut waiting = Vec::with_capacity(1 + slots.len());
                    waiting.push((name, later));
                    waiting.extend(slots);
                    return Soon::later(async move {
                        let deadline = self.challenge_deadline;
                        challenges.add_all(waiting, &ask.alarm, deadline).await;
                        challenges.merged(&self.reporter, &ask.path)
                    });
                }
            }
        }
        Soon::now(challenges.merged(&self.reporter, &ask.path))
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let name = claim.protocol;
        if name == ROUTER {
            return Err(Fault::unavailable(PANICKED, "a payment may not have been seen").into());
        }
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Err(not_taken().into());
        };
        let failure = match contained(|| entry.offering.bind(ask, claim)) {
            Ok(Err(Denied::Failed(fault))) => Failure::from(fault),
            Ok(bound) => return bound,
            Err(panicked) => panicked.into(),
        };
        self.reporter.report(Phase::Bind, name, &failure, &ask.path);
        Err(failure.fault.into())
    }
}

/// A payment by a protocol that this request is not offered: one that it was offered before.
fn not_taken() -> Refusal {
    Refusal::new(
        ROUTER,
        Problem::new(
            "urn:tollgate:problem:payment-not-taken",
            "Payment Not Taken",
            StatusCode::PAYMENT_REQUIRED,
            "payment_not_taken",
            "this request is not paid by this protocol; see what it is paid by",
        ),
    )
}

fn ambiguous() -> Refusal {
    Refusal::new(
        ROUTER,
        Problem::new(
            "urn:tollgate:problem:ambiguous-payment",
            "Ambiguous Payment",
            StatusCode::BAD_REQUEST,
            "ambiguous_payment",
            "the request carries payments of two protocols; send one",
        ),
    )
}
