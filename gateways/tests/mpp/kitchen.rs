use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

/// What the handler does next.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Good,
    /// Answers with this status.
    Status(u16),
}

/// The handler of every route: counts its runs.
#[derive(Debug, Default)]
pub struct Kitchen {
    runs: AtomicUsize,
    mood: Mutex<Mood>,
}

impl Kitchen {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

pub const MEAL: &str = "a meal";

pub async fn cook(State(kitchen): State<Arc<Kitchen>>) -> Response {
    kitchen.runs.fetch_add(1, Ordering::SeqCst);
    let mood = kitchen.mood.lock().unwrap().clone();
    match mood {
        Mood::Good => MEAL.into_response(),
        Mood::Status(status) => {
            (http::StatusCode::from_u16(status).unwrap(), "no meal").into_response()
        }
    }
}
