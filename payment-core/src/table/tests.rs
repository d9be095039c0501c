#![allow(clippy::unwrap_used)]

mod admission;
mod finding;
mod keys;
mod readings;
mod vectors;

use super::entries::Entries;
use super::find::Found;
use super::key::Key;
use super::*;

/// The head of a request, with nothing that a test does not say.
#[derive(Clone, Debug, Default)]
struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    left: Option<&'a str>,
    pattern: Option<&'a str>,
    preflight: bool,
}

/// A request such as `GET /x`.
fn asked(request: &str) -> Asked<'_> {
    let (method, path) = request.split_once(' ').unwrap();
    Asked {
        method,
        path,
        ..Asked::default()
    }
}

impl RequestHead for Asked<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        self.path
    }

    fn dispatched_path(&self) -> Option<&str> {
        self.left
    }

    fn pattern(&self) -> Option<&str> {
        self.pattern
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn has_body(&self) -> bool {
        false
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        if self.preflight && ["origin", "access-control-request-method"].contains(&name) {
            visit(b"GET");
        }
    }
}

fn entries(keys: &[&str]) -> Entries {
    let mut entries = Entries::default();
    for key in keys {
        let pushed = Key::parse(key).and_then(|key| entries.push(key));
        pushed.unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    entries
}

fn find(keys: &[&str], head: &Asked<'_>) -> Found {
    entries(keys).find(head, head.preflight)
}
