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

/// The offers of a route in the making, in the seller's order.
struct Choices {
    list: Vec<Choice>,
    versions: Versions,
}

impl Choices {
    /// Adds what a scheme offers at the price of a route that has one.
    fn add(&mut self, scheme: &Arc<dyn Scheme>, route: &Route) -> Result<(), ConfigError> {
        let offer = scheme.offer(route)?;
        match self.list.iter().find(|known| known.offer.is_like(&offer)) {
            // Two options that came to the same.
            Some(known) if Arc::ptr_eq(&known.scheme, scheme) => return Ok(()),
            Some(_) => {
                let reason = "two schemes make offers that can't be told apart";
                return Err(ConfigError::setting("accept", reason));
            }
            None => {}
        }
        let v1_network = match self.versions {
            Versions::Both if scheme.takes_v1() => v1_name(offer.network()),
            _ => None,
        };
        // A v1 payment names scheme and network alone, so that v1 gets one offer of each.
        let v1_network = v1_network.filter(|name| {
            let same = |choice: &Choice| {
                choice.v1_network == Some(*name) && choice.offer.scheme() == offer.scheme()
            };
            !self.list.iter().any(same)
        });
        let scheme = Arc::clone(scheme);
        self.list.push(Choice {
            offer,
            scheme,
            v1_network,
        });
        Ok(())
    }
}

impl<F: Facilitator> RouteOffers<F> {
    /// `None` where no scheme takes any of the route's options.
    pub(crate) fn new(
        outside: Arc<Outside<F>>,
        schemes: &[Arc<dyn Scheme>],
        versions: Versions,
        route: &Route,
    ) -> Result<Option<Self>, ConfigError> {
        let mut choices = Choices {
            list: Vec::with_capacity(schemes.len()),
            versions,
        };
        if route.options.is_empty() {
            for scheme in schemes {
                choices.add(scheme, route)?;
            }
        }
        for option in &route.options {
            let route = route.with_option(option);
            for scheme in schemes {
                if option.takes(NAME, scheme.name(), scheme.network(), scheme.asset()) {
                    choices.add(scheme, &route)?;
                }
            }
        }
        let choices = choices.list;
        if choices.is_empty() {
            return match route.options.is_empty() {
                true => Err(ConfigError::NoAsset),
                false => Ok(None),
            };
        }
        let v1 = choices.iter().filter(|choice| choice.v1_network.is_some());
        let challenges = Challenges::new(
            &choices
                .iter()
                .map(|choice| &choice.offer)
                .collect::<Vec<_>>(),
            &v1.map(|choice| &choice.offer).collect::<Vec<_>>(),
        )?;
        Ok(Some(Self {
            outside,
            choices,
            challenges,
            margin_seconds: route.margin_seconds(),
        }))
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

    fn quote(&self, claim: &Claim) -> Option<Box<str>> {
        // Version 1 echoes no offer, so that for it the price of the moment counts.
        if Version::from_number(claim.kind.into())? != Version::V2 {
            return None;
        }
        let json = decode_base64(&claim.credential).ok()?;
        let envelope = Envelope::read(&json, Version::V2).ok()?;
        envelope.accepted().ok()?.quote()
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
