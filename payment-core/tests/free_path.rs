//! What a table of routes does for requests that cost nothing: a binary of its own, whose allocator
//! counts.
#![allow(clippy::unwrap_used, missing_docs)]

use http::Request;
use http::request::Parts;
use payment_core::{
    Admit, Ask, Challenge, Claim, ConfigError, Denied, Fault, Gate, Offering, Payment,
    PaymentProtocol, ProtocolName, Refusal, RequestHead, Route, RouteTable, Soon, usd,
};

/// A protocol that takes any route and never any credential.
struct Shy;

impl PaymentProtocol for Shy {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("shy")
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(Self)))
    }
}

impl Offering for Shy {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        Soon::now(Ok(Challenge::default()))
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        Err(Fault::internal("never", "nothing was claimed").into())
    }
}

fn table() -> RouteTable {
    let price = usd!("0.01");
    let keys = [
        "GET /Api/premium",
        "/users/:id",
        "/files/*/raw",
        "POST /paid/*",
    ];
    let routes = keys.map(|key| (key, price));
    let table = Gate::new(Shy).table().routes(routes).unwrap();
    table.build().unwrap()
}

fn head(method: &str, path: &str) -> Parts {
    let request = Request::builder().method(method).uri(path);
    request.body(()).unwrap().into_parts().0
}

/// Allocations of one decision, and whether it was for free.
fn decide(table: &RouteTable, head: &Parts) -> (u64, bool) {
    let mut free = false;
    let info = allocation_counter::measure(|| free = table.admit(head).is_none());
    (info.count_total, free)
}

#[test]
fn a_plain_free_path_allocates_nothing() {
    let table = table();
    let long = format!("/{}", "long/".repeat(200));
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/health/"),
        ("GET", "/Health/Deep/v1.0"),
        ("GET", "/api/premium/deeper?and=%20a//b"),
        ("POST", "/api/premium"),
        ("OPTIONS", "/api/premium"),
        ("get", "/paid/x"),
        ("BREW", "/paid/x"),
        ("GET", "/users/1/2"),
        ("GET", "/files/a/b/c"),
        ("GET", &long),
    ] {
        let decided = decide(&table, &head(method, path));
        assert_eq!(decided, (0, true), "{method} {path}");
    }
}

#[test]
fn the_counter_counts() {
    let table = table();
    for (path, is_free) in [("/fr%65e", true), ("/users/1", false)] {
        let (allocations, free) = decide(&table, &head("GET", path));
        assert!(free == is_free && allocations > 0, "{path}");
    }
}

#[test]
fn what_one_request_can_make_it_keep_is_bounded() {
    let table = table();
    for path in ["%25".repeat(20_000), "%2e%2F..;\\%00%2525/".repeat(3000)] {
        let head = head("GET", &format!("/{path}"));
        let info = allocation_counter::measure(|| drop(table.admit(&head)));
        assert!(info.bytes_max < 2 << 20, "{} bytes", info.bytes_max);
    }
}
