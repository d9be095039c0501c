use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Notify;

use crate::shop::soon;

/// What the handler does next.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Good,
    /// Answers with this status.
    Status(u16),
    /// Waits until it is told to go on.
    Wait(Arc<Notify>),
}

/// The handler of every route: counts its runs.
#[derive(Debug, Default)]
pub struct Kitchen {
    runs: AtomicUsize,
    mood: Mutex<Mood>,
    started: Notify,
}

impl Kitchen {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Waits until so many runs have begun.
    pub async fn started(&self, runs: usize) {
        let enough = async {
            while self.runs() < runs {
                self.started.notified().await;
            }
        };
        soon(enough).await;
    }
}

pub const MEAL: &str = "a meal";

pub async fn cook(State(kitchen): State<Arc<Kitchen>>) -> Response {
    kitchen.runs.fetch_add(1, Ordering::SeqCst);
    kitchen.started.notify_one();
    let mood = kitchen.mood.lock().unwrap().clone();
    match mood {
        Mood::Good => MEAL.into_response(),
        Mood::Status(status) => {
            (http::StatusCode::from_u16(status).unwrap(), "no meal").into_response()
        }
        Mood::Wait(until) => {
            until.notified().await;
            MEAL.into_response()
        }
    }
}
