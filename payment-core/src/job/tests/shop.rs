//! A shop with two priced routes, and customers driven by hand.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::StatusCode;

use super::staff::*;
use super::world::*;
use crate::*;

/// Tasks that outlived their request, run when the test says so.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    waiting: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    /// Whether time passes.
    passes: Arc<AtomicBool>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.waiting.lock().unwrap().push(task);
    }
}

impl Timer for Tasks {
    /// Ends after some polls, while time passes.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        self.slept.lock().unwrap().push(time);
        let passes = Arc::clone(&self.passes);
        let mut polls = 0;
        Box::pin(std::future::poll_fn(move |_| {
            polls += usize::from(passes.load(Ordering::SeqCst));
            match polls > 12 {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }))
    }
}

impl Tasks {
    /// Whether nothing was spawned, or all of it has run.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.lock().unwrap().is_empty()
    }

    /// How long anything was to wait.
    pub(super) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    /// Lets time pass for what waits, or holds it.
    pub(super) fn time_passes(&self, passes: bool) {
        self.passes.store(passes, Ordering::SeqCst);
    }

    /// Runs what was spawned, and what that spawned. A task that panics is gone. Returns how
    /// many still wait.
    pub(super) fn run(&self) -> usize {
        let mut waiting = Vec::new();
        loop {
            let Some(mut task) = self.waiting.lock().unwrap().pop() else {
                break;
            };
            let ended = catch_unwind(AssertUnwindSafe(|| polled(&mut task, 100).is_some()));
            if matches!(ended, Ok(false)) {
                waiting.push(task);
            }
        }
        *self.waiting.lock().unwrap() = waiting;
        self.waiting.lock().unwrap().len()
    }

    /// Tears the runtime down: nothing that was spawned goes on.
    pub(super) fn tear_down(&self) {
        let tasks = std::mem::take(&mut *self.waiting.lock().unwrap());
        drop(tasks);
    }
}

/// Polls at most so often.
pub(super) fn polled<T>(
    future: &mut (impl Future<Output = T> + Unpin + ?Sized),
    times: usize,
) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if let Poll::Ready(value) = Pin::new(&mut *future).poll(&mut context) {
            return Some(value);
        }
    }
    None
}

/// What a handler answers with.
pub(super) struct Page {
    world: Arc<World>,
    status: StatusCode,
    /// Whether it was let in unpaid.
    free: bool,
    /// What a stream is paid from.
    _tab: Option<Box<dyn Tab>>,
}

impl Served for Page {
    fn status(&self) -> StatusCode {
        self.status
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        let act = self.world.act("hold");
        pause().await;
        match act {
            Act::Ok => Ok(self),
            Act::Panic => panic!("hold panicked"),
            _ => Err(HoldError::Broken),
        }
    }
}

/// What the customer sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    /// The problem code of a reply; `served` for the handler's response, `error` for its error.
    pub(super) code: String,
    pub(super) receipt: bool,
    pub(super) wait: bool,
    pub(super) challenged: bool,
}

impl Seen {
    pub(super) fn delivered(&self) -> bool {
        self.code == "served" && self.status < 400
    }
}

pub(super) type Ran = Result<Outcome<Page>, &'static str>;
pub(super) type Visit = Pin<Box<dyn Future<Output = Ran> + Send>>;

pub(super) struct Shop {
    pub(super) world: Arc<World>,
    pub(super) guard: Arc<Watched>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tasks: Tasks,
    pub(super) in_flight: Arc<crate::inflight::InFlight>,
    /// The hooks, where there are any.
    pub(super) staff: Arc<Staff>,
    after: RouteGate<Arc<Watched>>,
    first: RouteGate<Arc<Watched>>,
    /// How often something was delivered for a credential.
    pub(super) delivered: Mutex<BTreeMap<String, u32>>,
}

impl Shop {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self::open(limits, 0)
    }

    /// A shop with so many hooks, who are all the same staff. Time passes.
    pub(super) fn staffed(hooks: usize) -> Self {
        let shop = Self::open(Limits::default(), hooks);
        shop.tasks.time_passes(true);
        shop
    }

    fn open(limits: Limits, hooks: usize) -> Self {
        let world = World::new();
        let staff = Staff::new();
        let guard = Arc::new(Watched::new(Arc::clone(&world)));
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(100)));
        let mut builder = Gate::builder(FakeProtocol(Arc::clone(&world)))
            .guard(Arc::clone(&guard))
            .clock(Arc::clone(&clock))
            .limits(limits);
        for _ in 0..hooks {
            builder = builder.hooks(AtWork(Arc::clone(&staff)));
        }
        let gate = builder.build().unwrap();
        let price = Money::from_decimal("0.01").unwrap();
        let first = Route::priced(price).timing(Timing::BeforeServing);
        let after = gate.route(price).unwrap();
        Self {
            in_flight: Arc::clone(&after.priced.shared.in_flight),
            first: gate.route(first).unwrap(),
            after,
            world,
            guard,
            clock,
            tasks: Tasks::default(),
            staff,
            delivered: Mutex::default(),
        }
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn admit(&self, path: &str, credential: &str) -> Admission<Arc<Watched>> {
        let mut request = http::Request::get(path);
        if !credential.is_empty() {
            request = request.header("x-pay", credential);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let gate = if path.starts_with("/first") {
            &self.first
        } else {
            &self.after
        };
        gate.admit(&head)
    }

    pub(super) fn visit_with(&self, spawn: impl Spawn, path: &str, credential: &str) -> Visit {
        let Admission::Priced(job) = self.admit(path, credential) else {
            panic!("answered at once");
        };
        let world = Arc::clone(&self.world);
        Box::pin(job.run(spawn, move |paid| async move {
            let act = world.act("serve");
            let tab = world.handle(&paid);
            pause().await;
            let status = match act {
                Act::Hang => {
                    world.hang().await;
                    StatusCode::OK
                }
                Act::HangAndFail => {
                    world.hang().await;
                    StatusCode::INTERNAL_SERVER_ERROR
                }
                Act::Panic => panic!("handler panicked"),
                Act::Fail => return Err("handler failed"),
                Act::Ok => StatusCode::OK,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            if status.as_u16() < 400 {
                world.done.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Page {
                world,
                status,
                free: paid.is_free(),
                _tab: tab,
            })
        }))
    }

    pub(super) fn visit(&self, path: &str, credential: &str) -> Visit {
        self.visit_with(self.tasks.clone(), path, credential)
    }

    /// What came of a visit, and counts what was delivered.
    pub(super) fn seen(&self, credential: &str, ran: Ran) -> Seen {
        let free = matches!(&ran, Ok(Outcome::Served { response, .. }) if response.free);
        let seen = match ran {
            Err(_) => Seen {
                code: "error".into(),
                ..Seen::default()
            },
            Ok(Outcome::Served { response, stamps }) => Seen {
                status: response.status.as_u16(),
                code: "served".into(),
                receipt: stamps
                    .iter()
                    .any(|(name, value)| name == RECEIPT && value == "paid"),
                ..Seen::default()
            },
            Ok(Outcome::Reply(reply)) => {
                let code = if reply.body.is_empty() {
                    String::new()
                } else {
                    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                    body["code"].as_str().unwrap().to_owned()
                };
                assert_eq!(reply.headers["cache-control"], "no-store");
                Seen {
                    status: reply.status.as_u16(),
                    code,
                    receipt: reply.headers.contains_key(RECEIPT),
                    wait: reply.headers.contains_key("retry-after"),
                    challenged: reply.headers.contains_key("x-challenge"),
                }
            }
        };
        if free && seen.delivered() {
            self.staff.has_granted();
        } else if seen.delivered() {
            let name = credential.split(':').next().unwrap().to_owned();
            *self.delivered.lock().unwrap().entry(name).or_insert(0) += 1;
        }
        seen
    }

    /// One visit to its end, with all that it left behind.
    pub(super) fn buy(&self, path: &str, credential: &str) -> Seen {
        let ran = polled(&mut self.visit(path, credential), 200).expect("the visit hangs");
        assert_eq!(self.tasks.run(), 0, "a task hangs");
        self.seen(credential, ran)
    }

    /// A visit whose step panics.
    pub(super) fn buy_and_panic(&self, path: &str, credential: &str) {
        let mut visit = self.visit(path, credential);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _ = polled(&mut visit, 100);
        }));
        assert!(panicked.is_err(), "nothing panicked");
        drop(visit);
        assert_eq!(self.tasks.run(), 0, "a task hangs");
    }

    pub(super) fn delivered(&self, name: &str) -> u32 {
        self.delivered
            .lock()
            .unwrap()
            .get(name)
            .copied()
            .unwrap_or_default()
    }

    /// Nothing is in work any more, and the money and the goods add up.
    pub(super) fn assert_sound(&self, name: &str) {
        assert!(self.in_flight.is_empty(), "a place was not given back");
        let (moved, delivered) = (self.world.moved(name), self.delivered(name));
        assert!(moved <= 1, "{name} was settled {moved} times");
        let (waived, refunded) = (self.staff.waived(name), self.staff.refunded(name));
        assert!(
            delivered + refunded <= moved + waived,
            "{name}: {delivered} deliveries and {refunded} refunds for {moved} payments"
        );
    }
}

/// The handler's page, with or without a receipt.
pub(super) fn page(status: u16, receipt: bool) -> Seen {
    Seen {
        status,
        code: "served".into(),
        receipt,
        ..Seen::default()
    }
}

pub(super) fn refused(code: &str) -> Seen {
    Seen {
        status: 402,
        code: code.into(),
        challenged: true,
        ..Seen::default()
    }
}

pub(super) fn faulted(status: u16, code: &str) -> Seen {
    Seen {
        status,
        code: code.into(),
        wait: status != 500,
        ..Seen::default()
    }
}
