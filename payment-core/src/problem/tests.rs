//! Every problem that is written in this crate, and in the one that serves it, read from the source:
//! one that is added without a code of its own does not pass.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One `Problem::new`, as it stands in the source.
struct Row {
    kind: String,
    title: String,
    status: String,
    code: String,
    detail: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap();
        if name == "tests" {
            continue;
        }
        match path.is_dir() {
            true => sources(&path, found),
            false => found.push(path),
        }
    }
}

fn rows(source: &str) -> Vec<Row> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut rows = Vec::new();
    for call in source.split("Problem::new(").skip(1) {
        // rustfmt gives each argument its line.
        let mut arguments = call.lines().skip(1).map(|line| {
            let argument = line.trim().trim_end_matches(',');
            argument.trim_matches('"').to_owned()
        });
        let mut next = || arguments.next().unwrap();
        rows.push(Row {
            kind: next(),
            title: next(),
            status: next(),
            code: next(),
            detail: next(),
        });
    }
    rows
}

fn all() -> Vec<Row> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [here.join("src"), here.join("../payment-tower/src")] {
        // A crate that is tested alone has no neighbours.
        if folder.exists() {
            sources(&folder, &mut files);
        }
    }
    let read = |file: &PathBuf| rows(&std::fs::read_to_string(file).unwrap());
    files.iter().flat_map(read).collect()
}

#[test]
fn t97_every_problem_has_a_code_of_its_own() {
    let rows = all();
    assert!(rows.len() >= 10, "{} problems", rows.len());
    let mut codes = BTreeMap::new();
    for row in &rows {
        let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
        assert!(row.code.bytes().all(plain), "{}", row.code);
        let before = codes.insert(&row.code, &row.title);
        assert_eq!(before, None, "{} is used twice", row.code);
    }
}

#[test]
fn t97_a_problem_says_its_type_and_nothing_of_ours() {
    let mut titles: BTreeMap<String, String> = BTreeMap::new();
    for Row {
        kind,
        title,
        status,
        code,
        detail,
    } in all()
    {
        let ours = kind.strip_prefix("urn:tollgate:problem:");
        let name = ours.or_else(|| kind.strip_prefix("https://paymentauth.org/problems/"));
        let spelled = title.to_lowercase().replace(' ', "-");
        assert_eq!(name, Some(&*spelled), "{code}");
        let known = titles.entry(kind).or_insert_with(|| title.clone());
        assert_eq!(*known, title);
        assert!(status.starts_with("StatusCode::"), "{code}");
        assert!(!detail.ends_with('.') && !detail.contains("://"), "{code}");
    }
}
