use http::StatusCode;
use payment_core::{
    Ask, Challenge, Claim, Denied, Fault, Offering, Payment, Problem, ProtocolName, Refusal,
    RequestHead, Soon,
};

use crate::challenges::Challenges;
use crate::router::ROUTER;

/// What one protocol offers on a route, by the protocol's name.
pub(crate) struct Entry {
    pub(crate) name: ProtocolName,
    pub(crate) offering: Box<dyn Offering>,
}

/// What all protocols of one route offer, in order of priority.
pub(crate) struct Offerings {
    entries: Box<[Entry]>,
}

impl Offerings {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        Self {
            entries: entries.into(),
        }
    }
}

impl Offering for Offerings {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        // All are asked, whoever answers first: a buyer who sends two payments may expect either
        // to be taken, so that taking one would be a guess with money.
        let mut found = None;
        for entry in &self.entries {
            let claimed = entry.offering.claim(head).transpose();
            if claimed.is_some() && found.is_some() {
                return Err(ambiguous());
            }
            found = found.or(claimed);
        }
        found.transpose()
    }

    fn quote(&self, claim: &Claim) -> Option<Box<str>> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.name == claim.protocol)?;
        entry.offering.quote(claim)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let mut challenges = Challenges::default();
        let mut entries = self.entries.iter();
        while let Some(Entry { name, offering }) = entries.next() {
            match offering.challenge(ask, why) {
                Soon::Now(Some(challenge)) => challenges.add(*name, challenge),
                later => {
                    // The first that isn't here yet; those after it are waited for together.
                    let mut waiting = Vec::with_capacity(1 + entries.len());
                    waiting.push((*name, later));
                    waiting.extend(
                        entries.map(|entry| (entry.name, entry.offering.challenge(ask, why))),
                    );
                    return Soon::later(challenges.add_all(waiting));
                }
            }
        }
        Soon::now(challenges.merged())
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        match self
            .entries
            .iter()
            .find(|entry| entry.name == claim.protocol)
        {
            Some(entry) => entry.offering.bind(ask, claim),
            None => Err(not_taken().into()),
        }
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
