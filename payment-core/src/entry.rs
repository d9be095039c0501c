use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::contained::contained;
use crate::gate::Priced;
use crate::hooked::within;
use crate::late::Late;
use crate::quote::Quoted;
use crate::{
    Ask, Challenge, Claim, Denied, Fault, Offering, Payment, PaymentOption, Pricing, Quote,
    Refusal, ReplayGuard, RequestHead, Route, Soon,
};

/// How a request gets to the handler.
pub(crate) enum Entry {
    /// It pays one of these offers.
    Pays(Arc<dyn Offering>),
    /// It pays nothing.
    Free,
}

impl<G: ReplayGuard> Priced<G> {
    /// Asks the seller's own code whether this request pays, and what.
    pub(crate) async fn entry(&self, ask: &Ask, claim: Option<&Claim>) -> Result<Entry, Denied> {
        if self.shared.hooks.grants(ask).await? {
            return Ok(Entry::Free);
        }
        match &self.route.pricing {
            None => Ok(Entry::Pays(Arc::clone(&self.offering))),
            Some(pricing) => self.quoted(pricing, ask, claim).await,
        }
    }

    /// The price of this request, found for it alone. Without one the gate stays closed. (T03)
    async fn quoted(
        &self,
        pricing: &Pricing,
        ask: &Ask,
        claim: Option<&Claim>,
    ) -> Result<Entry, Denied> {
        let begin = || Soon::Later(pricing.pricer.quote(ask));
        let quote = within(&ask.alarm, pricing.deadline, begin)
            .await
            .map_err(|mute| Fault::unavailable("price_unavailable", mute))?
            .map_err(|error| Fault::unavailable("price_unavailable", error))?;
        let options = match quote {
            Quote::Standard => self.route.each_option(),
            Quote::Options(options) => options,
            Quote::Free => return Ok(Entry::Free),
            Quote::Deny(denial) => return Err(denial.into()),
        };
        if options.is_empty() || options.iter().any(|option| option.price.is_zero()) {
            return Err(Fault::internal("price_unusable", "no price, and not free either").into());
        }
        let brought = claim.and_then(|claim| self.offering.quote(claim));
        let Some(key) = self.shared.quote_key.get() else {
            return Ok(Entry::Pays(self.offer(ask, options, None)?.into()));
        };
        let until = ask.now.plus(pricing.grace);
        let seal = key.seal(ask, &pricing.headers, &options, until);
        // Protocols don't compare quotes: one that has run out, or is none of ours, pays as well as
        // any while the prices are the same.
        let quoted =
            brought.and_then(|brought| key.open(ask, &pricing.headers, &options, &brought));
        let quoted = quoted.filter(|quoted| quoted.options != options);
        let today = self.offer(ask, options, seal)?;
        Ok(Entry::Pays(match quoted {
            None => today.into(),
            Some(Quoted { options, until }) => Arc::new(Moved {
                is_good: until > ask.now,
                quoted: self.offer(ask, options, None)?,
                today,
            }),
        }))
    }

    /// What is offered to this request at these prices.
    fn offer(
        &self,
        ask: &Ask,
        options: Vec<PaymentOption>,
        quote: Option<Box<str>>,
    ) -> Result<Box<dyn Offering>, Denied> {
        let route = Route {
            options,
            quote,
            body_digest: ask.body.as_deref().map(body_digest),
            ..self.route.clone()
        };
        // Schemes and methods may be anybody's.
        let offering = contained(|| self.shared.protocol.offer(&route));
        let offering =
            offering.ok_or_else(|| Fault::internal("price_unusable", "a protocol panicked"))?;
        let offering = offering.map_err(|error| Fault::internal("price_unusable", error))?;
        offering.ok_or_else(|| Fault::internal("price_unusable", "no protocol takes it").into())
    }
}

/// A price that has moved since the buyer was quoted another: that one is paid while it is good, and
/// whoever is asked to pay is told the one of today.
struct Moved {
    /// Whether the quote has not run out.
    is_good: bool,
    quoted: Box<dyn Offering>,
    today: Box<dyn Offering>,
}

impl Offering for Moved {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        self.quoted.claim(head)
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        self.today.challenge(ask, why)
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        if self.is_good {
            return self.quoted.bind(ask, claim);
        }
        let refusal = match self.today.bind(ask, claim.clone()) {
            Err(Denied::Refused(refusal)) => refusal,
            bound => return bound,
        };
        match self.quoted.bind(ask, claim) {
            Ok(payment) => Ok(Box::new(Late { payment, refusal })),
            Err(_) => Err(refusal.into()),
        }
    }
}

/// The digest of a body, as challenges spell it.
pub(crate) fn body_digest(body: &[u8]) -> Box<str> {
    let mut text = String::from("sha-256=");
    STANDARD.encode_string(Sha256::digest(body), &mut text);
    text.into()
}

#[cfg(test)]
mod tests;
