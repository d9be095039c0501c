use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::cors::CorsRules;
use crate::custom::Wall;
use crate::dress::{CHOOSES, Varies};
use crate::entry::body_digest;
use crate::hooked::Hooked;
use crate::inflight::InFlight;
use crate::job::Claimed;
use crate::quote::QuoteKey;
use crate::resource::url_path;
use crate::stamp::Receipts;
use crate::{
    Admission, Admit, Alarm, Ask, Clock, ConfigError, Job, Limits, MemoryReplayGuard, Offering,
    PaymentProtocol, Paywall, Problem, ReplayGuard, Reply, RequestHead, Route, SystemClock, Unread,
};

mod builder;

pub use builder::GateBuilder;

use builder::HOOK_DEADLINE;

/// What stands in front of priced routes: a protocol, a replay guard, a clock, limits.
///
/// A gate is cheap to clone and makes one [`RouteGate`] a route. Gates that share a replay guard
/// share the knowledge of what was used.
pub struct Gate<G = MemoryReplayGuard> {
    shared: Arc<Shared<G>>,
}

pub(crate) struct Shared<G> {
    pub(crate) protocol: Arc<dyn PaymentProtocol>,
    pub(crate) guard: G,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) origin: Option<Box<str>>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) hooks: Hooked,
    pub(crate) quote_key: OnceLock<QuoteKey>,
    pub(crate) paywall: Option<Arc<dyn Paywall>>,
    pub(crate) cors: Option<CorsRules>,
}
impl Gate {
    /// A gate with an in-memory replay guard and the default limits.
    pub fn new(protocol: impl PaymentProtocol) -> Self {
        Self::with_guard(protocol, MemoryReplayGuard::default())
    }

    /// Starts a gate with settings of its own.
    pub fn builder(protocol: impl PaymentProtocol) -> GateBuilder {
        GateBuilder::new(Arc::new(protocol))
    }
}

impl<G: ReplayGuard> Gate<G> {
    /// A gate over this replay guard, with the default limits.
    pub fn with_guard(protocol: impl PaymentProtocol, guard: G) -> Self {
        let shared = Shared {
            protocol: Arc::new(protocol),
            guard,
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            origin: None,
            in_flight: Arc::default(),
            hooks: Hooked::new(Vec::new(), HOOK_DEADLINE),
            quote_key: OnceLock::new(),
            paywall: None,
            cors: None,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Prices a route. What does not change between requests is encoded here, once.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly or no protocol takes the route.
    pub fn route(&self, route: impl Into<Route>) -> Result<RouteGate<G>, ConfigError> {
        let route = route.into();
        if route.price.is_zero() {
            return Err(ConfigError::ZeroPrice);
        }
        for option in &route.options {
            if option.price.is_zero() {
                return Err(ConfigError::ZeroPrice);
            }
            // Each of them alone: none is to be left out without a word.
            self.offer(&route.with_option(option))?;
        }
        if route.pricing.is_some() && self.shared.quote_key.get().is_none() {
            // Whoever was first has set it.
            let _ = self.shared.quote_key.set(QuoteKey::random()?);
        }
        let mut offering = self.offer(&route)?;
        if route.pricing.is_some() {
            self.offer(&self.as_quoted(&route))?;
            // It reads claims alone, and a pricer may name what the route does not.
            let anything = Route {
                options: Vec::new(),
                ..route.clone()
            };
            offering = self.offer(&anything).unwrap_or(offering);
        }
        let shared = Arc::clone(&self.shared);
        let pricing = route.pricing.iter();
        let read = pricing.flat_map(|pricing| pricing.headers.iter());
        let mut headers: Vec<_> = read.chain(shared.hooks.headers()).cloned().collect();
        let paywall = match &route.wording.paywall {
            Wall::Shared => shared.paywall.clone(),
            Wall::Own(paywall) => Some(Arc::clone(paywall)),
            Wall::Without => None,
        };
        let page: Vec<_> = paywall
            .iter()
            .flat_map(|paywall| [CHOOSES].into_iter().chain(paywall.headers().to_vec()))
            .collect();
        let by_origin = shared.cors.as_ref().is_some_and(CorsRules::varies);
        let varies = Varies::on(&headers, &page, by_origin);
        headers.extend(page);
        // Each once: a header that is read twice would look like one that came twice.
        headers.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        headers.dedup();
        Ok(RouteGate {
            priced: Arc::new(Priced {
                receipts: Receipts::with(offering.receipt_headers()),
                shared,
                route,
                offering,
                headers: headers.into(),
                paywall,
                varies,
            }),
        })
    }

    /// The route as requests will find it, with all that its offers have to carry.
    fn as_quoted(&self, route: &Route) -> Route {
        let ask = Ask::new(self.shared.clock.now(), "GET", "/");
        let key = self.shared.quote_key.get();
        let pricing = route.pricing.as_ref();
        let read = pricing.and_then(|pricing| pricing.body_limit);
        Route {
            quote: key.and_then(|key| key.seal(&ask, &[], &route.each_option(), ask.now)),
            body_digest: read.map(|_| body_digest(b"")),
            ..route.clone()
        }
    }

    fn offer(&self, route: &Route) -> Result<Arc<dyn Offering>, ConfigError> {
        let offering = self.shared.protocol.offer(route)?;
        offering.map(Arc::from).ok_or(ConfigError::NoProtocol)
    }
}

impl<G> Clone for Gate<G> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<G> fmt::Debug for Gate<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("protocol", &self.shared.protocol.name())
            .finish_non_exhaustive()
    }
}
const CREDENTIAL_TOO_LARGE: Problem = Problem::new(
    "urn:tollgate:problem:credential-too-large",
    "Credential Too Large",
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "credential_too_large",
    "the payment header is larger than is read here",
);

const BODY_NOT_GATHERED: Problem = Problem::new(
    "https://paymentauth.org/problems/internal-payment-error",
    "Internal Payment Error",
    StatusCode::INTERNAL_SERVER_ERROR,
    "body_not_gathered",
    "the payment could not be processed; nothing was charged",
);

/// The gate of one route. Frameworks call [`RouteGate::admit`] for each request.
pub struct RouteGate<G = MemoryReplayGuard> {
    pub(crate) priced: Arc<Priced<G>>,
}

pub(crate) struct Priced<G> {
    pub(crate) shared: Arc<Shared<G>>,
    pub(crate) route: Route,
    /// What is offered at the price that the route says.
    pub(crate) offering: Arc<dyn Offering>,
    /// The headers that its pricer, hooks and page read.
    headers: Box<[HeaderName]>,
    pub(crate) paywall: Option<Arc<dyn Paywall>>,
    pub(crate) varies: Varies,
    /// What no handler sets.
    pub(crate) receipts: Receipts,
}
impl<G: ReplayGuard> Admit for RouteGate<G> {
    type Guard = G;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission<G>> {
        Some(Self::admit(self, head))
    }

    fn reads_body(&self, head: &dyn RequestHead) -> Option<usize> {
        self.body_limit().filter(|_| !is_preflight(head))
    }

    fn unread(&self, head: &dyn RequestHead, why: Unread) -> Reply {
        self.headed(why.reply(), head)
    }
}

impl<G: ReplayGuard> RouteGate<G> {
    /// Reads the head once and decides what is to happen. Synchronous; nothing is awaited and
    /// nothing of the head is kept by reference.
    ///
    /// A CORS preflight is answered here: it is free and never reaches the handler. Every other
    /// method is priced, `HEAD` and `OPTIONS` included.
    pub fn admit(&self, head: &dyn RequestHead) -> Admission<G> {
        if is_preflight(head) {
            return Admission::Answer(match &self.priced.shared.cors {
                Some(cors) => cors.preflight(head),
                None => Reply::preflight(),
            });
        }
        let claimed = match self.priced.offering.claim(head) {
            Ok(None) => Claimed::Nothing,
            Ok(Some(claim)) if claim.credential.len() > self.priced.shared.limits.credential => {
                let reply = Reply::problem(&CREDENTIAL_TOO_LARGE);
                return Admission::Answer(self.headed(reply, head));
            }
            Ok(Some(claim)) => Claimed::Something(claim),
            Err(refusal) => Claimed::Unreadable(refusal),
        };
        let mut ask = self.ask(head);
        if self.body_limit().is_some() {
            let Some(body) = head.body() else {
                tracing::error!("a price is read from the body, and the body was not gathered");
                let reply = Reply::problem(&BODY_NOT_GATHERED);
                return Admission::Answer(self.headed(reply, head));
            };
            ask.body = Some(body.clone());
        }
        ask.keep_headers(&self.priced.headers, head);
        Admission::Priced(Job {
            priced: Arc::clone(&self.priced),
            ask,
            claimed,
        })
    }

    /// An answer that needs no job.
    fn headed(&self, mut reply: Reply, head: &dyn RequestHead) -> Reply {
        self.priced.complete(&mut reply, self.priced.reader(head));
        reply
    }

    /// Up to how many bytes of the body its price is read from; `None` where it is not.
    #[must_use]
    pub fn body_limit(&self) -> Option<usize> {
        self.priced.route.pricing.as_ref()?.body_limit
    }

    fn ask(&self, head: &dyn RequestHead) -> Ask {
        let Priced { shared, route, .. } = &*self.priced;
        let path = route.resource.as_deref().unwrap_or_else(|| head.path());
        let (scheme, authority) = match shared.origin.as_deref() {
            Some(origin) => ("", origin),
            None => ("http://", display_authority(head.authority())),
        };
        // Exactly as long as it gets, so that it is allocated once.
        let resource = [scheme, authority, &url_path(path)].concat();
        Ask {
            now: shared.clock.now(),
            method: method_text(head.method()),
            path: head.path().into(),
            query: head.query().map(Into::into),
            resource: resource.into(),
            canonical: shared.origin.is_some(),
            has_body: head.has_body(),
            idempotency_key: sole_value(head, "idempotency-key"),
            accept_payment: sole_value(head, "accept-payment"),
            headers: HeaderMap::new(),
            body: None,
            alarm: Alarm::default(),
            reader: self.priced.reader(head),
        }
    }
}

impl<G> Clone for RouteGate<G> {
    fn clone(&self) -> Self {
        Self {
            priced: Arc::clone(&self.priced),
        }
    }
}

impl<G> fmt::Debug for RouteGate<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteGate")
            .field("price", &self.priced.route.price)
            .finish_non_exhaustive()
    }
}

pub(crate) fn is_preflight(head: &dyn RequestHead) -> bool {
    if head.method() != "OPTIONS" {
        return false;
    }
    let has = |name| {
        let mut found = false;
        head.each_value(name, &mut |_| found = true);
        found
    };
    has("origin") && has("access-control-request-method")
}

/// The method, without an allocation for those that most requests have.
fn method_text(method: &str) -> Cow<'static, str> {
    const USUAL: [&str; 5] = ["GET", "POST", "PUT", "DELETE", "HEAD"];
    match USUAL.into_iter().find(|usual| *usual == method) {
        Some(usual) => Cow::Borrowed(usual),
        None => Cow::Owned(method.to_owned()),
    }
}

/// The authority as something that can stand in a URL we print, or a name that says nothing.
fn display_authority(authority: Option<&str>) -> &str {
    authority
        .filter(|text| text.len() <= 255 && !text.contains('@'))
        .filter(|text| is_plain(text) || text.parse::<http::uri::Authority>().is_ok())
        .unwrap_or("localhost")
}

/// Whether it is a name or an IPv4 address, with a port or without: any of these is an authority,
/// and needs no parser that allocates.
fn is_plain(authority: &str) -> bool {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    !host.is_empty()
        && host.bytes().all(named)
        && matches!(port.len(), 1..=4)
        && port.bytes().all(|b| b.is_ascii_digit())
}

fn sole_value(head: &dyn RequestHead, name: &str) -> Option<Box<str>> {
    let mut sole = None;
    let mut count = 0;
    head.each_value(name, &mut |value| {
        count += 1;
        sole = Some(value);
    });
    let text = std::str::from_utf8(sole.filter(|_| count == 1)?).ok()?;
    HeaderValue::from_str(text).is_ok().then(|| text.into())
}

#[cfg(test)]
pub(crate) mod tests;
