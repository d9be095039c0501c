//! A protocol whose payments are words, and a route of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, request};

use crate::*;

const NAME: ProtocolName = ProtocolName::new("till");
const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// A price that it can't charge.
pub(super) const UNUSABLE: Money = usd!("0.13");

/// A price that it panics at.
pub(super) const PANICS: Money = usd!("0.14");

/// What happened at the till.
#[derive(Clone, Default)]
pub(super) struct Till(Arc<Counts>);

#[derive(Default)]
struct Counts {
    offers: AtomicUsize,
    bound: AtomicUsize,
    settled: AtomicUsize,
    payee: Mutex<String>,
}

/// A payment of this name: so much, with this quote.
pub(super) fn paid(name: &str, price: Money, quote: Option<&str>) -> String {
    format!("{name} {price} {}", quote.unwrap_or_default())
}

impl PaymentProtocol for Till {
    fn name(&self) -> ProtocolName {
        NAME
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        self.0.offers.fetch_add(1, Ordering::SeqCst);
        let (network, asset) = (Network::eip155(1), Asset::parse("USD"));
        let options = route.each_option();
        let taken = |option: &PaymentOption| option.takes(NAME, "word", &network, &asset);
        let options: Vec<_> = options.into_iter().filter(taken).collect();
        if options.iter().any(|option| option.price == UNUSABLE) {
            return Err(ConfigError::setting("price", "unlucky"));
        }
        assert!(options.iter().all(|option| option.price != PANICS));
        let ways = Ways {
            till: self.clone(),
            options,
            quote: route.quote.clone(),
            digest: route.body_digest.clone(),
        };
        Ok((!ways.options.is_empty()).then(|| Box::new(ways) as _))
    }
}

struct Ways {
    till: Till,
    options: Vec<PaymentOption>,
    quote: Option<Box<str>>,
    digest: Option<Box<str>>,
}

fn words(claim: &Claim) -> Vec<String> {
    let text = std::str::from_utf8(&claim.credential).unwrap();
    text.split(' ').map(str::to_owned).collect()
}

impl Offering for Ways {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut found = None;
        head.each_value("x-pay", &mut |value| found = Some(value.to_vec()));
        Ok(found.map(|value| Claim::new(NAME, 0, value.into())))
    }

    fn quote(&self, claim: &Claim) -> Option<Box<str>> {
        let quote = words(claim).remove(2);
        (!quote.is_empty()).then(|| quote.into())
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let shown = |option: &PaymentOption| match &option.pay_to {
            Some(payee) => format!("{}@{payee}", option.price),
            None => option.price.to_string(),
        };
        let prices: Vec<_> = self.options.iter().map(shown).collect();
        let lines = [
            ("x-prices", Some(prices.join(","))),
            ("x-quote", self.quote.as_deref().map(str::to_owned)),
            ("x-digest", self.digest.as_deref().map(str::to_owned)),
        ];
        let lines = lines.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::try_from(value?).unwrap();
            Some((HeaderName::from_static(name), value))
        });
        Soon::now(Ok(Challenge::new(lines.collect(), Bytes::new())))
    }

    fn bind(&self, _: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        self.till.0.bound.fetch_add(1, Ordering::SeqCst);
        let words = words(&claim);
        let price: Money = words[1].parse().unwrap();
        let mut options = self.options.iter();
        let Some(option) = options.find(|option| option.price == price) else {
            let (status, code) = (StatusCode::PAYMENT_REQUIRED, "other_price");
            let problem = Problem::new("urn:till", "Till", status, code, "another price");
            return Err(Refusal::new(NAME, problem).into());
        };
        let payee = option.pay_to.as_ref().map(ToString::to_string);
        *self.till.0.payee.lock().unwrap() = payee.unwrap_or_default();
        Ok(Box::new(Coin {
            till: self.till.clone(),
            keys: [ReplayKey::new("till", &[words[0].as_bytes()])],
        }))
    }
}

struct Coin {
    till: Till,
    keys: [ReplayKey; 1],
}

impl Payment for Coin {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        NOW.plus(Duration::from_secs(100_000))
    }

    fn spent(&self) -> Refusal {
        let (status, code) = (StatusCode::PAYMENT_REQUIRED, "spent");
        Refusal::new(
            NAME,
            Problem::new("urn:till", "Till", status, code, "spent"),
        )
    }

    fn in_time(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        None
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        Paid::new(NAME, Units::from(1))
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        self.till.0.settled.fetch_add(1, Ordering::SeqCst);
        Soon::now(Ok(Receipt::default()))
    }

    fn reconcile<'a>(&'a mut self, _: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::now(Ok(Receipt::default()))
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

type Say = Arc<dyn Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync>;

/// A route, with a price that can be changed.
pub(super) struct Stall {
    till: Till,
    say: Arc<Mutex<Say>>,
    pub(super) route: RouteGate,
    pub(super) clock: Arc<ManualClock>,
    served: Mutex<Vec<Paid>>,
    status: Mutex<StatusCode>,
}

/// What a client got.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) prices: Option<String>,
    pub(super) quote: Option<String>,
    pub(super) digest: Option<String>,
}

impl Stall {
    pub(super) fn new(
        say: impl Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync + 'static,
    ) -> Self {
        let stall = Self::on(|pricing| Route::priced(usd!("1")).pricing(pricing));
        stall.prices(say);
        stall
    }

    pub(super) fn priced(pricing: Pricing) -> Self {
        Self::on(|_| Route::priced(usd!("1")).pricing(pricing))
    }

    pub(super) fn on(route: impl FnOnce(Pricing) -> Route) -> Self {
        Self::at(|gate| gate, route)
    }

    pub(super) fn keyed(key: Secret) -> Self {
        Self::at(
            |gate| gate.quote_key(key),
            |pricing| Route::priced(usd!("1")).pricing(pricing),
        )
    }

    pub(super) fn at(
        set: impl FnOnce(GateBuilder) -> GateBuilder,
        route: impl FnOnce(Pricing) -> Route,
    ) -> Self {
        let till = Till::default();
        let say: Arc<Mutex<Say>> = Arc::new(Mutex::new(Arc::new(|_| Ok(Quote::Standard))));
        let pricing = Pricing::by({
            let say = Arc::clone(&say);
            move |ask| {
                let say = Arc::clone(&say.lock().unwrap());
                async move { say(&ask) }
            }
        });
        let clock = Arc::new(ManualClock::at(NOW));
        let gate = set(Gate::builder(till.clone()).clock(Arc::clone(&clock)));
        let route = gate.build().unwrap().route(route(pricing)).unwrap();
        Self {
            till,
            say,
            route,
            clock,
            served: Mutex::default(),
            status: Mutex::new(StatusCode::OK),
        }
    }

    /// Changes the price.
    pub(super) fn prices(
        &self,
        say: impl Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync + 'static,
    ) {
        *self.say.lock().unwrap() = Arc::new(say);
    }

    /// Changes what the handler answers.
    pub(super) fn answers(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    pub(super) fn served(&self) -> usize {
        self.served.lock().unwrap().len()
    }

    pub(super) fn last(&self) -> Paid {
        self.served.lock().unwrap().last().unwrap().clone()
    }

    pub(super) fn payee(&self) -> String {
        self.till.0.payee.lock().unwrap().clone()
    }

    pub(super) fn bound(&self) -> usize {
        self.till.0.bound.load(Ordering::SeqCst)
    }

    pub(super) fn settled(&self) -> usize {
        self.till.0.settled.load(Ordering::SeqCst)
    }

    pub(super) fn offers(&self) -> usize {
        self.till.0.offers.load(Ordering::SeqCst)
    }

    pub(super) async fn get(&self, uri: &str, payment: Option<&str>) -> Got {
        self.send("GET", uri, payment, None).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        uri: &str,
        payment: Option<&str>,
        body: Option<&'static str>,
    ) -> Got {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(payment) = payment {
            request = request.header("x-pay", payment);
        }
        self.run(request, body).await
    }

    pub(super) async fn with_headers(&self, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.run(request, None).await
    }

    async fn run(&self, request: request::Builder, body: Option<&'static str>) -> Got {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = body.map(|text| Bytes::from_static(text.as_bytes()));
        let reply = match self.route.admit(&Head { parts, body }) {
            Admission::Answer(reply) => reply,
            Admission::Priced(job) => {
                let fixed = self.route.priced.route.pricing.is_none();
                assert!(fixed || job.answer_at_once().is_none());
                let status = *self.status.lock().unwrap();
                let serve = |paid| {
                    self.served.lock().unwrap().push(paid);
                    async move { Ok::<_, ()>(Page(status)) }
                };
                match job.run(Here, serve).await.unwrap() {
                    Outcome::Reply(reply) => reply,
                    Outcome::Served { response, .. } => Reply::empty(response.0),
                }
            }
        };
        let text = |name| Some(reply.headers.get(name)?.to_str().unwrap().to_owned());
        let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        Got {
            status: reply.status,
            code: problem["code"].as_str().unwrap_or_default().to_owned(),
            prices: text("x-prices"),
            quote: text("x-quote"),
            digest: text("x-digest"),
        }
    }
}

struct Head {
    parts: request::Parts,
    body: Option<Bytes>,
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn has_body(&self) -> bool {
        self.body.is_some() || self.parts.has_body()
    }

    fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.parts.each_value(name, visit);
    }
}

#[derive(Clone)]
struct Here;

impl Spawn for Here {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Here {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Page(StatusCode);

impl Served for Page {
    fn status(&self) -> StatusCode {
        self.0
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}
