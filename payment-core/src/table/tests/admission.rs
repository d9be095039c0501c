use super::*;
use crate::gate::tests::{Shy, price};

fn table() -> RouteTable<crate::MemoryReplayGuard> {
    let routes = [("GET /x", price()), ("/y", price()), ("/y/*", price())];
    Gate::new(Shy)
        .table()
        .routes(routes)
        .unwrap()
        .build()
        .unwrap()
}

#[test]
fn a_request_that_no_key_takes_is_free() {
    for request in ["GET /free", "POST /x", "GET /xx", "OPTIONS /x", "GET /"] {
        assert!(table().admit(&asked(request)).is_none(), "{request}");
    }
}

#[test]
fn an_offer_names_the_path_as_it_was_asked_for() {
    for path in ["/x", "/x/", "//x", "/%78"] {
        let request = format!("GET {path}");
        let Some(Admission::Priced(job)) = table().admit(&asked(&request)) else {
            panic!("{path} is not priced");
        };
        assert_eq!(&*job.ask.path, path);
        assert_eq!(&*job.ask.resource, format!("http://localhost{path}"));
    }
    let named = Route::priced(price()).resource("/canonical");
    let table = Gate::new(Shy).table().route("/x", named).unwrap().build();
    let Some(Admission::Priced(job)) = table.unwrap().admit(&asked("GET //x")) else {
        panic!("not priced");
    };
    assert_eq!(&*job.ask.resource, "http://localhost/canonical");
}

#[test]
fn an_ambiguous_path_is_answered_without_the_handler() {
    let Some(Admission::Answer(reply)) = table().admit(&asked("GET /y/")) else {
        panic!("not answered");
    };
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["code"], "ambiguous_path");
}

#[test]
fn a_preflight_of_a_priced_path_never_reaches_the_handler() {
    let preflight = |request| Asked {
        preflight: true,
        ..asked(request)
    };
    for request in ["OPTIONS /x", "OPTIONS /y", "OPTIONS //x"] {
        let Some(Admission::Answer(reply)) = table().admit(&preflight(request)) else {
            panic!("{request} was not answered");
        };
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{request}");
    }
    assert!(table().admit(&preflight("OPTIONS /free")).is_none());
    // In all but its method.
    assert!(matches!(
        table().admit(&preflight("GET /x")),
        Some(Admission::Priced(_))
    ));
}

#[test]
fn a_table_says_its_keys() {
    assert_eq!(format!("{:?}", table()), r#"{"GET /x", "/y", "/y/*"}"#);
}
