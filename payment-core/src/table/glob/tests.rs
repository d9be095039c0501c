#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn glob(path: &str) -> Glob {
    Glob::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_key_takes_what_its_path_says() {
    for (path, takes, leaves) in [
        ("/", &[""][..], &["/a", "//"][..]),
        (
            "/a/b",
            &["/a/b"],
            &["/a", "/a/b/c", "/a/bc", "a/b", "", "/a/b/"],
        ),
        ("/a/", &["/a/"], &["/a", "/a//", "/a/b"]),
        ("/v1.0/x", &["/v1.0/x"], &["/v1X0/x"]),
        (
            "/users/:id",
            &["/users/1", "/users/a.b", "/users/{*x}"],
            &["/users", "/users/", "/users/1/2"],
        ),
        ("/users/{id}", &["/users/1"], &["/users/", "/users/1/2"]),
        ("/users/[id]", &["/users/1"], &["/users/", "/users/1/2"]),
        (
            "/users/{id:\\d+}",
            &["/users/1"],
            &["/users/", "/users/1/2"],
        ),
        (
            "/users/{id:[^/]+}",
            &["/users/1"],
            &["/users/", "/users/1/2"],
        ),
        ("/users/{id:\\d{2,3}}/x", &["/users/1/x"], &["/users/1/2/x"]),
        (
            "/users/{id:[a-z/]+}",
            &["/users/1", "/users/1/2"],
            &["/user"],
        ),
        (
            "/:a/:b/c",
            &["/1/2/c", "/1//c", "//2/c"],
            &["/1/2/3/c", "/1/c"],
        ),
        ("/*", &["", "/", "/a", "/a/b", "//"], &["a"]),
        ("*", &["", "/", "/a/b"], &[]),
        (
            "/api/*",
            &["/api", "/api/", "/api/a", "/api/a/b", "/api//"],
            &["/apis", "/ap"],
        ),
        ("/api*", &["/api", "/api/a", "/apis"], &["/ap"]),
        (
            "/files/*/raw",
            &[
                "/files/a/raw",
                "/files/a/b/raw",
                "/files//raw",
                "/files/raw/raw",
            ],
            &["/files/raw", "/files/a/raw/b"],
        ),
        (
            "/*.pdf",
            &["/a.pdf", "/a/b.pdf", "/.pdf", "/.pdf.pdf"],
            &["/a.pdfs", "/pdf"],
        ),
        (
            "/*/:id/x",
            &["/a/1/x", "/a/b/1/x", "//1/x"],
            &["/1/x", "/a/x"],
        ),
        ("/f/{*rest}", &["/f/a", "/f/a/b", "/f//"], &["/f", "/f/"]),
        ("/f/{tail:.*}", &["/f", "/f/", "/f/a", "/f/a/b"], &["/g"]),
        ("/f/{tail:.+}", &["/f/a", "/f/a/b"], &["/f", "/f/"]),
        ("/f/{tail:.*}/x", &["/f/a/x", "/f/a/b/x"], &["/f/x", "/f/a"]),
        ("/x:predict", &["/x:predict"], &["/x", "/x:other"]),
    ] {
        let glob = glob(path);
        for text in takes {
            assert!(
                glob.matches(text.as_bytes(), Of::Path, End::AsItStands),
                "{path} takes {text}"
            );
        }
        for text in leaves {
            assert!(
                !glob.matches(text.as_bytes(), Of::Path, End::AsItStands),
                "{path} leaves {text}"
            );
        }
    }
}

#[test]
fn the_tail_of_a_pattern_is_no_segment() {
    let (one, all) = (glob("/f/:name"), glob("/f/*"));
    for pattern in ["/f/{*rest}", "/f/{rest:.*}", "/f/{rest:.+}", "/f/*rest"] {
        assert!(
            !one.matches(pattern.as_bytes(), Of::Pattern, End::Bare),
            "{pattern}"
        );
        assert!(
            all.matches(pattern.as_bytes(), Of::Pattern, End::Bare),
            "{pattern}"
        );
    }
    for pattern in ["/f/{id}", "/f/:id", "/F/{id:\\d+}"] {
        assert!(
            one.matches(pattern.as_bytes(), Of::Pattern, End::Bare),
            "{pattern}"
        );
    }
}

#[test]
fn what_covers_what() {
    for (wide, narrow, covers) in [
        ("/a", "/a", true),
        ("/a", "/A", true),
        ("/a", "/a/", true),
        ("/a/", "/a", true),
        ("/:x", "/a", true),
        ("/a", "/:x", false),
        ("/:x", "/{y}", true),
        ("/*", "/", true),
        ("/*", "*", true),
        ("/api/*", "/api", true),
        ("/api/*", "/api/:x/y", true),
        ("/api/*", "/api/{*rest}", true),
        ("/api/{*rest}", "/api/*", false),
        ("/api/{*rest}", "/api/:x", true),
        ("/api/:x", "/api/*", false),
        ("/api/:x", "/api/{*rest}", false),
        ("/api/:x", "/api/a*", false),
        ("/api*", "/api/*", true),
        ("/*/raw", "/files/:x/raw", true),
        ("/files/*/raw", "/files/*", false),
        ("/*b/{*rest}", "/*b/*/*", false),
        ("/b/{*rest}", "/b/:x/*", true),
        ("/*.pdf", "/a/*.pdf", true),
        ("/a/*.pdf", "/*.pdf", false),
    ] {
        assert_eq!(glob(wide).covers(&glob(narrow)), covers, "{wide} {narrow}");
    }
}

/// What a glob takes, written down without cleverness.
fn takes(tokens: &[Token], text: &[u8]) -> bool {
    let Some((token, rest)) = tokens.split_first() else {
        return text.is_empty();
    };
    let mut ends = 0..=text.len();
    match token {
        Token::Text(own) => text
            .strip_prefix(&**own)
            .is_some_and(|text| takes(rest, text)),
        Token::Any => ends.any(|end| takes(rest, &text[end..])),
        Token::Segment => ends.any(|end| {
            let whole = text.get(end).is_none_or(|byte| *byte == b'/');
            let missing = end == 0 && text.is_empty();
            !missing && whole && !text[..end].contains(&b'/') && takes(rest, &text[end..])
        }),
        Token::Rest => !text.is_empty(),
        Token::Under => text.is_empty() || text[0] == b'/',
    }
}

fn any_glob() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "*", ":x", "a*", "*b", "a*b"]);
    let end = prop::sample::select(vec!["", "/{*rest}", "/*", "/"]);
    (prop::collection::vec(segment, 1..5), end)
        .prop_map(|(segments, end)| format!("/{}{end}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn going_back_to_the_last_star_is_enough(path in any_glob(), text in "/[ab/]{0,9}") {
        let glob = glob(&path);
        let text = text.as_bytes();
        prop_assert_eq!(glob.fits(text, Of::Path), takes(&glob.tokens, text));
    }

    #[test]
    fn what_is_covered_is_taken(wide in any_glob(), narrow in any_glob(), text in "/[ab/]{0,9}") {
        let (wide, narrow) = (glob(&wide), glob(&narrow));
        if wide.covers(&narrow) && narrow.fits(text.as_bytes(), Of::Path) {
            prop_assert!(wide.fits(text.as_bytes(), Of::Path));
        }
    }
}
