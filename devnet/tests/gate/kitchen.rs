use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::Response;
use payment_tower::axum::Paid;
use tokio::sync::Notify;

/// What the handler does next.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Good,
    /// Answers with this status.
    Status(u16),
    Panic,
    /// Says in headers that it was paid, and that all may keep the answer.
    Forge,
    /// Says so, and fails.
    ForgeAndFail,
    /// Waits until it is told to go on.
    Wait(Arc<Notify>),
    /// Gives way so many times.
    Steps(usize),
    /// Answers with so many bytes.
    Large(usize),
}

/// The handler of every route: counts its runs.
#[derive(Debug, Default)]
pub struct Kitchen {
    runs: AtomicUsize,
    mood: Mutex<Mood>,
    last: Mutex<Option<payment_core::Paid>>,
    started: Notify,
}

impl Kitchen {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What the last run knew of its payment.
    pub fn last(&self) -> Option<payment_core::Paid> {
        self.last.lock().unwrap().clone()
    }

    /// Waits for a run to begin.
    pub async fn started(&self) {
        self.started.notified().await;
    }
}

pub const MEAL: &str = "a meal";

pub async fn cook(State(kitchen): State<Arc<Kitchen>>, paid: Option<Paid>) -> Response {
    kitchen.runs.fetch_add(1, Ordering::SeqCst);
    *kitchen.last.lock().unwrap() = paid.map(|paid| paid.0);
    kitchen.started.notify_one();
    let mood = kitchen.mood.lock().unwrap().clone();
    let plain = |status: u16| Response::builder().status(status);
    let forged = |status: u16| {
        plain(status)
            .header("payment-response", "eyJzdWNjZXNzIjp0cnVlfQ==")
            .header("x-payment-response", "eyJzdWNjZXNzIjp0cnVlfQ==")
            .header("payment-receipt", "eyJzdGF0dXMiOiJzdWNjZXNzIn0")
            .header("cache-control", "public, max-age=600, s-maxage=600")
            .header("vary", "accept")
    };
    let (reply, body) = match mood {
        Mood::Good => (plain(200), MEAL.into()),
        Mood::Status(status) => (plain(status), "no meal".into()),
        Mood::Panic => panic!("the handler panics"),
        Mood::Forge => (forged(200), MEAL.into()),
        Mood::ForgeAndFail => (forged(500), "no meal".into()),
        Mood::Wait(until) => {
            until.notified().await;
            (plain(200), MEAL.into())
        }
        Mood::Steps(steps) => {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
            (plain(200), MEAL.into())
        }
        Mood::Large(bytes) => (plain(200), axum::body::Body::from(vec![b'x'; bytes])),
    };
    reply.body(body).unwrap()
}
