//! What the buyer of a stream reads of a seller: events, wherever the body is cut.
//!
//! The first byte says how: `g` repeats the rest until it is longer than an event may be; of any
//! other, the low bits say how long the pieces are.
#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;
use sse::{Event, MAX_EVENT, Parser, TooLarge};
use tollgate_fuzz::grown;

// The buyer's own file: the parser is no part of its interface, and needs nothing of the rest.
#[path = "../../payment-client/src/session/sse.rs"]
mod sse;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else {
        return;
    };
    if *kind == b'g' {
        return large(&grown(body, MAX_EVENT));
    }
    let whole = read(body, body.len().max(1));
    assert_eq!(read(body, usize::from(kind % 8) + 1), whole);
    // Nothing here is as long as an event may be.
    assert_eq!(whole, Ok(again(body)));
});

fn read(body: &[u8], piece: usize) -> Result<Vec<Event>, TooLarge> {
    let (mut parser, mut events) = (Parser::default(), VecDeque::new());
    for piece in body.chunks(piece) {
        parser.read(piece, &mut events)?;
    }
    Ok(events.into())
}

/// No event that is kept is larger than the bound, whatever comes before it is refused.
fn large(body: &[u8]) {
    let (mut parser, mut events) = (Parser::default(), VecDeque::new());
    let _ = parser.read(body, &mut events);
    for event in events {
        assert!(event.name.len() + event.data.len() <= MAX_EVENT);
    }
}

/// The same once more, with the whole body at hand.
fn again(body: &[u8]) -> Vec<Event> {
    let body = String::from_utf8_lossy(body);
    let body = body.strip_prefix('\u{feff}').unwrap_or(&body);
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    // What no line end follows is no line, and what no blank line follows is no event.
    let mut lines: Vec<&str> = body.split('\n').collect();
    lines.pop();
    let mut blocks: Vec<&[&str]> = lines.split(|line| line.is_empty()).collect();
    blocks.pop();
    blocks.into_iter().filter_map(event).collect()
}

fn event(lines: &[&str]) -> Option<Event> {
    let fields = lines.iter().map(|line| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name, value.strip_prefix(' ').unwrap_or(value))
    });
    let values = |wanted: &'static str| {
        let fields = fields.clone();
        fields.filter_map(move |(name, value)| (name == wanted).then_some(value))
    };
    let data: Vec<&str> = values("data").collect();
    let name = values("event").next_back().unwrap_or_default();
    (!data.is_empty()).then(|| Event {
        name: name.to_owned(),
        data: data.join("\n"),
    })
}
