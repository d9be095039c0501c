use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use payment_tower::axum::Paid;
use tokio::sync::Notify;

/// The handler of every route: counts its runs.
#[derive(Debug, Default)]
pub struct Kitchen {
    runs: AtomicUsize,
    wait: Mutex<Option<Arc<Notify>>>,
    last: Mutex<Option<payment_core::Paid>>,
    started: Notify,
}

pub const MEAL: &str = "a meal";

impl Kitchen {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Lets the next run wait until it is told to go on.
    pub fn wait(&self, until: &Arc<Notify>) {
        *self.wait.lock().unwrap() = Some(Arc::clone(until));
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

pub async fn cook(State(kitchen): State<Arc<Kitchen>>, Paid(paid): Paid) -> &'static str {
    kitchen.runs.fetch_add(1, Ordering::SeqCst);
    *kitchen.last.lock().unwrap() = Some(paid);
    kitchen.started.notify_one();
    let wait = kitchen.wait.lock().unwrap().take();
    if let Some(until) = wait {
        until.notified().await;
    }
    MEAL
}
