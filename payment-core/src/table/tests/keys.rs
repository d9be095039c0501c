use super::*;

fn wrong(keys: &[&str]) -> String {
    let mut entries = Entries::default();
    let pushed = keys
        .iter()
        .try_for_each(|key| entries.push(Key::parse(key)?));
    pushed.unwrap_err().to_string()
}

#[test]
fn a_key_that_could_be_read_in_two_ways_is_refused() {
    for (keys, why) in [
        (&[""][..], "empty"),
        (&[" "], "blanks"),
        (&["GET"], "begin with /"),
        (&["GET "], "blanks"),
        (&[" /x"], "blanks"),
        (&["GET  /x"], "blanks"),
        (&["GET /x "], "blanks"),
        (&["GET\t/x"], "blanks"),
        (&["/x\n"], "blanks"),
        (&["/x\u{a0}"], "blanks"),
        (&["/x\0"], "blanks"),
        (&["GET /x y"], "blanks"),
        (&["GTE /x"], "no such verb"),
        (&["GET,POST /x"], "no such verb"),
        (&["** /x"], "no such verb"),
        (&["/x/** "], "blanks"),
        (&["x"], "begin with /"),
        (&["GET x"], "begin with /"),
        (&["https://shop.example/x"], "begin with /"),
        (&["?x"], "begin with /"),
        (&["//x"], "empty"),
        (&["/x//y"], "empty"),
        (&["/x//"], "empty"),
        (&["/./x"], "."),
        (&["/x/.."], ".."),
        (&["/x?y=1"], "query"),
        (&["/x#y"], "fragment"),
        (&["/**"], "one *"),
        (&["/x/**/y"], "one *"),
        (&["/x**"], "one *"),
        (&["/{id"], "closed"),
        (&["/id}"], "closed"),
        (&["/[id"], "closed"),
        (&["/id]"], "closed"),
        (&["/{a/b"], "closed"),
        (&["/v{id}"], "whole segment"),
        (&["/{id}.json"], "whole segment"),
        (&["/{a}{b}"], "name"),
        (&["/{}"], "name"),
        (&["/{*}"], "name"),
        (&["/:"], "name"),
        (&["/[]"], "name"),
        (&["/{:x}"], "name"),
        (&["/{id:}"], "name"),
        (&["/:a:b"], "name"),
        (&["/{*rest}/x"], "end"),
        (&["/caf\u{e9}"], "plain characters"),
        (&["/caf%C3%A9"], "plain characters"),
        (&["/%61"], "plain characters"),
        (&["/a;b"], "plain characters"),
        (&["/a\\b"], "plain characters"),
        (&["/x", "/x"], "same as"),
        (&["GET /x", "get /X/"], "same as"),
        (&["* /x", "/x"], "same as"),
        (&["/:a", "/{b}"], "same as"),
        (&["*", "/*"], "same as"),
        (&["/api/*", "/api/x"], "never be reached"),
        (&["/api/*", "GET /api"], "never be reached"),
        (&["GET /api/*", "HEAD /api/x"], "never be reached"),
        (&["/y", "/*", "GET /:x/y"], "never be reached"),
    ] {
        let said = wrong(keys);
        assert!(said.contains(why), "{keys:?}: {said}");
    }
    let long = format!("/{}", "x".repeat(256));
    assert!(wrong(&[&long]).contains("longer than 256"));
}

#[test]
fn an_earlier_key_that_leaves_something_is_no_obstacle() {
    for keys in [
        &["GET /x", "/x"][..],
        &["GET /x", "POST /x"],
        &["HEAD /x", "GET /x"],
        &["/api/x", "/api/*"],
        &["/api/{*rest}", "/api/*"],
        &["/api/:x", "/api/{*rest}", "/api"],
        &["/files/*/raw", "/files/:x/:y"],
        &["QUERY /x", "TRACE /x", "connect /x", "get /lower"],
        &["/"],
        &[&format!("/{}", "x".repeat(255))],
    ] {
        entries(keys);
    }
}

#[test]
fn an_error_names_the_key() {
    let gate = Gate::new(crate::gate::tests::Shy);
    let price = crate::gate::tests::price();
    let error = gate.table().route("GET /x?y", price).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route \"GET /x?y\": a query can't be priced, only a path"
    );
    let table = gate.table().routes([("/x", price), ("/x", price)]);
    assert_eq!(
        table.unwrap_err().to_string(),
        "route \"/x\": the same as the earlier key \"/x\""
    );
    let zero = crate::Money::from_decimal("0").unwrap();
    let error = gate.table().route("/x", zero).unwrap_err();
    assert_eq!(error.to_string(), "route \"/x\": zero is not a price");
    let nobody = Route::priced(price).only([]);
    let error = gate.table().route("/x", nobody).unwrap_err();
    assert!(error.to_string().contains("\"/x\": no protocol"), "{error}");
}

#[test]
fn a_table_without_routes_is_no_table() {
    let gate = Gate::new(crate::gate::tests::Shy);
    assert!(matches!(gate.table().build(), Err(ConfigError::NoRoutes)));
}
