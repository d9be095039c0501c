use std::sync::Arc;

use bytes::Bytes;
use payment_core::{
    Ask, Challenge, Claim, ConfigError, Denied, Fault, Offering, Payment, Refusal, RequestHead,
    Route, Soon,
};

use crate::crowd::Outside;
use crate::payment::BoundPayment;
use crate::protocol::Versions;
use crate::wire::{PAYMENT_SIGNATURE, X_PAYMENT, decode_base64};
use crate::{Code, Facilitator, NAME, Offer, Presented, Scheme, Version, refuse, v1_name};

mod challenge;
mod envelope;

use challenge::Challenges;
use envelope::Envelope;

/// What x402 offers on one route.
pub(crate) struct RouteOffers<F> {
    outside: Arc<Outside<F>>,
    choices: Vec<Choice>,
    challenges: Challenges,
    margin_seconds: u64,
}

/// One offer, who reads payments for it, and what v1 calls it where v1 can choose it.
struct Choice {
    offer: Offer,
    scheme: Arc<dyn Scheme>,
    v1_network: Option<&'static str>,
}

impl<F: Facilitator> RouteOffers<F> {
    pub(crate) fn new(
        outside: Arc<Outside<F>>,
        schemes: &[Arc<dyn Scheme>],
        versions: Versions,
        route: &Route,
    ) -> Result<Self, ConfigError> {
        let mut choices: Vec<Choice> = Vec::with_capacity(schemes.len());
        for scheme in schemes {
            let offer = scheme.offer(route)?;
            if choices.iter().any(|choice| choice.offer.is_like(&offer)) {
                let reason = "two schemes make offers that can't be told apart";
                return Err(ConfigError::setting("accept", reason));
            }
            let v1_network = match versions {
                Versions::Both if scheme.takes_v1() => v1_name(offer.network()),
                _ => None,
            };
            // A v1 payment names scheme and network alone, so that v1 gets one offer of each.
            let v1_network = v1_network.filter(|name| {
                let same = |choice: &Choice| {
                    choice.v1_network == Some(*name) && choice.offer.scheme() == offer.scheme()
                };
                !choices.iter().any(same)
            });
            let scheme = Arc::clone(scheme);
            choices.push(Choice {
                offer,
                scheme,
                v1_network,
            });
        }
        if choices.is_empty() {
            return Err(ConfigError::NoAsset);
        }
        let v1 = choices.iter().filter(|choice| choice.v1_network.is_some());
        let challenges = Challenges::new(
            &choices
                .iter()
                .map(|choice| &choice.offer)
                .collect::<Vec<_>>(),
            &v1.map(|choice| &choice.offer).collect::<Vec<_>>(),
        )?;
        Ok(Self {
            outside,
            choices,
            challenges,
            margin_seconds: route.margin_seconds(),
        })
    }

    fn takes_v1(&self) -> bool {
        self.choices
            .iter()
            .any(|choice| choice.v1_network.is_some())
    }

    /// The offer that the payment is for, and what was presented for it.
    fn choose<'a>(
        &'a self,
        ask: &Ask,
        version: Version,
        envelope: &Envelope<'a>,
    ) -> Result<(&'a Choice, Presented<'a>), Refusal> {
        let payload = envelope.payload()?;
        let (choice, extra) = match version {
            Version::V2 => {
                let accepted = envelope.accepted()?;
                let choice = self
                    .choices
                    .iter()
                    .find(|choice| accepted.is(&choice.offer));
                if !envelope.is_for(ask)? {
                    return Err(refuse(Code::Resource));
                }
                (choice, accepted.extra())
            }
            Version::V1 => {
                let (scheme, network) = envelope.v1_choice()?;
                let choice = self.choices.iter().find(|choice| {
                    choice.v1_network == Some(network) && choice.offer.scheme() == scheme
                });
                (choice, None)
            }
        };
        let choice = choice.ok_or_else(|| refuse(Code::NoMatch))?;
        let presented = Presented::new(&choice.offer, version, payload, ask.now);
        Ok((choice, presented.echoing(extra)))
    }
}

impl<F: Facilitator> Offering for RouteOffers<F> {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let v2 = sole_value(head, PAYMENT_SIGNATURE.as_str())?;
        // A header that no offer of this route takes counts as none.
        let v1 = match self.takes_v1() {
            true => sole_value(head, X_PAYMENT.as_str())?,
            false => None,
        };
        let (version, credential) = match (v2, v1) {
            (Some(_), Some(_)) => return Err(refuse(Code::Ambiguous)),
            (Some(value), None) => (Version::V2, value),
            (None, Some(value)) => (Version::V1, value),
            (None, None) => return Ok(None),
        };
        let credential = Bytes::copy_from_slice(credential);
        Ok(Some(Claim::new(NAME, version.number(), credential)))
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let why = why.filter(|refusal| refusal.by() == NAME);
        let code = why.map(|refusal| &*refusal.problem().code);
        Soon::now(self.challenges.make(&ask.resource, code))
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let malformed = || refuse(Code::Malformed);
        let version = Version::from_number(claim.kind.into()).ok_or_else(malformed)?;
        let json = decode_base64(&claim.credential).map_err(|_| malformed())?;
        let envelope = Envelope::read(&json, version)?;
        let (choice, presented) = self.choose(ask, version, &envelope)?;
        let bound = choice.scheme.bind(presented)?;
        Ok(Box::new(BoundPayment::new(
            Arc::clone(&self.outside),
            bound,
            version,
            choice.offer.clone(),
            ask,
            self.margin_seconds,
        )))
    }
}

/// The value of a header that must not repeat. An empty one counts as none.
fn sole_value<'a>(head: &'a dyn RequestHead, name: &str) -> Result<Option<&'a [u8]>, Refusal> {
    let mut values = 0;
    let mut sole = None;
    head.each_value(name, &mut |value| {
        values += 1;
        sole = Some(value.trim_ascii());
    });
    match values {
        0 | 1 => Ok(sole.filter(|value| !value.is_empty())),
        _ => Err(refuse(Code::Ambiguous)),
    }
}

#[cfg(test)]
mod tests;
