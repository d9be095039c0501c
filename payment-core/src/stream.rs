use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::sse::{self, BoxError, IntoSseEvent, SseEvent};
use crate::{BoxFuture, Short, Tab};

/// How time passes for a stream that waits. Frameworks implement it on their runtime.
pub trait Timer: Send + Sync + 'static {
    /// Is ready when so much time has passed.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// How a stream of server-sent events is sold: each event is paid before it leaves.
///
/// The handler's stream is asked for an event only when the next unit is covered. So a stream that
/// ends costs what was delivered, and a buyer who hangs up has paid at most one event more than
/// was delivered. Nothing is made ahead: the next event is asked for when the one before was taken.
///
/// Where what the buyer has authorized runs out, the stream says so once by the event
/// `payment-need-voucher`, and waits. The buyer authorizes more by another request, and the stream
/// goes on. It ends by the event `payment-receipt`, also when nobody pays for more.
///
/// A buyer who has paid for exactly what a stream holds is asked for one unit more, because only
/// the handler's stream knows that it has ended, and it is not asked unpaid. Streams whose
/// [`size_hint`](Stream::size_hint) says that nothing is left end without asking.
///
/// # What a framework supplies
///
/// A [`Timer`] on its runtime, the [`Tab`] from [`Meter::stream`](crate::Meter::stream), a body of
/// the pieces of [`stream`](Self::stream) that is dropped when the client is gone, an error in
/// which breaks the connection off; and the headers `content-type: text/event-stream`,
/// `cache-control: no-store` and `x-accel-buffering: no`. Pieces are asked for when the one before
/// was taken, whatever is buffered behind that counts as delivered.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SseTerms {
    patience: Duration,
    recheck: Duration,
    keep_alive: Option<Duration>,
}

impl SseTerms {
    /// The headers of a response that is such a stream.
    pub const HEADERS: [(HeaderName, &'static str); 3] = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // Proxies that gather a response before they pass it on are asked not to.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];

    /// One minute to authorize more; changes made by other processes are looked for each second; a
    /// sign of life every 15 seconds.
    pub const fn new() -> Self {
        Self {
            patience: Duration::from_secs(60),
            recheck: Duration::from_secs(1),
            keep_alive: Some(Duration::from_secs(15)),
        }
    }

    /// How long the stream waits for the buyer to authorize more. Authorizing too little does not
    /// make it wait longer.
    pub const fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How often to look whether another process has taken what the buyer authorized. At least
    /// 100 milliseconds count.
    pub const fn recheck(mut self, every: Duration) -> Self {
        self.recheck = at_least(Duration::from_millis(100), every);
        self
    }

    /// How often a comment is sent while the stream waits, for its next event or for the buyer, so
    /// that nobody on the way takes the connection for dead; `None` for never. At least one second
    /// counts. A stream that is over, as when another has taken its place, ends then too; without
    /// this only by its next event.
    pub const fn keep_alive(mut self, every: Option<Duration>) -> Self {
        self.keep_alive = match every {
            Some(every) => Some(at_least(Duration::from_secs(1), every)),
            None => None,
        };
        self
    }

    /// The pieces of the response. After one that is an error, the response is to be broken off.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: the stream of the handler and the tab go with it, and what was
    /// charged stays charged.
    pub fn stream<S, T>(
        self,
        tab: Box<dyn Tab>,
        events: S,
        timer: T,
    ) -> impl Stream<Item = Result<Bytes, BoxError>> + Unpin + use<S, T>
    where
        S: Stream<Item: IntoSseEvent>,
        T: Timer,
    {
        let out = Out::default();
        let sale = Sale {
            beat: self.keep_alive.map(|every| timer.sleep(every)),
            terms: self,
            tab,
            timer,
            out: out.clone(),
        };
        Pieces {
            run: Some(Box::pin(sale.run(events))),
            out,
        }
    }
}

impl Default for SseTerms {
    fn default() -> Self {
        Self::new()
    }
}

const fn at_least(least: Duration, time: Duration) -> Duration {
    if time.as_nanos() < least.as_nanos() {
        least
    } else {
        time
    }
}

/// What a sale hands out, piece by piece.
struct Pieces<F> {
    run: Option<Pin<Box<F>>>,
    out: Out,
}

impl<F: Future<Output = ()>> Stream for Pieces<F> {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Taken out while it is polled: a sale that panics is gone and is not polled again.
        let Some(mut run) = self.run.take() else {
            return Poll::Ready(None);
        };
        let polled = run.as_mut().poll(context);
        if polled.is_pending() {
            self.run = Some(run);
        }
        match (self.out.take(), polled) {
            (Some(piece), _) => Poll::Ready(Some(piece)),
            (None, Poll::Pending) => Poll::Pending,
            (None, Poll::Ready(())) => Poll::Ready(None),
        }
    }
}

/// Where a sale leaves a piece for whoever polls it.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Option<Result<Bytes, BoxError>>>>);

impl Out {
    fn take(&self) -> Option<Result<Bytes, BoxError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Goes on when the piece was taken and another is asked for.
    async fn send(&self, piece: Result<Bytes, BoxError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(piece);
        once(|_| {}).await;
    }
}

/// One await that is not ready the first time.
async fn once(mut before: impl FnMut(&mut Context<'_>)) {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        before(context);
        Poll::Pending
    })
    .await;
}

/// Lets whatever else the task does have its turn.
async fn step_back() {
    once(|context| context.waker().wake_by_ref()).await;
}

/// A stream while it is sold.
struct Sale<T> {
    terms: SseTerms,
    tab: Box<dyn Tab>,
    timer: T,
    out: Out,
    /// When the next sign of life is due.
    beat: Option<BoxFuture<'static, ()>>,
}

/// What the tab is asked.
#[derive(Clone, Copy)]
enum Question {
    Covers,
    Charge(u64),
}

/// Why a wait has ended.
enum Woken {
    /// Something may have changed.
    Maybe,
    Beat,
    Late,
}

impl<T: Timer> Sale<T> {
    async fn run<S: Stream<Item: IntoSseEvent>>(mut self, events: S) {
        // The stream of the handler is gone before the receipt leaves.
        let sold = self.sell(events).await;
        if let Some(json) = self.tab.finish().await {
            self.out.send(Ok(sse::receipt(&json))).await;
        }
        if let Err(error) = sold {
            // What stands before an error may be sent with it or not at all; the receipt shall.
            step_back().await;
            self.out.send(Err(error)).await;
        }
    }

    /// Until the stream has ended, broken off, or is not paid for any more.
    async fn sell<S: Stream<Item: IntoSseEvent>>(&mut self, events: S) -> Result<(), BoxError> {
        let mut events = pin!(events);
        loop {
            if events.size_hint().1 == Some(0) || !self.agree(Question::Covers).await {
                return Ok(());
            }
            let Some(event) = self.next(events.as_mut()).await else {
                return Ok(());
            };
            let event = event?;
            if event.cost() > 0 && !self.agree(Question::Charge(event.cost())).await {
                return Ok(());
            }
            self.out.send(Ok(event.encode())).await;
        }
    }

    async fn next<S: Stream<Item: IntoSseEvent>>(
        &mut self,
        mut events: Pin<&mut S>,
    ) -> Option<Result<SseEvent, BoxError>> {
        loop {
            let beat = &mut self.beat;
            // Converted at once: what the handler yields need not be able to change threads.
            let next = poll_fn(|context| match events.as_mut().poll_next(context) {
                Poll::Ready(event) => Poll::Ready(Some(event.map(IntoSseEvent::into_event))),
                Poll::Pending => due(beat, context).map(|()| None),
            });
            match next.await {
                Some(event) => return event,
                // Nobody pays for what it waits for.
                None if !self.tab.lasts().await => return None,
                None => self.beat().await,
            }
        }
    }

    /// Asks until the answer is yes; `false` when it will not be.
    async fn agree(&mut self, question: Question) -> bool {
        let mut told = None;
        let mut late = None;
        let mut is_late = false;
        loop {
            let asked = match question {
                Question::Covers => self.tab.covers(1),
                Question::Charge(units) => self.tab.charge(units),
            };
            let json = match asked.await {
                Ok(()) => return true,
                Err(Short::Ended) => return false,
                Err(Short::NeedVoucher(json)) => json,
            };
            if is_late {
                return false;
            }
            let late = late.get_or_insert_with(|| self.timer.sleep(self.terms.patience));
            if told
                .as_ref()
                .is_none_or(|told| required(told) != required(&json))
            {
                self.out.send(Ok(sse::need_voucher(&json))).await;
                told = Some(json);
            }
            match self.wait(late).await {
                // Whoever says so without end is not to be asked without end.
                Woken::Maybe => step_back().await,
                Woken::Beat => self.beat().await,
                // What came at the last moment counts.
                Woken::Late => is_late = true,
            }
        }
    }

    async fn wait(&mut self, late: &mut BoxFuture<'static, ()>) -> Woken {
        let mut recheck = self.timer.sleep(self.terms.recheck);
        let mut changed = self.tab.changed();
        let beat = &mut self.beat;
        poll_fn(|context| {
            if late.as_mut().poll(context).is_ready() {
                return Poll::Ready(Woken::Late);
            }
            if changed.as_mut().poll(context).is_ready()
                || recheck.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(Woken::Maybe);
            }
            due(beat, context).map(|()| Woken::Beat)
        })
        .await
    }

    async fn beat(&mut self) {
        self.beat = self.terms.keep_alive.map(|every| self.timer.sleep(every));
        self.out.send(Ok(sse::COMMENT)).await;
    }
}

fn due(beat: &mut Option<BoxFuture<'static, ()>>, context: &mut Context<'_>) -> Poll<()> {
    match beat {
        Some(beat) => beat.as_mut().poll(context),
        None => Poll::Pending,
    }
}

/// How much the buyer must authorize, as it is written: what else has changed is no news. All of
/// it, where that can't be read.
fn required(json: &Bytes) -> &str {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Need<'a> {
        #[serde(borrow)]
        required_cumulative: &'a RawValue,
    }

    match serde_json::from_slice::<Need<'_>>(json) {
        Ok(need) => need.required_cumulative.get(),
        Err(_) => std::str::from_utf8(json).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
