use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use payment_core::{
    Account, Ask, BoxFuture, Challenge, Claim, ConfigError, Denied, Fault, Gate, GateBuilder,
    Limits, Meter, Money, Offering, Paid, Payment, PaymentProtocol, Pending, Problem, ProtocolName,
    Purpose, Receipt, Refusal, ReplayKey, RequestHead, Route, Short, Soon, Tab, Timestamp, Units,
    usd,
};
use tokio::sync::{Notify, Semaphore};
use tower::ServiceExt;

pub(crate) const PRICE: Money = usd!("0.01");
pub(crate) const PAY: &str = "x-test-pay";
pub(crate) const STAMP: HeaderName = HeaderName::from_static("payment-response");
const NAME: ProtocolName = ProtocolName::new("test");

/// What a settlement comes to.
#[derive(Clone, Copy, Default)]
pub(crate) enum Verdict {
    #[default]
    Yes,
    /// Yes, with nothing to show for it.
    Silent,
    No,
    Unknown,
}

/// What the protocol of a test has seen, and what holds it back.
pub(crate) struct Till {
    pub(crate) settles: AtomicUsize,
    pub(crate) reconciles: AtomicUsize,
    /// How often a handler ran.
    pub(crate) served: AtomicUsize,
    pub(crate) verdict: Verdict,
    /// Settlements take a permit each and keep it.
    pub(crate) go: Semaphore,
    /// A settlement has begun and waits for its permit.
    pub(crate) settling: Notify,
    pub(crate) released: Notify,
    pub(crate) account: Arc<TillAccount>,
}

/// What a buyer has authorized of a route that is priced by the unit, and what was taken of it.
#[derive(Default)]
pub(crate) struct TillAccount {
    pub(crate) authorized: AtomicU64,
    pub(crate) charged: AtomicU64,
    pub(crate) changed: Notify,
    /// What each settled response was said to have used; `None` for a stream.
    pub(crate) used: Mutex<Vec<Option<u64>>>,
    pub(crate) tab_dropped: Notify,
}

impl TillAccount {
    pub(crate) fn authorize(&self, units: u64) {
        self.authorized.fetch_add(units, Ordering::SeqCst);
        self.changed.notify_one();
    }

    pub(crate) fn charged(&self) -> u64 {
        self.charged.load(Ordering::SeqCst)
    }

    fn fund(&self, units: u64) -> Result<u64, Short> {
        let charged = self.charged() + units;
        let authorized = self.authorized.load(Ordering::SeqCst);
        if charged <= authorized {
            return Ok(charged);
        }
        let need = format!("{{\"requiredCumulative\":\"{charged}\"}}");
        Err(Short::NeedVoucher(need.into()))
    }
}

struct TillTab(Arc<TillAccount>);

impl Tab for TillTab {
    fn covers(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        Soon::now(self.0.fund(units).map(drop))
    }

    fn charge(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        Soon::later(async move {
            tokio::task::yield_now().await;
            let charged = self.0.fund(units)?;
            self.0.charged.store(charged, Ordering::SeqCst);
            Ok(())
        })
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.changed.notified())
    }

    fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        let json = format!("{{\"spent\":\"{}\"}}", self.0.charged());
        Box::pin(std::future::ready(Some(json.into())))
    }
}

impl Drop for TillTab {
    fn drop(&mut self) {
        self.0.tab_dropped.notify_one();
    }
}

impl Till {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(Verdict::Yes, Semaphore::MAX_PERMITS)
    }

    /// Nothing is settled until permits are added to `go`.
    pub(crate) fn stopped() -> Arc<Self> {
        Self::with(Verdict::Yes, 0)
    }

    pub(crate) fn with(verdict: Verdict, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            settles: AtomicUsize::new(0),
            reconciles: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            verdict,
            go: Semaphore::new(permits),
            settling: Notify::new(),
            released: Notify::new(),
            account: Arc::default(),
        })
    }

    pub(crate) fn gate(self: &Arc<Self>) -> Gate {
        Gate::new(TestPay(Arc::clone(self)))
    }

    pub(crate) fn builder(self: &Arc<Self>) -> GateBuilder {
        Gate::builder(TestPay(Arc::clone(self)))
    }

    pub(crate) fn gate_holding(self: &Arc<Self>, held_body: usize) -> Gate {
        let mut limits = Limits::default();
        limits.held_body = held_body;
        self.builder().limits(limits).build().unwrap()
    }

    pub(crate) fn settles(&self) -> usize {
        self.settles.load(Ordering::SeqCst)
    }

    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    /// A handler ran.
    pub(crate) fn serve(&self) {
        self.served.fetch_add(1, Ordering::SeqCst);
    }
}

/// Takes `x-test-pay: <nonce>`. On a route that is priced by the unit, a `HEAD` authorizes one unit
/// more.
struct TestPay(Arc<Till>);

struct TestOffering {
    till: Arc<Till>,
    metered: bool,
}

impl PaymentProtocol for TestPay {
    fn name(&self) -> ProtocolName {
        NAME
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(TestOffering {
            till: Arc::clone(&self.0),
            metered: route.is_metered(),
        })))
    }
}

static RECEIPTS: [HeaderName; 1] = [HeaderName::from_static("x-test-receipt")];

impl Offering for TestOffering {
    fn receipt_headers(&self) -> &[HeaderName] {
        &RECEIPTS
    }

    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut found = None;
        head.each_value(PAY, &mut |value| {
            found = Some(Bytes::copy_from_slice(value))
        });
        Ok(found.map(|nonce| Claim::new(NAME, 0, nonce)))
    }

    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let line = HeaderValue::from_str(&format!("Test url=\"{}\"", ask.resource)).unwrap();
        let members = Bytes::from_static(b"\"accepts\":[]");
        Soon::now(Ok(Challenge::new(vec![(WWW_AUTHENTICATE, line)], members)))
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let account = &self.till.account;
        Ok(Box::new(TestPayment {
            purpose: match &*ask.method {
                _ if !self.metered => Purpose::Content,
                "HEAD" => Purpose::Management,
                _ => Purpose::Metered(Meter::new(TillTab(Arc::clone(account)))),
            },
            till: Arc::clone(&self.till),
            keys: [ReplayKey::new("test", &[&claim.credential])],
            payer: Account::parse("alice"),
        }))
    }
}

struct TestPayment {
    till: Arc<Till>,
    purpose: Purpose,
    keys: [ReplayKey; 1],
    payer: Account,
}

impl TestPayment {
    fn refusal(code: &'static str) -> Refusal {
        let status = StatusCode::PAYMENT_REQUIRED;
        Refusal::new(NAME, Problem::new("urn:test", "Test", status, code, ""))
    }

    fn receipt() -> Receipt {
        let mut receipt = Receipt::new("0xabc", &STAMP, "settled").with_errors();
        let odd = ("x-test-receipt".to_owned(), "settled".to_owned());
        receipt.headers.push(odd);
        receipt
    }
}

impl Payment for TestPayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        Timestamp::from_millis(u64::MAX)
    }

    fn spent(&self) -> Refusal {
        Self::refusal("spent")
    }

    fn in_time(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        self.purpose.clone()
    }

    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        Paid::new(NAME, Units::from(10_000)).by(self.payer.clone())
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::later(async {
            self.till.settles.fetch_add(1, Ordering::SeqCst);
            self.till.settling.notify_one();
            self.till.go.acquire().await.unwrap().forget();
            match &self.purpose {
                Purpose::Metered(meter) => {
                    let used = match meter.is_streaming() {
                        true => None,
                        false => Some(meter.reported().unwrap_or(1)),
                    };
                    self.till.account.used.lock().unwrap().push(used);
                }
                Purpose::Management => self.till.account.authorize(1),
                _ => {}
            }
            match self.till.verdict {
                Verdict::Yes => Ok(Self::receipt()),
                Verdict::Silent => Ok(Receipt::default()),
                Verdict::No => Err(Self::refusal("no_funds").into()),
                Verdict::Unknown => Err(Denied::Unknown(Pending {
                    evidence: Bytes::from_static(b"sent"),
                    headers: Vec::new(),
                    code: "settlement_pending",
                    cause: "no answer".into(),
                })),
            }
        })
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        assert_eq!(evidence, b"sent");
        self.till.reconciles.fetch_add(1, Ordering::SeqCst);
        Soon::now(Ok(Self::receipt()))
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.till.released.notify_one() })
    }
}

/// A GET with this payment; none for an empty nonce.
pub(crate) fn get(path: &str, nonce: &str) -> Request<Body> {
    with_method("GET", path, nonce)
}

pub(crate) fn with_method(method: &str, path: &str, nonce: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !nonce.is_empty() {
        request = request.header(PAY, nonce);
    }
    request.body(Body::empty()).unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

/// Sends until no other request holds the payment: what a dropped request leaves behind is given
/// back by a task of its own.
pub(crate) async fn send_when_free(app: &Router, path: &str, nonce: &str) -> Response<Body> {
    for _ in 0..1000 {
        let response = send(app, get(path, nonce)).await;
        if response.status() != StatusCode::CONFLICT {
            return response;
        }
        tokio::task::yield_now().await;
    }
    panic!("the payment was never given back");
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) async fn code(response: Response<Body>) -> String {
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> Vec<&'a str> {
    let values = response.headers().get_all(name).iter();
    values.map(|value| value.to_str().unwrap()).collect()
}
