use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::custom::{Wall, Wording};
use crate::{
    Account, Ask, CustomBody, Failure, Money, PaymentOption, Paywall, Pricing, ProtocolName,
};

/// When the money moves, relative to the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Timing {
    /// The handler runs, its response is held, the payment settles, the response leaves. A
    /// handler that fails costs the buyer nothing.
    #[default]
    AfterServing,
    /// The payment settles, then the handler runs. For responses that stream, and for work that
    /// must not be done unpaid. If the handler fails, the same credential runs it again without
    /// settling again; a session's does with the same `Idempotency-Key`, and is charged again
    /// without one. Of no effect on a route that is sold by the unit: what it may use is set aside
    /// first, and taken when it is known.
    BeforeServing,
}

/// What a seller says about one priced route. Each protocol makes its own offers from it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Route {
    /// The price of one call, or of one unit where there is one.
    pub price: Money,
    /// What is sold by the unit, such as `token`; `None` when it is sold by the call.
    pub unit: Option<Cow<'static, str>>,
    /// Units that one response may use at most, unless it is streamed.
    pub most_units: u64,
    /// What to suggest to buyers who make a deposit.
    pub deposit: Option<Money>,
    /// Shown to buyers; decides nothing.
    pub description: Option<String>,
    /// Media type of what is sold; decides nothing.
    pub mime_type: Option<String>,
    /// The canonical path, where the route must not be known by the path of the request.
    pub resource: Option<String>,
    /// When the money moves.
    pub timing: Timing,
    /// How long a buyer has to pay an offer.
    pub pay_within: Duration,
    /// Validity an authorization must have left when the handler starts: time for the handler
    /// and the settlement. At least 6 seconds count.
    pub serve_within: Duration,
    /// The protocols taken here; `None` takes all that the gate has.
    pub protocols: Option<Vec<ProtocolName>>,
    /// Who is paid, where it is not whom a protocol was set up with.
    pub pay_to: Option<Account>,
    /// The ways to pay, in the seller's order; empty for every way that the gate has, at the price
    /// of the route.
    pub options: Vec<PaymentOption>,
    /// How the price is found for each request; `None` where it is fixed.
    pub pricing: Option<Pricing>,
    /// JSON Schema of what is sold; decides nothing. Offers of x402 version 1 carry it.
    pub output_schema: Option<Value>,
    /// The sealed quote that offers carry, where the price is found for each request. The gate
    /// sets it; protocols carry it to the buyer and back.
    pub quote: Option<Box<str>>,
    /// How it words its answers.
    pub(crate) wording: Wording,
    /// The digest of the body that the price was read from: `sha-256=` and base64. The gate sets
    /// it; protocols bind it into their offers, so that none pays for another body. (T07)
    pub body_digest: Option<Box<str>>,
}

impl Route {
    /// A route at this price, with the defaults: settle after serving, five minutes to pay.
    #[must_use]
    pub const fn priced(price: Money) -> Self {
        Self {
            price,
            unit: None,
            most_units: 1,
            deposit: None,
            description: None,
            mime_type: None,
            resource: None,
            timing: Timing::AfterServing,
            pay_within: Duration::from_secs(300),
            serve_within: Duration::from_secs(6),
            protocols: None,
            pay_to: None,
            options: Vec::new(),
            pricing: None,
            output_schema: None,
            quote: None,
            wording: Wording::DEFAULT,
            body_digest: None,
        }
    }

    /// Pays this account, and not whom the protocols were set up with.
    #[must_use]
    pub fn pay_to(mut self, account: Account) -> Self {
        self.pay_to = Some(account);
        self
    }

    /// Takes these ways to pay, in this order, each at its own price.
    #[must_use]
    pub fn options(mut self, options: impl IntoIterator<Item = PaymentOption>) -> Self {
        self.options = options.into_iter().collect();
        self
    }

    /// Finds the price for each request. The price of the route is the standard one: what it is
    /// when the pricer says so, and what the route is checked with at start-up.
    #[must_use]
    pub fn pricing(mut self, pricing: Pricing) -> Self {
        self.pricing = Some(pricing);
        self
    }

    /// Sets the JSON Schema of what is sold.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output_schema = Some(schema);
        self
    }

    /// Words the body of the 402 that a request without a payment gets. Called for each; it must not
    /// wait, and where it panics, the body is ours.
    #[must_use]
    pub fn unpaid_body(
        mut self,
        body: impl Fn(&Ask) -> CustomBody + Send + Sync + 'static,
    ) -> Self {
        self.wording.unpaid = Some(Arc::new(body));
        self
    }

    /// Words the body of what a request gets whose payment was not settled: refused, or failed, or
    /// nobody knows. Where [`Failure::unknown`] says so, the money may have moved, and no buyer is to
    /// be told to pay again.
    #[must_use]
    pub fn settlement_failed_body(
        mut self,
        body: impl Fn(&Ask, &Failure) -> CustomBody + Send + Sync + 'static,
    ) -> Self {
        self.wording.unsettled = Some(Arc::new(body));
        self
    }

    /// Shows this page to people, and not that of the gate.
    #[must_use]
    pub fn paywall(mut self, paywall: impl Paywall) -> Self {
        self.wording.paywall = Wall::Own(Arc::new(paywall));
        self
    }

    /// Shows no page, whatever the gate has.
    #[must_use]
    pub fn no_paywall(mut self) -> Self {
        self.wording.paywall = Wall::Without;
        self
    }

    /// The ways to pay, one at least.
    #[must_use]
    pub fn each_option(&self) -> Vec<PaymentOption> {
        match self.options.is_empty() {
            true => vec![PaymentOption::new(self.price)],
            false => self.options.clone(),
        }
    }

    /// The route with one option of it and no other: at its price, to its account. For protocols,
    /// which make their offers of one option after the other.
    #[must_use]
    pub fn with_option(&self, option: &PaymentOption) -> Self {
        Self {
            price: option.price,
            pay_to: option.pay_to.clone().or_else(|| self.pay_to.clone()),
            options: vec![option.clone()],
            ..self.clone()
        }
    }

    /// Sets the text that buyers see.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Sets the media type of what is sold.
    #[must_use]
    pub fn mime_type(mut self, text: impl Into<String>) -> Self {
        self.mime_type = Some(text.into());
        self
    }

    /// Names the route by this path in offers, whatever path the request came by.
    #[must_use]
    pub fn resource(mut self, path: impl Into<String>) -> Self {
        self.resource = Some(path.into());
        self
    }

    /// Sets when the money moves.
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Sets how long a buyer has to pay an offer.
    #[must_use]
    pub const fn pay_within(mut self, time: Duration) -> Self {
        self.pay_within = time;
        self
    }

    /// Sets how much validity must be left when the handler starts.
    #[must_use]
    pub const fn serve_within(mut self, time: Duration) -> Self {
        self.serve_within = time;
        self
    }

    /// Takes only these protocols on this route.
    #[must_use]
    pub fn only(mut self, protocols: impl IntoIterator<Item = ProtocolName>) -> Self {
        self.protocols = Some(protocols.into_iter().collect());
        self
    }

    /// Whether it is sold by units that are counted while it is served. A protocol that takes one
    /// payment for one call can't take it.
    #[must_use]
    pub const fn is_metered(&self) -> bool {
        self.unit.is_some()
    }

    /// Whether this protocol is taken on this route.
    #[must_use]
    pub fn takes(&self, protocol: ProtocolName) -> bool {
        self.protocols
            .as_ref()
            .is_none_or(|names| names.contains(&protocol))
    }

    /// The validity in seconds that an authorization must have left.
    #[must_use]
    pub const fn margin_seconds(&self) -> u64 {
        let asked = self.serve_within.as_secs();
        if asked < 6 { 6 } else { asked }
    }
}

impl From<Money> for Route {
    fn from(price: Money) -> Self {
        Self::priced(price)
    }
}
