use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::gate::Priced;
use crate::hooked::within;
use crate::{
    Ask, Claim, Denied, Fault, Offering, PaymentOption, Pricing, Quote, ReplayGuard, Soon,
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
        let (options, seal) = self.reconcile_quote(pricing, ask, options, brought);
        let mut route = self.route.clone();
        (route.options, route.quote) = (options, seal);
        route.body_digest = ask.body.as_deref().map(body_digest);
        let offering = self.shared.protocol.offer(&route);
        match offering.map_err(|error| Fault::internal("price_unusable", error))? {
            Some(offering) => Ok(Entry::Pays(offering.into())),
            None => Err(Fault::internal("price_unusable", "no protocol takes the price").into()),
        }
    }

    /// The prices that count, and the quote that names them: those that the buyer was quoted, while
    /// that is good, or else those of now. Protocols don't compare quotes: one that has run out, or
    /// is none of ours, pays as well as any while the prices are the same.
    fn reconcile_quote(
        &self,
        pricing: &Pricing,
        ask: &Ask,
        today: Vec<PaymentOption>,
        brought: Option<Box<str>>,
    ) -> (Vec<PaymentOption>, Option<Box<str>>) {
        let Some(key) = self
            .shared
            .quote_key
            .get()
            .filter(|_| !pricing.grace.is_zero())
        else {
            return (today, None);
        };
        if let Some(seal) = brought
            && let Some(quoted) = key.open(ask, &today, &seal)
            && quoted.until > ask.now
        {
            return (quoted.options, Some(seal));
        }
        let seal = key.seal(ask, &today, ask.now.plus(pricing.grace));
        (today, seal)
    }
}

/// The digest of a body, as challenges spell it.
pub(crate) fn body_digest(body: &[u8]) -> Box<str> {
    let mut text = String::from("sha-256=");
    STANDARD.encode_string(Sha256::digest(body), &mut text);
    text.into()
}
