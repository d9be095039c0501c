use super::Found::{Key, Nothing, Unsure};
use super::*;

#[test]
fn the_first_key_that_takes_a_request_prices_it() {
    let keys = ["/api/x", "GET /api/:id", "/:a/x", "/api/*", "/b/c", "/*"];
    for (request, found) in [
        ("GET /api/x", 0),
        ("POST /api/x", 0),
        ("GET /api/y", 1),
        ("POST /api/y", 3),
        ("GET /b/x", 2),
        ("GET /b/c", 4),
        ("GET /api", 3),
        ("GET /api/y/z", 3),
        ("GET /", 5),
        ("GET ", 5),
        ("GET /x", 5),
    ] {
        assert_eq!(find(&keys, &asked(request)), Key(found), "{request}");
    }
    // The root is one path, with its slash and without.
    for request in ["GET /", "GET "] {
        assert_eq!(find(&["/", "/*"], &asked(request)), Key(0), "{request:?}");
    }
    // A star before a name comes first too.
    let keys = [
        "POST /files/*",
        "/files/a/raw",
        "/files/*/raw",
        "/files/:x/:y",
    ];
    for (request, found) in [
        ("POST /files/a/raw", 0),
        ("GET /files/a/raw", 1),
        ("GET /files/b/raw", 2),
        ("GET /files/b/c", 3),
    ] {
        assert_eq!(find(&keys, &asked(request)), Key(found), "{request}");
    }
}

#[test]
fn a_verb_takes_itself_and_get_takes_head() {
    for (key, request, found) in [
        ("GET /x", "GET /x", Key(0)),
        ("GET /x", "HEAD /x", Key(0)),
        ("GET /x", "get /x", Key(0)),
        ("GET /x", "head /x", Key(0)),
        ("get /x", "GET /x", Key(0)),
        ("GET /x", "POST /x", Nothing),
        ("GET /x", "OPTIONS /x", Nothing),
        ("GET /x", "GETS /x", Nothing),
        ("HEAD /x", "HEAD /x", Key(0)),
        ("HEAD /x", "GET /x", Nothing),
        ("POST /x", "HEAD /x", Nothing),
        ("* /x", "BREW /x", Key(0)),
        ("/x", "OPTIONS /x", Key(0)),
    ] {
        assert_eq!(find(&[key], &asked(request)), found, "{key} {request}");
    }
    assert_eq!(find(&["HEAD /x", "GET /x"], &asked("HEAD /x")), Key(0));
    // To one who tells methods apart by case, `get` is not what the first key says.
    assert_eq!(find(&["GET /x", "/x"], &asked("get /x")), Unsure);
    assert_eq!(find(&["GET /x", "/x"], &asked("GET /x")), Key(0));
}

#[test]
fn an_odd_spelling_is_priced_by_the_only_key_it_leads_to() {
    let keys = [
        "GET /api/premium",
        "/users/:id/detail",
        "/Mixed/Case",
        "/slash/",
        "/f/{*rest}",
    ];
    for (path, key) in [
        ("/api/premium/", 0),
        ("/API/Premium", 0),
        ("//api//premium", 0),
        ("/api/premiu%6D", 0),
        ("/api%2Fpremium", 0),
        ("/api\\premium", 0),
        ("/api/x/../premium", 0),
        ("/api/premium;a=b", 0),
        ("api/premium", 0),
        ("/users/a%2Fb/det%61il", 1),
        ("/users/a;b/detail", 1),
        // Nothing is an id to some.
        ("/users//detail", 1),
        ("/mixed/case", 2),
        ("/Mixed/Case", 2),
        ("/MIXED/CASE/", 2),
        ("/slash", 3),
        ("/slash/", 3),
        ("/f//", 4),
        ("/f/%2e%2e/f/x", 4),
    ] {
        let request = format!("GET {path}");
        assert_eq!(find(&keys, &asked(&request)), Key(key), "{path}");
    }
    for path in [
        "/",
        "/api",
        "/api/premium/deeper",
        "/f",
        "/f/",
        "/free%20of/charge",
        "/users/detail",
    ] {
        let request = format!("GET {path}");
        assert_eq!(find(&keys, &asked(&request)), Nothing, "{path}");
    }
}

#[test]
fn readings_that_lead_to_several_keys_are_refused() {
    let keys = ["/docs/cheap", "/docs/*", "/Case", "/*"];
    for path in [
        "/docs/cheap/",
        "/docs/CHEAP",
        "/docs/che%61p",
        "/docs//cheap",
        "/docs/../docs/cheap",
        "/docs/x/../cheap",
        "/docs/cheap;x",
        "/docs/cheap%00",
        "/docs/dear/../cheap",
        "/docs%2Fdear",
        "/docs/../x",
        "/x/../docs/dear",
        "//docs/dear",
        "/DOCS/dear",
        "/case",
    ] {
        let request = format!("GET {path}");
        assert_eq!(find(&keys, &asked(&request)), Unsure, "{path}");
    }
    // In their plain spelling they are what they are, and so is what reads the same in each way.
    for (path, key) in [
        ("/docs/cheap", 0),
        ("/docs/dear", 1),
        ("/docs/a%20b", 1),
        ("/docs/%E2%82%AC", 1),
        ("/docs/dear/", 1),
        ("/docs/cheap/../dear", 1),
        ("/docs/cheap%2F..%2Fdear", 1),
        ("/Case", 2),
        ("/", 3),
        ("/x/", 3),
        ("/a%2Fb", 3),
        // No key takes this as it stands there.
        ("docs/dear", 1),
    ] {
        let request = format!("GET {path}");
        assert_eq!(find(&keys, &asked(&request)), Key(key), "{path}");
    }
}

#[test]
fn t120_a_large_table_looks_up_fewer_readings() {
    let odd = asked("GET /%2541%2f..%5c;b//c%3f");
    assert_eq!(find(&["/z/*"], &odd), Nothing);
    let keys: Vec<_> = (0..600).map(|at| format!("/z{at}/*")).collect();
    let keys: Vec<_> = keys.iter().map(|key| &**key).collect();
    assert_eq!(find(&keys, &odd), Unsure);
    for (path, found) in [
        ("/free", Nothing),
        ("/a%20b/c%2Fd/?e", Nothing),
        ("/z7/a%20b%2F%C3%A9.pdf", Key(7)),
        ("//z7/../Z7/./a", Key(7)),
    ] {
        let request = format!("GET {path}");
        assert_eq!(find(&keys, &asked(&request)), found, "{path}");
    }
}

#[test]
fn what_can_be_read_in_too_many_ways_is_refused() {
    let request = format!("GET /%{}61", "25".repeat(4000));
    assert_eq!(find(&["/x"], &asked(&request)), Unsure);
    let left = Asked {
        left: request.strip_prefix("GET "),
        ..asked("GET /free")
    };
    assert_eq!(find(&["/x"], &left), Unsure);
}

fn mounted<'a>(path: &'a str, left: &'a str, pattern: Option<&'a str>) -> Asked<'a> {
    Asked {
        method: "GET",
        path,
        left: Some(left),
        pattern,
        preflight: false,
    }
}

#[test]
fn both_sides_of_a_mount_are_priced() {
    for (keys, path, left, found) in [
        (&["/v1/x"][..], "/v1/x", "/x", Key(0)),
        (&["/x"], "/v1/x", "/x", Key(0)),
        (&["/x"], "/v1/%78", "/%78", Key(0)),
        (&["/x"], "/v1/y", "/y", Nothing),
        (&["/*"], "/v1/x", "/x", Key(0)),
        // Mounted under a name that clients choose, this would be cheap for the asking.
        (&["/cheap/*", "/x"], "/cheap/x", "/x", Unsure),
        (&["/cheap/*", "/*"], "/cheap/x", "/x", Unsure),
        (&["/v1/x", "/x"], "/v1/x", "/x", Unsure),
    ] {
        let head = mounted(path, left, None);
        assert_eq!(find(keys, &head), found, "{keys:?} {path}");
    }
}

#[test]
fn a_pattern_tells_a_fixed_mount_from_a_chosen_one() {
    for (keys, pattern, found) in [
        // Written with the prefix, and a rest for all others.
        (&["/v1/x", "/*"][..], "/v1/x", Key(0)),
        (&["/v1/*", "/*"], "/v1/{name}", Key(0)),
        // The first segment is the client's choice.
        (&["/v1/x", "/*"], "/{tenant}/x", Unsure),
        (&["/v1/*", "/*"], "/{tenant}/{*rest}", Unsure),
        // The key for what is left does not take the whole.
        (&["/v1/x", "/x"], "/v1/x", Unsure),
        (&["/x", "/v1/*"], "/v1/x", Unsure),
    ] {
        let head = mounted("/v1/x", "/x", Some(pattern));
        assert_eq!(find(keys, &head), found, "{keys:?} {pattern}");
    }
}

#[test]
fn a_pattern_prices_what_the_path_does_not_show() {
    let by = |pattern, path| Asked {
        pattern: Some(pattern),
        ..mounted(path, path, None)
    };
    for (keys, pattern, path, found) in [
        (&["/users/:id"][..], "/users/{id}", "/rewritten", Key(0)),
        (&["/users/:id"], "/users/{id:\\d+}", "/rewritten", Key(0)),
        (&["/users/:id"], "/users/:name/", "/rewritten", Key(0)),
        (&["/Users/:id"], "/users/{id}", "/rewritten", Key(0)),
        (&["/f/{*rest}"], "/f/{*path}", "/rewritten", Key(0)),
        (&["/f/*"], "/f/{tail:.*}", "/rewritten", Key(0)),
        (&["/f/:name"], "/f/{*path}", "/f/a/b", Nothing),
        (&["POST /users/:id"], "/users/{id}", "/rewritten", Nothing),
        // It never makes free what the path says is priced.
        (&["/users/me"], "/users/{id}", "/users/me", Key(0)),
        (&["/users/me"], "/{*all}", "/users/me", Key(0)),
        // A key that stands further down is what the seller declared.
        (
            &["/users/me", "/users/:id"],
            "/users/{id}",
            "/users/me",
            Key(0),
        ),
        (&["/users/me", "/*"], "/{*all}", "/users/me", Key(0)),
        // A key that nothing in the path explains is another opinion.
        (&["/cheap", "/dear"], "/dear", "/cheap", Unsure),
        (&["/cheap", "/dear/:x"], "/dear/{x}", "/che%61p", Unsure),
    ] {
        let head = by(pattern, path);
        assert_eq!(find(keys, &head), found, "{keys:?} {pattern} {path}");
    }
}
