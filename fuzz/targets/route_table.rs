//! A table of prices, and paths that are to slip by it.
//!
//! The first byte says what the rest is. `s`: a key, a line end, and a byte for each letter of it
//! that says how it is spelled. Any other: lines, of which the first is the method, the next three
//! are the path, what the framework has made of it and its pattern, and the rest are keys.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use payment_core::{Admission, Admit, Gate, RequestHead, RouteTable, usd};
use tollgate_fuzz::{Head, answer, x402};

static GATE: LazyLock<Gate> = LazyLock::new(x402::gate);

/// Behind every table of spellings: what falls through is still another key's.
const OTHER: &str = "/other/{*rest}";

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    if *kind == b's' {
        let Some(at) = data.iter().position(|byte| *byte == b'\n') else {
            return;
        };
        return spelled(&String::from_utf8_lossy(&data[..at]), &data[at + 1..]);
    }
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, dispatched, pattern) = (line(), line(), line(), line());
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let head = Head {
        dispatched: some(dispatched),
        pattern: some(pattern),
        ..Head::of(method, path)
    };
    let keys = good(lines.take(8));
    let Some(table) = priced(&keys) else { return };
    let admitted = twice(&table, &head);
    // As the server's own type has it, which reads less but never gives it away.
    if let Ok(request) = http::Request::builder().uri(path).method(method).body(()) {
        let parts = request.into_parts().0;
        let read = (parts.method.as_str(), parts.uri.path());
        assert_eq!(
            Kind::of(&table, &parts),
            Kind::of(&table, &Head::of(read.0, read.1))
        );
    }
    for key in &keys {
        let alone = priced(&[key]).expect("it was good");
        assert!(
            admitted.is_some() || alone.admit(&head).is_none(),
            "{key} is free among others"
        );
        assert!(
            admitted.is_some() || !names(key, method, path),
            "{key} does not price itself"
        );
    }
    if let Some(admission) = admitted {
        let reply = answer(admission).expect("nothing was paid");
        assert!(reply.status.is_client_error());
    }
});

/// What a table says, as far as it can be told apart from outside.
#[derive(Debug, PartialEq)]
enum Kind {
    Free,
    Answer(payment_core::Reply),
    Priced,
}

impl Kind {
    fn of(table: &RouteTable, head: &dyn RequestHead) -> Self {
        match table.admit(head) {
            None => Self::Free,
            Some(Admission::Answer(reply)) => Self::Answer(reply),
            Some(Admission::Priced(_)) => Self::Priced,
        }
    }
}

/// The same question has the same answer.
fn twice(table: &RouteTable, head: &Head<'_>) -> Option<Admission> {
    assert_eq!(Kind::of(table, head), Kind::of(table, head));
    table.admit(head)
}

/// The keys that make a table.
fn good<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut keys = Vec::new();
    for line in lines {
        keys.push(line);
        if priced(&keys).is_none() {
            keys.pop();
        }
    }
    keys
}

fn priced(keys: &[&str]) -> Option<RouteTable> {
    let keys = keys.iter().map(|key| (*key, usd!("0.01")));
    GATE.table().routes(keys).ok()?.build().ok()
}

/// Whether a key without parameters is this very request.
fn names(key: &str, method: &str, path: &str) -> bool {
    let (verb, literal) = key.split_once(' ').unwrap_or(("*", key));
    let verb = verb == "*" || verb.eq_ignore_ascii_case(method);
    verb && literal == path && !literal.contains(['*', ':', '{', '['])
}

/// A path is priced however its letters are spelled.
fn spelled(key: &str, spelling: &[u8]) {
    let literal = key.split_once(' ').map_or(key, |(_, path)| path);
    if literal.contains(['*', ':', '{', '[']) {
        return;
    }
    let Some(table) = priced(&[key, OTHER]).or_else(|| priced(&[key])) else {
        return;
    };
    let method = match key.split_once(' ') {
        Some((verb, _)) if verb != "*" => verb.to_ascii_uppercase(),
        _ => "GET".to_owned(),
    };
    let mut path = String::new();
    for (at, letter) in literal.chars().enumerate() {
        let byte = u32::from(letter);
        match spelling.get(at).copied().unwrap_or_default() % 8 {
            // The first slash is what makes it a path.
            _ if at == 0 => path.push(letter),
            1 => path.push_str(&format!("%{byte:02x}")),
            2 => path.push_str(&format!("%{byte:02X}")),
            3 => path.push_str(&format!("%25{byte:02x}")),
            4 => path.push(letter.to_ascii_uppercase()),
            5 if letter == '/' => path.push_str("//"),
            6 if letter == '/' => path.push_str("/./"),
            6 => path.push(letter.to_ascii_lowercase()),
            7 if letter == '/' => path.push_str("/a/../"),
            _ => path.push(letter),
        }
    }
    let head = Head::of(&method, &path);
    assert!(twice(&table, &head).is_some(), "{key} is free as {path}");
}
