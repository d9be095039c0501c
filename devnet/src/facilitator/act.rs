use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

/// What a facilitator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// `POST /verify`
    Verify,
    /// `POST /settle`
    Settle,
    /// `GET /supported`
    Supported,
}

/// What happens to one request in place of an honest answer.
#[derive(Clone)]
#[non_exhaustive]
pub enum Act {
    /// The work is done and said so.
    Honest,
    /// This status, nothing done.
    Status(u16),
    /// The work is done, the status is this one and the body empty.
    StatusAfter(u16),
    /// The connection closes, nothing done.
    CloseBefore,
    /// The connection closes, the work is done.
    CloseAfter,
    /// Waits for the notification, then acts honestly.
    SlowBefore(Arc<Notify>),
    /// Does the work, waits for the notification, then answers.
    SlowAfter(Arc<Notify>),
    /// The work is done and the answer changed.
    Lie(Arc<dyn Fn(&mut Value) + Send + Sync>),
    /// These bytes with status 200, nothing done.
    Garbage(Vec<u8>),
    /// A settlement under way: the work is done, the answer says pending and names it.
    Pending,
}

impl Act {
    /// The answer is honest but for this member.
    #[must_use]
    pub fn lie(member: &str, value: impl Into<Value>) -> Self {
        let (member, value) = (member.to_owned(), value.into());
        Self::Lie(Arc::new(move |answer| {
            answer[member.as_str()] = value.clone()
        }))
    }

    /// The answer is honest but lacks this member.
    #[must_use]
    pub fn omit(member: &str) -> Self {
        let member = member.to_owned();
        Self::Lie(Arc::new(move |answer| {
            if let Some(object) = answer.as_object_mut() {
                object.remove(&member);
            }
        }))
    }
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Honest => f.write_str("Honest"),
            Self::Status(status) => write!(f, "Status({status})"),
            Self::StatusAfter(status) => write!(f, "StatusAfter({status})"),
            Self::CloseBefore => f.write_str("CloseBefore"),
            Self::CloseAfter => f.write_str("CloseAfter"),
            Self::SlowBefore(_) => f.write_str("SlowBefore"),
            Self::SlowAfter(_) => f.write_str("SlowAfter"),
            Self::Lie(_) => f.write_str("Lie"),
            Self::Garbage(bytes) => write!(f, "Garbage({} bytes)", bytes.len()),
            Self::Pending => f.write_str("Pending"),
        }
    }
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// What was asked for.
    pub route: Route,
    /// The JSON body; `Null` where there was none.
    pub body: Value,
}

/// What is to happen, and what has.
#[derive(Debug, Default)]
pub(crate) struct Script {
    orders: Mutex<VecDeque<(Route, Act)>>,
    calls: Mutex<Vec<Call>>,
    arrived: Notify,
}

impl Script {
    pub(crate) fn order(&self, route: Route, act: Act) {
        self.orders().push_back((route, act));
    }

    pub(crate) fn clear(&self) {
        self.orders().clear();
    }

    /// Notes a request, and says what is to happen to it.
    pub(crate) fn play(&self, call: Call) -> Act {
        let route = call.route;
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
        self.arrived.notify_waiters();
        let mut orders = self.orders();
        let at = orders.iter().position(|(ordered, _)| *ordered == route);
        at.and_then(|at| orders.remove(at))
            .map_or(Act::Honest, |(_, act)| act)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until this many requests of a kind have come in.
    pub(crate) async fn arrived(&self, route: Route, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            // Armed before the count is read, so that none slips between.
            arrived.as_mut().enable();
            if self
                .calls()
                .iter()
                .filter(|call| call.route == route)
                .count()
                >= count
            {
                return;
            }
            arrived.await;
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, VecDeque<(Route, Act)>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
