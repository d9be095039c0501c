use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_core::Stream;
use payment_core::SseEvent;
use payment_tower::axum::{Meter, Paid};
use tokio::sync::Notify;

/// What the handler does next.
#[derive(Clone, Debug, Default)]
pub enum Mood {
    #[default]
    Good,
    /// Answers with this status.
    Status(u16),
    Panic,
    /// Waits until it is told to go on.
    Wait(Arc<Notify>),
    /// Reports these units.
    Report(Vec<u64>),
    /// Streams these.
    Stream(Vec<SseEvent>),
    /// Streams these, and then nothing without an end.
    Endless(Vec<SseEvent>),
}

/// The handler of every route: counts its runs.
#[derive(Debug, Default)]
pub struct Kitchen {
    runs: AtomicUsize,
    /// Events that were asked of its streams.
    asked: AtomicUsize,
    mood: Mutex<Mood>,
    last: Mutex<Option<payment_core::Paid>>,
    started: Notify,
}

impl Kitchen {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What the last run knew of its payment.
    pub fn last(&self) -> Option<payment_core::Paid> {
        self.last.lock().unwrap().clone()
    }

    /// Waits until so many runs have begun.
    pub async fn started(&self, runs: usize) {
        let enough = async {
            while self.runs() < runs {
                self.started.notified().await;
            }
        };
        crate::shop::soon(enough).await;
    }
}

pub const MEAL: &str = "a meal";

pub async fn cook(
    State(kitchen): State<Arc<Kitchen>>,
    paid: Option<Paid>,
    meter: Option<Meter>,
) -> Response {
    kitchen.runs.fetch_add(1, Ordering::SeqCst);
    *kitchen.last.lock().unwrap() = paid.map(|paid| paid.0);
    kitchen.started.notify_one();
    let mood = kitchen.mood.lock().unwrap().clone();
    match mood {
        Mood::Good => MEAL.into_response(),
        Mood::Status(status) => {
            (http::StatusCode::from_u16(status).unwrap(), "no meal").into_response()
        }
        Mood::Panic => panic!("the handler panics"),
        Mood::Wait(until) => {
            until.notified().await;
            MEAL.into_response()
        }
        Mood::Report(units) => {
            let meter = meter.unwrap();
            units.into_iter().for_each(|units| meter.report(units));
            MEAL.into_response()
        }
        Mood::Stream(events) => courses(kitchen, &meter.unwrap(), events, true),
        Mood::Endless(events) => courses(kitchen, &meter.unwrap(), events, false),
    }
}

fn courses(kitchen: Arc<Kitchen>, meter: &Meter, events: Vec<SseEvent>, ends: bool) -> Response {
    let events = Courses {
        kitchen,
        left: events.into(),
        ends,
    };
    meter.sse(events).into_response()
}

struct Courses {
    kitchen: Arc<Kitchen>,
    left: VecDeque<SseEvent>,
    ends: bool,
}

impl Stream for Courses {
    type Item = SseEvent;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<SseEvent>> {
        match self.left.pop_front() {
            Some(event) => {
                self.kitchen.asked.fetch_add(1, Ordering::SeqCst);
                Poll::Ready(Some(event))
            }
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.len(), self.ends.then_some(self.left.len()))
    }
}
