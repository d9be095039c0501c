//! Whatever is made of a path behind the gate, it is not cheaper than what was paid.

use proptest::prelude::*;

use super::*;
use crate::table::readings::STEPS;

const TABLES: [&[&str]; 5] = [
    &["/a"],
    &["/a/b", "/:x"],
    &["GET /a/:x/b", "/b/*"],
    &["/a/b", "/a/*", "/B", "/*"],
    &["/b/{*rest}", "/*/a", "GET /a/"],
];

fn odd_path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "a", "b", "A", "/", "//", "/a", "/b", "/..", "/.", "\\", ";", "%2F", "%2f", "%61", "%62",
        "%41", "%2561", "%25", "%2e", "%5C", "%3B", "%3F", "%23", "%00", "%0a", "%20", "?", "#",
        "c",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| format!("/{}", parts.concat()))
}

/// The key that a framework prices by which takes this text for the path.
fn dispatched(keys: &[&str], text: &[u8]) -> Option<usize> {
    let keys: Vec<_> = keys.iter().map(|key| Key::parse(key).unwrap()).collect();
    let takes = |key: &Key| {
        key.takes(key::Verb::Exact("GET"))
            && key
                .glob
                .matches(text, glob::Of::Path, glob::End::AsItStands)
    };
    keys.iter().position(takes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_framework_serves_for_less(
        path in odd_path(),
        table in prop::sample::select(TABLES.to_vec()),
        steps in prop::collection::vec(0..STEPS.len(), 0..6),
        trim in any::<bool>(),
    ) {
        let request = format!("GET {path}");
        let found = find(table, &asked(&request));
        let mut text = path.into_bytes();
        for step in steps {
            text = STEPS[step](&text);
        }
        // Who tells a slash at the end in a key does not drop it from paths.
        let told = table.iter().any(|key| key.ends_with('/'));
        if text == b"/" || (trim && !told && text.ends_with(b"/")) {
            text.pop();
        }
        if let Some(key) = dispatched(table, &text) {
            prop_assert!(found == Found::Key(key) || found == Found::Unsure, "{found:?} {key}");
        }
    }

    #[test]
    fn a_path_without_anything_odd_is_never_refused(
        path in "(/[ab]{1,2}){0,4}",
        table in prop::sample::select(TABLES[..4].to_vec()),
    ) {
        let request = format!("GET {path}");
        let found = find(table, &asked(&request));
        // But for a key in capitals, which other letters lead to as well.
        if !path.eq_ignore_ascii_case("/b") {
            let key = dispatched(table, path.as_bytes());
            prop_assert_eq!(found, key.map_or(Found::Nothing, Found::Key));
        }
    }
}
