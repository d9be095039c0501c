//! A protocol and a store that do as they are told, and write down what they were asked.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use crate::*;

pub(super) const NAME: ProtocolName = ProtocolName::new("fake");
pub(super) const RECEIPT: HeaderName = HeaderName::from_static("x-receipt");

/// What a step does the next time it is asked. Unscripted steps do `Ok`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Ok,
    Refuse,
    Forbid,
    Fail,
    /// No answer, and nothing has moved.
    Unknown,
    /// No answer, and the money has moved.
    UnknownMoved,
    /// Waits for [`World::let_go`], then does `Ok`.
    Hang,
    /// The same, and then fails. Of the handler only.
    HangAndFail,
    /// Panics. A settlement has moved the money before.
    Panic,
}

/// What a handler does with its meter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Handling {
    #[default]
    Plain,
    Reports(u64),
    Streams,
    /// Charges so much, and once more.
    Charges(u64),
}

/// What a settlement found on the meter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Used {
    Reported(Option<u64>),
    Streamed,
}

pub(super) struct World {
    log: Mutex<Vec<&'static str>>,
    all: Mutex<Vec<&'static str>>,
    script: Mutex<HashMap<&'static str, VecDeque<Act>>>,
    /// How often the money of a credential has moved.
    pub(super) moved: Mutex<BTreeMap<String, u32>>,
    /// What each reconciliation was given.
    pub(super) evidence: Mutex<Vec<Vec<u8>>>,
    pub(super) handling: Mutex<Handling>,
    /// Whether each handler had a meter.
    pub(super) metered: Mutex<Vec<bool>>,
    pub(super) used: Mutex<Vec<Used>>,
    /// What each settlement was told to charge.
    pub(super) charged: Mutex<Vec<Option<Units>>>,
    /// What came of each attempt of a handler to charge.
    pub(super) charges: Mutex<Vec<Result<(), ChargeError>>>,
    /// What the last handler knows of its payment.
    pub(super) paid: Mutex<Option<Paid>>,
    /// How many handlers have done their work.
    pub(super) done: AtomicUsize,
    tabs_dropped: AtomicUsize,
    held: Semaphore,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::default(),
            all: Mutex::default(),
            handling: Mutex::default(),
            metered: Mutex::default(),
            used: Mutex::default(),
            charged: Mutex::default(),
            charges: Mutex::default(),
            paid: Mutex::default(),
            done: AtomicUsize::new(0),
            tabs_dropped: AtomicUsize::new(0),
            script: Mutex::default(),
            moved: Mutex::default(),
            evidence: Mutex::default(),
            held: Semaphore::new(0),
        })
    }

    pub(super) fn note(&self, step: &'static str) {
        self.log.lock().unwrap().push(step);
        self.all.lock().unwrap().push(step);
    }

    /// All steps of this world; the log begins anew each time it is looked at.
    pub(super) fn all(&self) -> Vec<&'static str> {
        self.all.lock().unwrap().clone()
    }

    /// How many streams have come to their end.
    pub(super) fn tabs_dropped(&self) -> usize {
        self.tabs_dropped.load(Ordering::SeqCst)
    }

    /// What a handler does with its meter; the tab of a stream goes with its response.
    pub(super) fn handle(&self, paid: &Paid) -> Option<Box<dyn Tab>> {
        self.metered.lock().unwrap().push(paid.meter().is_some());
        *self.paid.lock().unwrap() = Some(paid.clone());
        match (*self.handling.lock().unwrap(), paid.meter()) {
            (Handling::Reports(units), Some(meter)) => meter.report(units),
            (Handling::Streams, Some(meter)) => return meter.stream(),
            (Handling::Charges(units), _) => {
                let tried = [units, units].map(|units| paid.charge(Units::from(units)));
                self.charges.lock().unwrap().extend(tried);
            }
            _ => {}
        }
        None
    }

    pub(super) fn log(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    pub(super) fn script(&self, step: &'static str, acts: &[Act]) {
        let mut script = self.script.lock().unwrap();
        script.entry(step).or_default().extend(acts);
    }

    pub(super) fn forget_script(&self) {
        self.script.lock().unwrap().clear();
    }

    pub(super) fn act(&self, step: &'static str) -> Act {
        self.note(step);
        let mut script = self.script.lock().unwrap();
        let act = script.get_mut(step).and_then(VecDeque::pop_front);
        act.unwrap_or(Act::Ok)
    }

    pub(super) fn moved(&self, name: &str) -> u32 {
        self.moved
            .lock()
            .unwrap()
            .get(name)
            .copied()
            .unwrap_or_default()
    }

    /// Lets this many hanging steps go on.
    pub(super) fn let_go(&self, steps: usize) {
        self.held.add_permits(steps);
    }

    pub(super) async fn hang(&self) {
        self.held.acquire().await.unwrap().forget();
    }

    fn move_money(&self, name: &str) {
        *self
            .moved
            .lock()
            .unwrap()
            .entry(name.to_owned())
            .or_insert(0) += 1;
    }
}

/// One await that is not ready the first time: a place where a request can go away.
pub(super) fn pause() -> impl Future<Output = ()> + Send {
    let mut waited = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

pub(super) fn refusal(status: StatusCode, code: &'static str) -> Refusal {
    Refusal::new(NAME, Problem::new("urn:fake", "Fake", status, code, "no"))
}

fn refused(code: &'static str) -> Refusal {
    refusal(StatusCode::PAYMENT_REQUIRED, code)
}

fn sync(act: Act, code: &'static str) -> Result<(), Refusal> {
    match act {
        Act::Ok => Ok(()),
        Act::Forbid => Err(refusal(StatusCode::FORBIDDEN, code)),
        Act::Panic => panic!("{code} panicked"),
        _ => Err(refused(code)),
    }
}

fn unknown(evidence: &'static [u8]) -> Denied {
    Denied::Unknown(Pending {
        evidence: evidence.into(),
        headers: vec![(RECEIPT, HeaderValue::from_static("pending"))],
        code: "settlement_pending",
        cause: "no answer".into(),
    })
}

pub(super) struct FakeProtocol(pub(super) Arc<World>);

impl PaymentProtocol for FakeProtocol {
    fn name(&self) -> ProtocolName {
        NAME
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(route
            .takes(NAME)
            .then(|| Box::new(FakeOffering(Arc::clone(&self.0))) as _))
    }
}

struct FakeOffering(Arc<World>);

impl Offering for FakeOffering {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut values = Vec::new();
        head.each_value("x-pay", &mut |value| values.push(value.to_vec()));
        sync(self.0.act("claim"), "claim")?;
        Ok(values.pop().map(|value| Claim::new(NAME, 0, value.into())))
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        match self.0.act("challenge") {
            Act::Ok => Soon::now(Ok(Challenge::new(
                vec![(
                    HeaderName::from_static("x-challenge"),
                    HeaderValue::from_static("pay"),
                )],
                "\"accepts\":[]".into(),
            ))),
            _ => Soon::now(Err(Fault::upstream("challenge", "down"))),
        }
    }

    /// A credential is `name:payer:valid_until`; payer 0 is nobody, a name that begins with `v`
    /// has no keys. The name says what it is for: one with `meter` is paid by use, one with
    /// `manage` is management, which is answered unless it is done `silently`; one with `never`
    /// is not delivered later; one with `upto` is charged by its handler; one with `provable` is
    /// proven by its settlement; who pays by one with `unproven` is known once it is verified.
    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        match self.0.act("bind") {
            Act::Fail => return Err(Fault::upstream("bind", "down").into()),
            act => sync(act, "bind")?,
        }
        let text = String::from_utf8(claim.credential.to_vec()).unwrap();
        let mut parts = text.split(':');
        let name = parts.next().unwrap().to_owned();
        let payer = parts.next().map_or(1, |payer| payer.parse().unwrap());
        let valid_until = parts.next().map_or(1000, |until| until.parse().unwrap());
        let keys = match name.starts_with('v') {
            true => Vec::new(),
            false => vec![ReplayKey::new("fake", &[name.as_bytes()])],
        };
        let purpose = if name.contains("manage") {
            Purpose::Management
        } else if name.contains("meter") {
            Purpose::Metered(Meter::new(FakeTab(Arc::clone(&self.0))))
        } else {
            Purpose::Content
        };
        Ok(Box::new(FakePayment {
            world: Arc::clone(&self.0),
            purpose,
            keys,
            payer: (payer != 0).then(|| Account::Other(format!("payer {payer}").into())),
            valid_until: Timestamp::from_seconds(valid_until),
            now: ask.now,
            charge: None,
            verified: false,
            name,
        }))
    }
}

/// A tab that is never charged: only that it is there matters.
struct FakeTab(Arc<World>);

impl Tab for FakeTab {
    fn covers(&mut self, _: u64) -> Soon<'_, Result<(), Short>> {
        Soon::now(Err(Short::Ended))
    }

    fn charge(&mut self, _: u64) -> Soon<'_, Result<(), Short>> {
        Soon::now(Err(Short::Ended))
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn finish(&mut self) -> BoxFuture<'_, Option<bytes::Bytes>> {
        Box::pin(std::future::ready(None))
    }
}

impl Drop for FakeTab {
    fn drop(&mut self) {
        self.0.tabs_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

struct FakePayment {
    world: Arc<World>,
    purpose: Purpose,
    name: String,
    keys: Vec<ReplayKey>,
    payer: Option<Account>,
    valid_until: Timestamp,
    now: Timestamp,
    charge: Option<Units>,
    verified: bool,
}

impl FakePayment {
    fn receipt(&self) -> Receipt {
        let receipt = Receipt::new(format!("tx of {}", self.name), &RECEIPT, "paid");
        match self.purpose {
            Purpose::Management if !self.name.contains("silently") => {
                receipt.answering(Reply::json(StatusCode::OK, r#"{"code":"managed"}"#))
            }
            _ => receipt,
        }
    }

    fn use_up(&self) {
        self.world.charged.lock().unwrap().push(self.charge);
        if let Purpose::Metered(meter) = &self.purpose {
            self.world
                .used
                .lock()
                .unwrap()
                .push(match meter.is_streaming() {
                    true => Used::Streamed,
                    false => Used::Reported(meter.reported()),
                });
        }
    }
}

impl Payment for FakePayment {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        self.valid_until
    }

    fn spent(&self) -> Refusal {
        refused("spent")
    }

    fn in_time(&self) -> Result<(), Refusal> {
        sync(self.world.act("in_time"), "in_time")?;
        match self.now.seconds() + 6 <= self.valid_until.seconds() {
            true => Ok(()),
            false => Err(refused("expired")),
        }
    }

    fn purpose(&self) -> Purpose {
        self.purpose.clone()
    }

    fn check(&mut self) -> Result<(), Refusal> {
        sync(self.world.act("check"), "check")
    }

    fn payer(&self) -> Option<&Account> {
        self.payer.as_ref()
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async {
            let act = self.world.act("verify");
            pause().await;
            self.verified = true;
            match act {
                Act::Fail => Err(Fault::upstream("verify", "down").into()),
                Act::Unknown | Act::UnknownMoved => Err(unknown(b"verify")),
                Act::Hang => {
                    self.world.hang().await;
                    Ok(())
                }
                act => Ok(sync(act, "verify")?),
            }
        })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async {
            let act = self.world.act("resume");
            pause().await;
            match act {
                Act::Fail => Err(Fault::upstream("resume", "down").into()),
                Act::Unknown | Act::UnknownMoved => Err(unknown(b"resume")),
                act => Ok(sync(act, "resume")?),
            }
        })
    }

    fn is_delivered_later(&self) -> bool {
        !self.name.contains("never")
    }

    fn is_proven_by_settling(&self) -> bool {
        self.name.contains("provable")
    }

    fn paid(&self) -> Paid {
        let asset = Asset::Other(self.name.as_str().into());
        let paid = Paid::new(NAME, Units::from(100)).with(Network::eip155(1), asset);
        let paid = match &self.payer {
            Some(payer) if self.verified || !self.name.contains("unproven") => {
                paid.by(payer.clone())
            }
            _ => paid,
        };
        match self.name.contains("upto") {
            true => paid.up_to(),
            false => paid,
        }
    }

    fn charge(&mut self, units: Units) {
        self.charge = Some(units);
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::later(async {
            let act = self.world.act("settle");
            pause().await;
            match act {
                Act::Refuse | Act::Forbid => Err(refused("settle").into()),
                Act::Fail | Act::HangAndFail => Err(Fault::upstream("settle", "down").into()),
                Act::Unknown => Err(unknown(b"not moved")),
                Act::UnknownMoved => {
                    self.world.move_money(&self.name);
                    pause().await;
                    Err(unknown(b"moved"))
                }
                Act::Ok | Act::Hang | Act::Panic => {
                    if act == Act::Hang {
                        self.world.hang().await;
                    }
                    self.world.move_money(&self.name);
                    self.use_up();
                    pause().await;
                    assert!(act != Act::Panic, "settle panicked");
                    Ok(self.receipt())
                }
            }
        })
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::later(async {
            self.world.evidence.lock().unwrap().push(evidence.to_vec());
            let act = self.world.act("reconcile");
            pause().await;
            match act {
                Act::Fail | Act::HangAndFail => Err(Fault::upstream("reconcile", "down").into()),
                Act::Unknown | Act::UnknownMoved => Err(unknown(b"")),
                Act::Panic => panic!("reconcile panicked"),
                Act::Hang | Act::Ok | Act::Refuse | Act::Forbid => {
                    if act == Act::Hang {
                        self.world.hang().await;
                    }
                    match self.world.moved(&self.name) {
                        0 => Err(refused("reconcile").into()),
                        _ => Ok(self.receipt()),
                    }
                }
            }
        })
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.world.note("give back");
            pause().await;
        })
    }
}

/// What becomes of the write behind a failing store call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Write {
    Lost,
    /// It was done, and only the answer is missing.
    Done,
}

/// The in-memory guard with a pause around each step, whose n-th call can fail.
pub(super) struct Watched {
    pub(super) inner: MemoryReplayGuard,
    world: Arc<World>,
    calls: AtomicUsize,
    fails: Mutex<Option<(usize, Write)>>,
}

impl Watched {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self {
            inner: MemoryReplayGuard::default(),
            world,
            calls: AtomicUsize::new(0),
            fails: Mutex::new(None),
        }
    }

    /// Lets the n-th call from now on fail, counted from 0.
    pub(super) fn fail(&self, call: usize, write: Write) {
        let call = self.calls.load(Ordering::SeqCst) + call;
        *self.fails.lock().unwrap() = Some((call, write));
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn heal(&self) {
        *self.fails.lock().unwrap() = None;
    }

    async fn step<T: Send>(
        &self,
        name: &'static str,
        inner: impl Future<Output = Result<T, StoreFault>> + Send,
    ) -> Result<T, StoreFault> {
        self.world.note(name);
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let failing = *self.fails.lock().unwrap();
        let write = failing
            .filter(|(failing, _)| *failing == call)
            .map(|(_, write)| write);
        pause().await;
        if write == Some(Write::Lost) {
            return Err(StoreFault::Unavailable("told to fail".into()));
        }
        let answer = inner.await;
        pause().await;
        match write {
            Some(_) => Err(StoreFault::Unavailable("told to fail".into())),
            None => answer,
        }
    }
}

impl ReplayGuard for Watched {
    async fn look(&self, keys: &[ReplayKey], now: Timestamp) -> Result<Standing, StoreFault> {
        self.step("look", self.inner.look(keys, now)).await
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, StoreFault> {
        self.step("reserve", self.inner.reserve(wish)).await
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), StoreFault> {
        let name = match &stage {
            Stage::Settling => "settling",
            Stage::Unknown(_) => "unknown",
            Stage::Paid(_) => "paid",
            Stage::Undelivered(_) => "undelivered",
            Stage::Spent => "spent",
        };
        self.step(name, self.inner.advance(ticket, stage)).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreFault> {
        self.step("release", self.inner.release(ticket)).await
    }
}
