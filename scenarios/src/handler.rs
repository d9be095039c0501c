use std::sync::atomic::Ordering;

use bytes::Bytes;
use payment_core::Units;

use crate::{Events, Piece, Pieces, Till};

/// What a handler does, in words that no framework knows.
#[derive(Clone, Debug)]
pub enum Handler {
    /// Answers with this.
    Answers {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(&'static str, &'static str)>,
        /// The body.
        body: &'static str,
    },
    /// Answers with a body that comes in pieces, and waits before each.
    Streams(Vec<Piece>),
    /// Answers with events that are paid one by one.
    Events(&'static [&'static str]),
    /// Answers with these events, and then with nothing more.
    EventsAndSilence(&'static [&'static str]),
    /// Says how many units it has used.
    Uses(u64),
    /// Charges so many base units, twice, and says what became of it.
    Charges(u64),
    /// Says what it knows of the payment.
    Tells,
    /// Says what was sent to it.
    Echoes,
    /// Panics.
    Panics,
    /// Never answers.
    Hangs,
}

/// What a handler has made.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// All there.
    Whole(Bytes),
    /// Comes in pieces.
    Pieces(Pieces),
    /// Is to be sold by the framework's own response of events.
    Events(Events),
}

impl Handler {
    /// Answers 200 with this text.
    #[must_use]
    pub const fn says(body: &'static str) -> Self {
        Self::status(200, body)
    }

    /// Answers with this status and text.
    #[must_use]
    pub const fn status(status: u16, body: &'static str) -> Self {
        Self::Answers {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// Runs it, on the body of a request, for whoever the framework says has paid.
    pub async fn run(self, till: &Till, paid: Option<payment_core::Paid>, body: Bytes) -> Answer {
        till.served.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let (status, headers, body) = match self {
            Self::Answers {
                status,
                headers,
                body,
            } => (status, headers, Body::Whole(body.into())),
            Self::Streams(pieces) => (200, Vec::new(), Body::Pieces(Pieces::new(pieces))),
            Self::Events(texts) => (200, Vec::new(), Body::Events(Events::new(texts))),
            Self::EventsAndSilence(texts) => {
                let events = Events::new(texts).and_silence();
                (200, Vec::new(), Body::Events(events))
            }
            Self::Charges(units) => {
                let paid = paid.expect("priced");
                let charge = || match paid.charge(Units::from(units)) {
                    Ok(()) => "charged".to_owned(),
                    Err(error) => format!("{error:?}"),
                };
                let said = format!("{}, {}", charge(), charge());
                (200, Vec::new(), Body::Whole(said.into()))
            }
            Self::Uses(units) => {
                let paid = paid.expect("priced");
                paid.meter().expect("metered").report(units);
                (200, Vec::new(), Body::Whole("used".into()))
            }
            Self::Echoes => (200, Vec::new(), Body::Whole(body)),
            Self::Tells => {
                let text = match paid {
                    None => "free".to_owned(),
                    Some(paid) => format!(
                        "{} of {} by {}, {}",
                        paid.amount(),
                        paid.payer().map(ToString::to_string).unwrap_or_default(),
                        paid.protocol(),
                        paid.transaction().unwrap_or("not yet settled"),
                    ),
                };
                (200, Vec::new(), Body::Whole(text.into()))
            }
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("the handler panics, as it was told to"),
        };
        Answer {
            status,
            headers,
            body,
        }
    }
}
