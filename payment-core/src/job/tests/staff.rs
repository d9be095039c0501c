//! Hooks that do as they are told, and write down what they were asked.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::world::pause;
use crate::*;

/// What a hook does the next time it is asked. Unscripted ones say nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Say {
    Nothing,
    /// Denies, recovers or has refunded; a listener listens.
    Decide,
    /// Lets in unpaid. Of `protected_request` only.
    Grant,
    Fail,
    PanicAtOnce,
    PanicLater,
    /// Waits until time passes.
    Hang,
    /// The same, and panics when it is dropped.
    HangAndPanic,
}

/// Those after which nobody knows what the hook wanted to say.
pub(super) const MUTE: [Say; 5] = [
    Say::Fail,
    Say::PanicAtOnce,
    Say::PanicLater,
    Say::Hang,
    Say::HangAndPanic,
];

pub(super) const DECIDING: [&str; 7] = [
    "protected_request",
    "before_verify",
    "after_verify",
    "verify_failed",
    "before_settle",
    "settle_failed",
    "refund",
];
pub(super) const LISTENING: [&str; 5] = [
    "challenged",
    "after_settle",
    "compensate",
    "succeeded",
    "failed",
];

/// How long each of them has.
pub(super) const DEADLINE: Duration = Duration::from_secs(17);

pub(super) struct Staff {
    script: Mutex<HashMap<&'static str, VecDeque<Say>>>,
    asked: Mutex<Vec<&'static str>>,
    waived: Mutex<BTreeMap<String, u32>>,
    refunded: Mutex<BTreeMap<String, u32>>,
    granted: AtomicUsize,
    /// What each hook was shown of its payment.
    pub(super) contexts: Mutex<Vec<(&'static str, PaymentContext)>>,
    pub(super) failures: Mutex<Vec<Failure>>,
    /// What the hooks were told of a settlement that failed.
    pub(super) denials: Mutex<Vec<Failure>>,
    pub(super) receipts: Mutex<Vec<Receipt>>,
    pub(super) challenges: Mutex<Vec<Reply>>,
}

/// One of the staff, at a gate.
pub(super) struct AtWork(pub(super) Arc<Staff>);

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a hook panicked in a destructor");
    }
}

fn name(at: &PaymentContext) -> String {
    at.paid.asset().unwrap().to_string()
}

impl Staff {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::default(),
            asked: Mutex::default(),
            waived: Mutex::default(),
            refunded: Mutex::default(),
            granted: AtomicUsize::new(0),
            contexts: Mutex::default(),
            failures: Mutex::default(),
            denials: Mutex::default(),
            receipts: Mutex::default(),
            challenges: Mutex::default(),
        })
    }

    pub(super) fn script(&self, hook: &'static str, says: &[Say]) {
        let mut script = self.script.lock().unwrap();
        script.entry(hook).or_default().extend(says);
    }

    pub(super) fn forget_script(&self) {
        self.script.lock().unwrap().clear();
    }

    /// All hooks that were asked so far, in order.
    pub(super) fn asked(&self) -> Vec<&'static str> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn times(&self, hook: &str) -> usize {
        self.asked().iter().filter(|asked| **asked == hook).count()
    }

    pub(super) fn has_granted(&self) {
        self.granted.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn granted(&self) -> usize {
        self.granted.load(Ordering::SeqCst)
    }

    /// How often this payment was let off its settlement.
    pub(super) fn waived(&self, name: &str) -> u32 {
        self.waived.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    /// How often the money of this payment was given back.
    pub(super) fn refunded(&self, name: &str) -> u32 {
        let refunded = self.refunded.lock().unwrap();
        refunded.get(name).copied().unwrap_or(0)
    }

    /// What the last hook of this name was shown.
    pub(super) fn context(&self, hook: &str) -> PaymentContext {
        let contexts = self.contexts.lock().unwrap();
        let mut shown = contexts.iter().rev();
        shown.find(|(name, _)| *name == hook).unwrap().1.clone()
    }

    fn see(&self, hook: &'static str, at: &PaymentContext) {
        self.contexts.lock().unwrap().push((hook, at.clone()));
    }

    fn say<'a, T: Send + 'a>(
        &'a self,
        hook: &'static str,
        nothing: T,
        failed: T,
        decide: impl FnOnce(Say) -> T + Send + 'a,
    ) -> Soon<'a, T> {
        self.asked.lock().unwrap().push(hook);
        let mut script = self.script.lock().unwrap();
        let say = script.get_mut(hook).and_then(VecDeque::pop_front);
        drop(script);
        let say = say.unwrap_or(Say::Nothing);
        assert!(say != Say::PanicAtOnce, "{hook} panicked");
        Soon::later(async move {
            pause().await;
            match say {
                Say::Nothing => nothing,
                Say::Fail => failed,
                Say::Decide | Say::Grant => decide(say),
                Say::PanicAtOnce | Say::PanicLater => panic!("{hook} panicked"),
                Say::Hang => std::future::pending().await,
                Say::HangAndPanic => {
                    let _bomb = Bomb;
                    std::future::pending().await
                }
            }
        })
    }

    fn judge<'a>(&'a self, hook: &'static str, at: &PaymentContext) -> Soon<'a, Verdict> {
        self.see(hook, at);
        let failed = Verdict::Failed("told to".into());
        let deny = |_| Verdict::Deny(Denial::new("not_today"));
        self.say(hook, Verdict::GoOn, failed, deny)
    }

    fn listen<'a>(&'a self, hook: &'static str) -> Soon<'a, ()> {
        self.say(hook, (), (), |_| ())
    }
}

impl Hooks for AtWork {
    fn deadline(&self) -> Option<Duration> {
        Some(DEADLINE)
    }

    fn protected_request<'a>(&'a self, _: &'a Ask) -> Soon<'a, Access> {
        let failed = Access::Failed("told to".into());
        self.0
            .say("protected_request", Access::Pay, failed, |say| match say {
                Say::Grant => Access::Grant,
                _ => Access::Deny(Denial::new("not_today")),
            })
    }

    fn challenged<'a>(&'a self, _: &'a Ask, reply: &'a Reply) -> Soon<'a, ()> {
        self.0.challenges.lock().unwrap().push(reply.clone());
        self.0.listen("challenged")
    }

    fn before_verify<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        self.0.judge("before_verify", at)
    }

    fn after_verify<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        self.0.judge("after_verify", at)
    }

    fn verify_failed<'a>(&'a self, at: &'a PaymentContext, _: &'a Denied) -> Soon<'a, Recovery> {
        self.0.see("verify_failed", at);
        let leave = Recovery::Leave;
        self.0
            .say("verify_failed", leave, leave, |_| Recovery::Recover)
    }

    fn before_settle<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, Verdict> {
        self.0.judge("before_settle", at)
    }

    fn after_settle<'a>(&'a self, at: &'a PaymentContext, receipt: &'a Receipt) -> Soon<'a, ()> {
        self.0.see("after_settle", at);
        self.0.receipts.lock().unwrap().push(receipt.clone());
        self.0.listen("after_settle")
    }

    fn settle_failed<'a>(&'a self, at: &'a PaymentContext, why: &'a Denied) -> Soon<'a, Recovery> {
        self.0.see("settle_failed", at);
        self.0.denials.lock().unwrap().push(Failure::from(why));
        let leave = Recovery::Leave;
        self.0.say("settle_failed", leave, leave, move |_| {
            let mut waived = self.0.waived.lock().unwrap();
            *waived.entry(name(at)).or_insert(0) += 1;
            Recovery::Recover
        })
    }

    fn compensate<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, ()> {
        self.0.see("compensate", at);
        self.0.listen("compensate")
    }

    fn refund<'a>(&'a self, at: &'a PaymentContext, receipt: &'a Receipt) -> Soon<'a, Refund> {
        self.0.see("refund", at);
        self.0.receipts.lock().unwrap().push(receipt.clone());
        let failed = Refund::Failed("told to".into());
        self.0.say("refund", Refund::Keep, failed, move |_| {
            let mut refunded = self.0.refunded.lock().unwrap();
            *refunded.entry(name(at)).or_insert(0) += 1;
            Refund::Done
        })
    }

    fn succeeded<'a>(&'a self, at: &'a PaymentContext) -> Soon<'a, ()> {
        self.0.see("succeeded", at);
        self.0.listen("succeeded")
    }

    fn failed<'a>(&'a self, _: &'a Ask, failure: &'a Failure) -> Soon<'a, ()> {
        self.0.failures.lock().unwrap().push(failure.clone());
        self.0.listen("failed")
    }
}
