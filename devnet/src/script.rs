//! What is to happen to the next requests of a server, and what requests there were.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;
use tokio::sync::Notify;

use crate::serve::Cut;

/// Changes an answer that was honest.
pub type Change = Arc<dyn Fn(&mut Value) + Send + Sync>;

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
    Lie(Change),
    /// The work is done and what the answer is wrapped in changed: for servers that wrap answers.
    Rewrap(Change),
    /// Nothing is done, and the server says this in its own words for errors.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The server's code for it.
        code: i64,
        /// The server's text for it.
        text: String,
    },
    /// The work is done, and the server says this in its own words for errors.
    RefuseAfter {
        /// The HTTP status.
        status: u16,
        /// The server's code for it.
        code: i64,
        /// The server's text for it.
        text: String,
    },
    /// These bytes with status 200, nothing done.
    Garbage(Vec<u8>),
    /// A settlement under way: the work is done, the answer says pending and names it.
    Pending,
}

impl Act {
    /// The answer is honest but for this member.
    #[must_use]
    pub fn lie(member: &str, value: impl Into<Value>) -> Self {
        Self::Lie(put(member, value))
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

    /// The answer is honest but for this member of what it is wrapped in.
    #[must_use]
    pub fn rewrap(member: &str, value: impl Into<Value>) -> Self {
        Self::Rewrap(put(member, value))
    }

    /// The work is done, and the answer says that it took too long and names no transaction.
    #[must_use]
    pub fn timeout_unnamed() -> Self {
        Self::Lie(Arc::new(|answer| {
            answer["status"] = "timeout".into();
            answer["transaction"] = "".into();
        }))
    }

    /// Refused with a code and status 200, nothing done.
    #[must_use]
    pub fn refuse(code: i64, text: &str) -> Self {
        let text = text.to_owned();
        Self::Refuse {
            status: 200,
            code,
            text,
        }
    }

    /// Does with the work what the act says.
    pub(crate) async fn play<A: Answer>(
        self,
        work: impl FnOnce() -> A,
    ) -> Result<Response<Full<Bytes>>, Cut> {
        match self {
            Self::Honest => Ok(work().reply()),
            Self::Status(status) => Ok(plain(number(status), Bytes::new())),
            Self::StatusAfter(status) => {
                work();
                Ok(plain(number(status), Bytes::new()))
            }
            Self::CloseBefore => Err(Cut),
            Self::CloseAfter => {
                work();
                Err(Cut)
            }
            Self::SlowBefore(until) => {
                until.notified().await;
                Ok(work().reply())
            }
            Self::SlowAfter(until) => {
                let answer = work();
                until.notified().await;
                Ok(answer.reply())
            }
            Self::Garbage(bytes) => Ok(plain(StatusCode::OK, bytes.into())),
            Self::Refuse { status, code, text } => {
                Ok(A::refusal(number(status), code, &text).reply())
            }
            Self::RefuseAfter { status, code, text } => {
                work();
                Ok(A::refusal(number(status), code, &text).reply())
            }
            Self::Lie(change) => Ok(changed(work(), |answer| change(answer.body()))),
            Self::Rewrap(change) => Ok(changed(work(), |answer| change(answer.wrapping()))),
            Self::Pending => Ok(changed(work(), Answer::unfinish)),
        }
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
            Self::Rewrap(_) => f.write_str("Rewrap"),
            Self::Refuse { status, code, .. } => write!(f, "Refuse({status}, {code})"),
            Self::RefuseAfter { status, code, .. } => write!(f, "RefuseAfter({status}, {code})"),
            Self::Garbage(bytes) => write!(f, "Garbage({} bytes)", bytes.len()),
            Self::Pending => f.write_str("Pending"),
        }
    }
}

/// What a server answers, before it is bytes.
pub(crate) trait Answer {
    /// An error as this server words it.
    fn refusal(status: StatusCode, code: i64, text: &str) -> Self;

    /// What was asked for.
    fn body(&mut self) -> &mut Value;

    /// The same with what is around it.
    fn wrapping(&mut self) -> &mut Value;

    /// Says of a settlement that it is under way.
    fn unfinish(&mut self);

    /// The answer as it leaves.
    fn reply(self) -> Response<Full<Bytes>>;
}

/// A request that is of some kind.
pub(crate) trait Ask: Clone {
    /// What orders name.
    type Kind: Copy + PartialEq;

    fn kind(&self) -> Self::Kind;
}

/// What is to happen, and what has.
#[derive(Debug)]
pub(crate) struct Script<C: Ask> {
    orders: Mutex<VecDeque<(C::Kind, Act)>>,
    calls: Mutex<Vec<C>>,
    arrived: Notify,
}

impl<C: Ask> Script<C> {
    pub(crate) fn order(&self, kind: C::Kind, act: Act) {
        self.orders().push_back((kind, act));
    }

    pub(crate) fn clear(&self) {
        self.orders().clear();
    }

    /// Notes a request.
    pub(crate) fn note(&self, call: C) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
        self.arrived.notify_waiters();
    }

    /// What is to happen to the next request of a kind.
    pub(crate) fn next(&self, kind: C::Kind) -> Act {
        let mut orders = self.orders();
        let at = orders.iter().position(|(ordered, _)| *ordered == kind);
        at.and_then(|at| orders.remove(at))
            .map_or(Act::Honest, |(_, act)| act)
    }

    pub(crate) fn calls(&self) -> Vec<C> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until this many requests of a kind have come in.
    pub(crate) async fn arrived(&self, kind: C::Kind, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            // Armed before the count is read, so that none slips between.
            arrived.as_mut().enable();
            let calls = self.calls();
            if calls.iter().filter(|call| call.kind() == kind).count() >= count {
                return;
            }
            arrived.await;
        }
    }

    fn orders(&self) -> MutexGuard<'_, VecDeque<(C::Kind, Act)>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Ask> Default for Script<C> {
    fn default() -> Self {
        Self {
            orders: Mutex::default(),
            calls: Mutex::default(),
            arrived: Notify::new(),
        }
    }
}

/// Bytes without a type.
pub(crate) fn plain(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

fn number(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn changed<A: Answer>(mut answer: A, change: impl FnOnce(&mut A)) -> Response<Full<Bytes>> {
    change(&mut answer);
    answer.reply()
}

fn put(member: &str, value: impl Into<Value>) -> Change {
    let (member, value) = (member.to_owned(), value.into());
    Arc::new(move |answer| answer[member.as_str()] = value.clone())
}
