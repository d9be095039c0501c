#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use proptest::prelude::*;

use super::*;
use crate::sse::tests::{Read, read};
use crate::{Soon, SseEvent};

/// All that a test moves by hand and looks at afterwards.
#[derive(Default)]
struct State {
    now: Duration,
    /// Units that are authorized, and taken of them.
    authorized: u64,
    charged: u64,
    charges: u32,
    ended: bool,
    /// Whether changes go unnoticed, as those of another process do.
    deaf: bool,
    /// Whether changes are announced that are none.
    noisy: bool,
    /// Whether `covers` says yes whatever is authorized.
    optimistic: bool,
    receiptless: bool,
    changed: bool,
    asked: u32,
    finished: u32,
    dropped: Vec<&'static str>,
    /// What the handler's stream will yield; an empty queue waits.
    events: VecDeque<Next>,
    polled: u32,
    wakers: Vec<Waker>,
}

enum Next {
    Event(SseEvent),
    Broken,
    Panics,
    End,
}

#[derive(Clone, Default)]
struct Stage(Arc<Mutex<State>>);

impl Stage {
    fn authorizing(units: u64) -> Self {
        let stage = Self::default();
        stage.0.lock().unwrap().authorized = units;
        stage
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Changes something that others may wait for.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = self.state(|state| {
            change(state);
            std::mem::take(&mut state.wakers)
        });
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    fn yields(&self, events: impl IntoIterator<Item = Next>) {
        self.change(|state| state.events.extend(events));
    }

    fn authorize(&self, units: u64) {
        self.change(|state| {
            state.authorized += units;
            state.changed = true;
        });
    }

    fn pass(&self, seconds: u64) {
        self.change(|state| state.now += Duration::from_secs(seconds));
    }

    fn charged(&self) -> u64 {
        self.state(|state| state.charged)
    }

    fn polled(&self) -> u32 {
        self.state(|state| state.polled)
    }
}

struct Scripted(Stage);

impl Scripted {
    fn short(state: &State, units: u64) -> Result<(), Short> {
        if state.ended {
            return Err(Short::Ended);
        }
        if state.charged + units <= state.authorized {
            return Ok(());
        }
        let (required, accepted) = (state.charged + units, state.authorized);
        Err(Short::NeedVoucher(
            format!(
                r#"{{"requiredCumulative":"{required}","acceptedCumulative":"{accepted}","at":{}}}"#,
                state.asked
            )
            .into(),
        ))
    }
}

impl Tab for Scripted {
    fn covers(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        self.0.state(|state| {
            state.asked += 1;
            state.changed = false;
            match state.optimistic && !state.ended {
                true => Soon::now(Ok(())),
                false => Soon::now(Self::short(state, units)),
            }
        })
    }

    fn charge(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        Soon::later(async move {
            self.0.state(|state| {
                state.asked += 1;
                state.charges += 1;
                state.changed = false;
            });
            step_back().await;
            self.0.state(|state| {
                Self::short(state, units)?;
                state.charged += units;
                Ok(())
            })
        })
    }

    fn lasts(&mut self) -> Soon<'_, bool> {
        Soon::now(self.0.state(|state| !state.ended))
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(poll_fn(|context| {
            self.0.state(|state| {
                if state.noisy || (state.changed && !state.deaf) {
                    return Poll::Ready(());
                }
                state.wakers.push(context.waker().clone());
                Poll::Pending
            })
        }))
    }

    fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        Box::pin(async {
            self.0.state(|state| {
                state.finished += 1;
                (!state.receiptless).then(|| format!(r#"{{"spent":"{}"}}"#, state.charged).into())
            })
        })
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.0.state(|state| state.dropped.push("tab"));
    }
}

struct Handler(Stage);

impl Stream for Handler {
    type Item = Result<SseEvent, &'static str>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.0.state(|state| {
            state.polled += 1;
            let next = state.events.pop_front();
            if next.is_none() {
                state.wakers.push(context.waker().clone());
            }
            next
        });
        match next {
            None => Poll::Pending,
            Some(Next::Event(event)) => Poll::Ready(Some(Ok(event))),
            Some(Next::Broken) => Poll::Ready(Some(Err("upstream is gone"))),
            Some(Next::Panics) => panic!("the handler's stream"),
            Some(Next::End) => Poll::Ready(None),
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.0.state(|state| state.dropped.push("events"));
    }
}

impl Timer for Stage {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let stage = self.clone();
        let until = self.state(|state| state.now + time);
        Box::pin(async move {
            poll_fn(|context| {
                stage.state(|state| {
                    if state.now >= until {
                        return Poll::Ready(());
                    }
                    state.wakers.push(context.waker().clone());
                    Poll::Pending
                })
            })
            .await;
        })
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

/// The client's end.
struct Client {
    pieces: Pieces,
    woken: Arc<Woken>,
    /// Whether it has polled and must not do so again before it is woken.
    parked: bool,
}

#[derive(Debug, PartialEq)]
enum Got {
    Piece(String),
    Error(String),
    Nothing,
    End,
}

impl Client {
    fn of(pieces: Pieces) -> Self {
        Self {
            pieces,
            woken: Arc::default(),
            parked: false,
        }
    }

    /// Asks for the next piece as a runtime does: only when woken.
    fn next(&mut self) -> Got {
        let waker = Waker::from(Arc::clone(&self.woken));
        for _ in 0..1000 {
            if self.parked && !self.woken.0.swap(false, Ordering::SeqCst) {
                return Got::Nothing;
            }
            let polled = self
                .pieces
                .as_mut()
                .poll_next(&mut Context::from_waker(&waker));
            self.parked = polled.is_pending();
            match polled {
                Poll::Pending => {}
                Poll::Ready(None) => return Got::End,
                Poll::Ready(Some(Ok(piece))) => {
                    return Got::Piece(String::from_utf8(piece.to_vec()).unwrap());
                }
                Poll::Ready(Some(Err(error))) => return Got::Error(error.to_string()),
            }
        }
        panic!("polled without end")
    }

    fn event(&mut self) -> Read {
        match self.next() {
            Got::Piece(piece) => {
                let mut read = read(&piece);
                assert_eq!(read.len(), 1, "{piece:?}");
                read.pop().unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn message(&mut self) -> String {
        let event = self.event();
        assert_eq!(event.name, "message");
        event.data
    }

    /// The units that the buyer is asked to authorize.
    fn needs(&mut self) -> String {
        let event = self.event();
        assert_eq!(event.name, "payment-need-voucher");
        let json: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        json["requiredCumulative"].as_str().unwrap().to_owned()
    }

    /// What the receipt says was spent, and nothing after it.
    fn receipt(&mut self) -> String {
        let event = self.event();
        assert_eq!(event.name, "payment-receipt");
        let json: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        json["spent"].as_str().unwrap().to_owned()
    }
}

const TERMS: SseTerms = SseTerms::new().keep_alive(None);

fn open_with(terms: SseTerms, stage: &Stage) -> Client {
    let tab = Box::new(Scripted(stage.clone()));
    Client::of(Box::pin(terms.stream(
        tab,
        Handler(stage.clone()),
        stage.clone(),
    )))
}

fn open(stage: &Stage) -> Client {
    open_with(TERMS, stage)
}

fn event(data: &'static str) -> Next {
    Next::Event(SseEvent::from(data))
}

fn costing(data: &'static str, units: u64) -> Next {
    Next::Event(SseEvent::from(data).units(units))
}

fn events(count: usize) -> impl Iterator<Item = Next> {
    (0..count).map(|_| event("a"))
}

#[test]
fn so_many_events_cost_exactly_so_many_units() {
    for count in [0, 1, 7] {
        let stage = Stage::authorizing(100);
        stage.yields(events(count).chain([Next::End]));
        let mut client = open(&stage);
        for at in 1..=count {
            assert_eq!(client.message(), "a");
            assert_eq!(stage.charged(), at as u64);
        }
        assert_eq!(client.receipt(), count.to_string());
        assert_eq!(client.next(), Got::End);
        assert_eq!(client.next(), Got::End);
        assert_eq!(stage.charged(), count as u64);
        assert_eq!(stage.polled(), count as u32 + 1, "not polled after its end");
    }
}

#[test]
fn events_of_several_units_are_paid_whole_and_free_ones_not_at_all() {
    let stage = Stage::authorizing(4);
    stage.yields([costing("three", 3), costing("free", 0), event("one")]);
    let mut client = open(&stage);
    for (data, charged) in [("three", 3), ("free", 3), ("one", 4)] {
        assert_eq!(client.message(), data);
        assert_eq!(stage.charged(), charged);
    }
    assert_eq!(stage.state(|state| state.charges), 2);
    assert_eq!(client.needs(), "5");
}

#[test]
fn nothing_is_made_before_it_is_asked_for() {
    let stage = Stage::authorizing(100);
    stage.yields(events(9));
    let mut client = open(&stage);
    assert_eq!((stage.polled(), stage.charged()), (0, 0));
    for at in 1..=3 {
        client.message();
        assert_eq!((stage.polled(), stage.charged()), (at, u64::from(at)));
    }
}

#[test]
fn unfunded_stream_is_not_polled() {
    let stage = Stage::default();
    stage.yields(events(9));
    let mut client = open(&stage);
    assert_eq!(client.needs(), "1");
    for asked in 1..20 {
        assert_eq!(client.next(), Got::Nothing);
        assert_eq!(stage.state(|state| state.asked), asked, "once a second");
        stage.pass(1);
    }
    assert_eq!((stage.polled(), stage.charged()), (0, 0));
}

#[test]
fn buyer_is_asked_once_and_the_stream_goes_on() {
    let stage = Stage::authorizing(1);
    stage.yields(events(3).chain([Next::End]));
    let mut client = open(&stage);
    client.message();
    assert_eq!(client.needs(), "2");
    stage.pass(30);
    assert_eq!(client.next(), Got::Nothing, "asked once");
    stage.authorize(2);
    client.message();
    client.message();
    // A new shortfall is a new event, and the time begins anew.
    assert_eq!(client.needs(), "4");
    stage.pass(59);
    assert_eq!(client.next(), Got::Nothing);
    stage.authorize(1);
    assert_eq!(client.receipt(), "3");
    assert_eq!(client.next(), Got::End);
}

#[test]
fn buyer_is_asked_again_when_the_amount_differs() {
    let stage = Stage::authorizing(1);
    stage.state(|state| state.charged = 1);
    stage.yields(events(1));
    let mut client = open(&stage);
    assert_eq!(client.needs(), "2");
    // What another request has spent is to be paid as well.
    stage.state(|state| state.charged = 4);
    stage.authorize(2);
    assert_eq!(client.needs(), "5");
    stage.authorize(1);
    assert_eq!(client.next(), Got::Nothing, "too little is no news");
    stage.authorize(1);
    client.message();
}

#[test]
fn voucher_taken_by_another_process_is_found() {
    let stage = Stage::default();
    stage.state(|state| state.deaf = true);
    stage.yields(events(1));
    let mut client = open(&stage);
    client.needs();
    assert_eq!(client.next(), Got::Nothing);
    stage.authorize(1);
    assert_eq!(client.next(), Got::Nothing);
    stage.pass(1);
    client.message();
}

#[test]
fn nobody_waits_longer_than_the_deadline() {
    let stage = Stage::authorizing(1);
    stage.yields(events(3));
    let mut client = open(&stage);
    client.message();
    client.needs();
    stage.pass(59);
    assert_eq!(client.next(), Got::Nothing);
    stage.pass(1);
    assert_eq!(client.receipt(), "1");
    assert_eq!(client.next(), Got::End);
    assert_eq!(stage.polled(), 1);
}

#[test]
fn deadline_can_be_set_and_is_not_put_off_by_too_little() {
    let stage = Stage::default();
    let mut client = open_with(TERMS.patience(Duration::from_secs(5)), &stage);
    stage.yields([costing("a", 9)]);
    assert_eq!(client.needs(), "1");
    stage.authorize(1);
    assert_eq!(client.needs(), "9");
    for _ in 0..4 {
        stage.pass(1);
        stage.authorize(1);
        assert_eq!(client.next(), Got::Nothing);
    }
    stage.pass(1);
    assert_eq!(client.receipt(), "0");
}

#[test]
fn voucher_of_the_last_moment_counts() {
    let stage = Stage::default();
    stage.state(|state| state.deaf = true);
    stage.yields(events(1));
    let mut client = open(&stage);
    client.needs();
    assert_eq!(client.next(), Got::Nothing);
    stage.authorize(1);
    stage.pass(60);
    client.message();
}

#[test]
fn changes_that_are_none_stop_nobody() {
    let stage = Stage::default();
    stage.state(|state| state.noisy = true);
    let mut client = open(&stage);
    client.needs();
    let waker = Waker::from(Arc::clone(&client.woken));
    let mut context = Context::from_waker(&waker);
    // Each poll comes back, whatever the tab says.
    for _ in 0..10 {
        assert!(client.pieces.as_mut().poll_next(&mut context).is_pending());
        assert!(client.woken.0.swap(false, Ordering::SeqCst));
    }
    stage.pass(60);
    client.parked = false;
    assert_eq!(client.receipt(), "0");
}

#[test]
fn ended_tab_ends_the_stream() {
    // Before anything, and while it waits for the buyer, and with an event in hand.
    let stage = Stage::default();
    stage.state(|state| state.ended = true);
    assert_eq!(open(&stage).receipt(), "0");
    assert_eq!(stage.polled(), 0);

    let stage = Stage::default();
    let mut client = open(&stage);
    client.needs();
    assert_eq!(client.next(), Got::Nothing);
    stage.change(|state| (state.ended, state.changed) = (true, true));
    assert_eq!(client.receipt(), "0");
    assert_eq!(client.next(), Got::End);
    assert_eq!(stage.polled(), 0);

    let stage = Stage::authorizing(9);
    let mut client = open(&stage);
    assert_eq!(client.next(), Got::Nothing);
    stage.state(|state| state.ended = true);
    stage.yields(events(1));
    assert_eq!(client.receipt(), "0");
    assert_eq!((stage.polled(), stage.charged()), (2, 0));
}

#[test]
fn event_in_hand_leaves_when_it_is_paid_and_not_before() {
    let stage = Stage::authorizing(1);
    stage.yields([costing("three", 3), Next::End]);
    let mut client = open(&stage);
    assert_eq!(client.needs(), "3");
    assert_eq!(client.next(), Got::Nothing);
    assert_eq!((stage.polled(), stage.charged()), (1, 0));
    stage.authorize(2);
    assert_eq!(client.message(), "three");
    assert_eq!((stage.polled(), stage.charged()), (1, 3));

    let stage = Stage::authorizing(1);
    stage.state(|state| state.optimistic = true);
    stage.yields([event("a"), event("never")]);
    let mut client = open(&stage);
    client.message();
    assert_eq!(client.needs(), "2");
    assert_eq!(client.next(), Got::Nothing);
    stage.pass(60);
    assert_eq!(client.receipt(), "1");
    assert_eq!(client.next(), Got::End);
}

#[test]
fn stream_that_ends_at_the_limit_is_not_charged_for_its_end() {
    let stage = Stage::authorizing(2);
    stage.yields([event("a"), Next::End]);
    let mut client = open(&stage);
    client.message();
    assert_eq!(client.receipt(), "1");
    assert_eq!(stage.charged(), 1);
}

#[test]
fn stream_that_ends_while_it_waits_for_the_buyer_costs_no_more() {
    let stage = Stage::authorizing(1);
    stage.yields(events(1));
    let mut client = open(&stage);
    client.message();
    client.needs();
    stage.yields([Next::End]);
    assert_eq!(client.next(), Got::Nothing, "unpaid, it is not asked");
    stage.authorize(1);
    assert_eq!(client.receipt(), "1");
    assert_eq!((client.next(), stage.charged()), (Got::End, 1));
}

/// Says how many events are left.
struct Counted(u8, Stage);

impl Stream for Counted {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<&'static str>> {
        self.1.state(|state| state.polled += 1);
        self.0 -= 1;
        Poll::Ready(Some("a"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.into(), Some(self.0.into()))
    }
}

#[test]
fn stream_that_says_it_is_at_its_end_asks_for_no_more() {
    let stage = Stage::authorizing(2);
    let tab = Box::new(Scripted(stage.clone()));
    let counted = Counted(2, stage.clone());
    let mut client = Client::of(Box::pin(TERMS.stream(tab, counted, stage.clone())));
    client.message();
    client.message();
    assert_eq!(client.receipt(), "2");
    assert_eq!((client.next(), stage.polled()), (Got::End, 2));
}

#[test]
fn broken_stream_shows_its_receipt_and_breaks_off() {
    let stage = Stage::authorizing(9);
    stage.yields([event("a"), Next::Broken, event("never")]);
    let mut client = open(&stage);
    client.message();
    assert_eq!(client.receipt(), "1");
    // Not with the next poll: what buffers the receipt sends it first.
    let waker = Waker::from(Arc::clone(&client.woken));
    let mut context = Context::from_waker(&waker);
    assert!(client.pieces.as_mut().poll_next(&mut context).is_pending());
    client.parked = true;
    assert_eq!(client.next(), Got::Error("upstream is gone".into()));
    assert_eq!(client.next(), Got::End);
    assert_eq!((stage.polled(), stage.charged()), (2, 1));
}

#[test]
fn panicking_stream_is_gone_and_costs_nothing_more() {
    let stage = Stage::authorizing(9);
    stage.yields([event("a"), Next::Panics, event("never")]);
    let mut client = open(&stage);
    client.message();
    assert!(catch_unwind(AssertUnwindSafe(|| client.next())).is_err());
    assert_eq!(
        stage.state(|state| state.dropped.clone()),
        ["events", "tab"]
    );
    assert_eq!(client.next(), Got::End);
    assert_eq!((stage.polled(), stage.charged()), (2, 1));
}

#[test]
fn stream_dropped_anywhere_has_charged_at_most_one_event_more() {
    for polls in 0..30 {
        let stage = Stage::authorizing(3);
        stage.yields(events(5));
        let mut client = open(&stage);
        let mut context = Context::from_waker(Waker::noop());
        let mut delivered = 0;
        for _ in 0..polls {
            if let Poll::Ready(Some(Ok(piece))) = client.pieces.as_mut().poll_next(&mut context) {
                delivered += u64::from(piece.starts_with(b"data"));
            }
        }
        drop(client);
        assert_eq!(stage.state(|state| state.dropped.len()), 2);
        let charged = stage.charged();
        assert!(delivered <= charged && charged <= delivered + 1, "{polls}");
        assert_eq!(stage.state(|state| state.finished), 0, "{polls}");
    }
}

#[test]
fn stream_of_the_handler_is_gone_before_the_receipt_leaves() {
    let stage = Stage::default();
    let mut client = open(&stage);
    client.needs();
    assert_eq!(client.next(), Got::Nothing);
    stage.pass(60);
    client.receipt();
    assert_eq!(stage.state(|state| state.dropped.clone()), ["events"]);
    assert_eq!(stage.state(|state| state.finished), 1);
}

#[test]
fn tab_without_a_receipt_shows_none() {
    let stage = Stage::authorizing(1);
    stage.state(|state| state.receiptless = true);
    stage.yields([Next::End]);
    assert_eq!(open(&stage).next(), Got::End);
    assert_eq!(stage.state(|state| state.finished), 1);
}

#[test]
fn a_stream_that_is_over_does_not_wait_for_its_next_event() {
    let stage = Stage::authorizing(2);
    let mut client = open_with(TERMS.keep_alive(Some(Duration::from_secs(15))), &stage);
    stage.yields([event("one")]);
    assert_eq!(client.message(), "one");
    assert_eq!(client.next(), Got::Nothing);
    stage.change(|state| state.ended = true);
    stage.pass(15);
    assert_eq!(client.receipt(), "1");
    assert_eq!(client.next(), Got::End);
    assert_eq!(
        stage.state(|state| state.dropped.clone()),
        ["events", "tab"]
    );
}

#[test]
fn waiting_stream_gives_a_sign_of_life() {
    let beat = || Got::Piece(":\n\n".to_owned());
    let every = Some(Duration::from_secs(15));
    let stage = Stage::authorizing(1);
    let mut client = open_with(TERMS.keep_alive(every), &stage);
    for _ in 0..3 {
        stage.pass(14);
        assert_eq!(client.next(), Got::Nothing);
        stage.pass(1);
        assert_eq!(client.next(), beat(), "while the handler works");
        assert_eq!(client.next(), Got::Nothing);
    }
    stage.yields(events(1));
    client.message();
    client.needs();
    for _ in 0..3 {
        stage.pass(15);
        assert_eq!(client.next(), beat(), "while the buyer does nothing");
        assert_eq!(client.next(), Got::Nothing);
    }
    stage.pass(15);
    assert_eq!(client.receipt(), "1", "and it puts off no deadline");

    let stage = Stage::authorizing(1);
    let mut client = open_with(TERMS, &stage);
    stage.pass(1000);
    assert_eq!(client.next(), Got::Nothing);
}

#[test]
fn too_short_times_are_lengthened() {
    let terms = SseTerms::new()
        .recheck(Duration::ZERO)
        .keep_alive(Some(Duration::ZERO));
    assert_eq!(terms.recheck, Duration::from_millis(100));
    assert_eq!(terms.keep_alive, Some(Duration::from_secs(1)));
}

/// What happens to a stream from outside.
#[derive(Clone, Debug)]
enum Happens {
    Polled,
    Yields(u64),
    Authorizes(u64),
    Passes(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => Just(Happens::Polled),
        2 => (0..4u64).prop_map(Happens::Yields),
        1 => (1..6u64).prop_map(Happens::Authorizes),
        1 => (0..40u64).prop_map(Happens::Passes),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nothing_unpaid_is_delivered_and_nothing_else_is_paid(
        authorized in 0..6u64,
        all in proptest::collection::vec(happens(), 0..60),
        optimistic: bool,
        deaf: bool,
    ) {
        let stage = Stage::authorizing(authorized);
        stage.state(|state| (state.optimistic, state.deaf) = (optimistic, deaf));
        let mut client = open_with(SseTerms::new(), &stage);
        let (mut delivered, mut units, mut receipts) = (0, VecDeque::new(), 0);
        for happens in all {
            match happens {
                Happens::Yields(count) => {
                    units.push_back(count);
                    stage.yields([costing("a", count)]);
                }
                Happens::Authorizes(units) => stage.authorize(units),
                Happens::Passes(seconds) => stage.pass(seconds),
                Happens::Polled => match client.next() {
                    Got::Piece(piece) if piece.starts_with("data") => {
                        prop_assert_eq!(receipts, 0);
                        delivered += units.pop_front().unwrap();
                    }
                    Got::Piece(piece) => receipts += u32::from(piece.contains("receipt")),
                    Got::Error(error) => panic!("{error}"),
                    Got::Nothing | Got::End => {}
                },
            }
            let (charged, authorized) = stage.state(|state| (state.charged, state.authorized));
            prop_assert_eq!(charged, delivered, "paid with the event, by one poll");
            prop_assert!(charged <= authorized);
        }
    }
}
