#![allow(clippy::unwrap_used)]

use super::*;

fn readings(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    each_reading(path.as_bytes(), MOST, &mut |reading| {
        all.push(String::from_utf8_lossy(reading).into_owned());
    })
    .unwrap();
    all
}

#[test]
fn a_plain_path_is_read_in_one_way() {
    for path in [
        "",
        "/",
        "/a/",
        "/a",
        "/a/b-c_d~e.f",
        "/A/:b",
        "/v1.0/...",
        "/a@b,c=(d)!*'$&+",
    ] {
        assert_eq!(readings(path), [path]);
    }
}

#[test]
fn the_path_as_it_stands_there_is_read_first() {
    for path in ["//a", "/%61", "/a/../b", "*", "/a;b", "/a\\b", "/a b"] {
        assert_eq!(readings(path)[0], path);
    }
}

#[test]
fn each_odd_spelling_is_read_as_what_it_spells() {
    for (path, spells) in [
        ("/premiu%6D", "/premium"),
        ("/premiu%6d", "/premium"),
        ("/premiu%256D", "/premium"),
        ("/premiu%25256D", "/premium"),
        ("/api%2Fpremium", "/api/premium"),
        ("/api%5Cpremium", "/api/premium"),
        ("/api\\premium", "/api/premium"),
        ("//api///premium//", "/api/premium/"),
        ("/%2Fapi/premium%2F", "/api/premium/"),
        ("/api/./premium", "/api/premium"),
        ("/api/x/../premium", "/api/premium"),
        ("/../../api/premium", "/api/premium"),
        ("/api/%2e%2E%2Fapi/premium", "/api/premium"),
        ("/api/premium/.", "/api/premium"),
        ("/api/premium/x/..", "/api/premium"),
        ("/api;v=1/premium;jsessionid=1", "/api/premium"),
        ("/api/premium%3Bx", "/api/premium"),
        ("/api/premium%3Fx=/y", "/api/premium"),
        ("/api/premium%23x", "/api/premium"),
        ("/api/premium%00", "/api/premium"),
        ("/api/premium%00.html", "/api/premium"),
        ("/api/prem%00ium", "/api/premium"),
        ("/api/premium%20", "/api/premium"),
        ("/api/premium%0A", "/api/premium"),
        ("/api/pre%0D%0Amium", "/api/premium"),
        ("/api/pre%7Fmium", "/api/premium"),
        ("/api/premium%", "/api/premium%"),
        ("api/premium", "/api/premium"),
        // The order of steps matters: dots before backslashes, before decoding, and after.
        ("/x\\y/../api/premium", "/api/premium"),
        ("/x%2Fy/../api/premiu%6D", "/api/premium"),
        ("/x%2Fy/../../api/premium", "/api/premium"),
        ("/api;x%2F..%2Fy/premium", "/api/premium"),
        ("/api/x//../premium", "/api/premium"),
        ("/api/x//../../premium", "/api/premium"),
        // Segments are decoded one by one, and stay one.
        ("/users/a%2Fb/det%61il", "/users/a%2Fb/detail"),
        ("/users/a%25b/det%61il", "/users/a%25b/detail"),
        ("/users/a%5Cb/det%61il", "/users/a%5Cb/detail"),
        ("/users/a%3Bb/det%61il", "/users/a%3Bb/detail"),
        ("/users/a%2Fb/c%2Bd%40e", "/users/a%2Fb/c+d@e"),
        ("/x%2Fy%5C../api", "/api"),
        ("/files//", "/files/"),
    ] {
        let readings = readings(path);
        assert!(
            readings.iter().any(|reading| reading == spells),
            "{path} {readings:?}"
        );
    }
}

#[test]
fn dots_never_climb_above_the_root() {
    for (path, resolved) in [
        ("/..", ""),
        ("/../a", "/a"),
        ("/a/../../b", "/b"),
        ("/a/b/..", "/a"),
        ("/a/./b", "/a/b"),
        ("/.", ""),
        ("/a/.../b", "/a/.../b"),
        ("..", ".."),
    ] {
        assert_eq!(without_dots(path.as_bytes()), resolved.as_bytes(), "{path}");
    }
}

#[test]
fn what_can_be_read_in_too_many_ways_is_not_read_to_the_end() {
    let refused = |path: &str| {
        let outcome = each_reading(path.as_bytes(), MOST, &mut |_| panic!("half an answer"));
        outcome.is_err()
    };
    // Few that are long, and many that are short.
    let long = "/a%20".repeat(4000);
    let many = format!("/%{}2F../%25253B;x\\%2520//%2500/%2525", "25".repeat(3));
    assert!(long.len() < MOST_BYTES && many.len() * MOST < MOST_BYTES);
    assert!(refused(&long) && refused(&many));
    // One more decoding each time.
    assert!(refused(&format!("/%{}61", "25".repeat(4000))));
}

#[test]
fn honest_long_paths_are_read() {
    let encoded = format!("/wiki/{}", "%E2%82%AC".repeat(700));
    let address = "/proxy/https%3A%2F%2Fexample.com%2Fa%3Bb%20c%2F..%2Fd//e?x";
    for path in [&*encoded, address, "/search/a%20b%26c%3Dd%2Be%25f"] {
        assert!(
            each_reading(path.as_bytes(), MOST, &mut |_| {}).is_ok(),
            "{path}"
        );
    }
}
