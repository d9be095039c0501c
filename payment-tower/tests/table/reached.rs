use std::cell::Cell;

use axum::body::Body;
use http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Builder;

use crate::handlers::{Came, get, says, send, table};
use crate::paths::{any_path, spellings};
use crate::shapes::{Shape, shapes};

/// Whether a gate let pass what it should not have, or charged another handler's price.
fn verdict(bare: &Came, gated: &Came) -> Result<(), String> {
    let fine = match (bare, gated) {
        (Came::To(handler), Came::To(same)) => handler == same && handler == "free",
        // A free page by an odd name may be taken for a priced one, but nothing else may.
        (Came::To(handler), Came::Offered(label)) => handler == label || handler == "free",
        (Came::To(_), Came::Refused) => true,
        (Came::To(_), Came::Nothing(_)) => false,
        // What leads to no handler is not served, whatever else it is told.
        (Came::Nothing(_), gated) => !matches!(gated, Came::To(_)),
        _ => false,
    };
    match fine {
        true => Ok(()),
        false => Err(format!("{bare:?} without a gate, {gated:?} with one")),
    }
}

#[tokio::test]
async fn a_plain_path_costs_what_its_handler_costs() {
    for Shape {
        name,
        gated,
        bare,
        plain,
    } in shapes()
    {
        for (path, handler) in plain {
            let reached = get(&bare, path).await.unwrap();
            assert_eq!(reached, Came::To((*handler).to_owned()), "{name} {path}");
            let due = match *handler {
                "free" => reached,
                handler => Came::Offered(handler.to_owned()),
            };
            assert_eq!(get(&gated, path).await.unwrap(), due, "{name} {path}");
        }
    }
}

#[tokio::test]
async fn no_spelling_reaches_a_priced_handler_unpaid() {
    let (mut reached, mut refused) = (0, 0);
    for Shape {
        name,
        gated,
        bare,
        plain,
    } in shapes()
    {
        for path in plain.iter().flat_map(|(path, _)| spellings(path)) {
            let Some(without) = get(&bare, &path).await else {
                continue;
            };
            let with = get(&gated, &path).await.unwrap();
            verdict(&without, &with).unwrap_or_else(|why| panic!("{name} {path}: {why}"));
            reached += usize::from(matches!(without, Came::To(_)));
            refused += usize::from(matches!(with, Came::Refused));
        }
    }
    assert!(reached > 500 && refused > 50, "{reached} {refused}");
}

#[test]
fn no_path_at_all_reaches_a_priced_handler_unpaid() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let shapes = shapes();
    let strategy = (any_path(), 0..shapes.len());
    let reached = Cell::new(0);
    let mut runner = TestRunner::new(Config::with_cases(6000));
    runner
        .run(&strategy, |(path, shape)| {
            let Shape {
                name, gated, bare, ..
            } = &shapes[shape];
            let Some(without) = runtime.block_on(get(bare, &path)) else {
                return Ok(());
            };
            let with = runtime.block_on(get(gated, &path)).unwrap();
            if matches!(without, Came::To(_)) {
                reached.set(reached.get() + 1);
            }
            verdict(&without, &with)
                .map_err(|why| TestCaseError::fail(format!("{name} {path}: {why}")))
        })
        .unwrap();
    let reached = reached.get();
    assert!(reached > 300, "{reached} paths led anywhere");
}

#[tokio::test]
async fn no_verb_of_a_key_without_one_is_free() {
    for Shape {
        name, gated, plain, ..
    } in shapes()
    {
        for (path, handler) in plain {
            // One key of the first shapes has a verb, and so leaves the others free.
            if matches!(*handler, "free" | "user") {
                continue;
            }
            for verb in ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "get", "BREW"] {
                let request = Request::builder().method(verb).uri(*path);
                let came = send(&gated, request.body(Body::empty()).unwrap()).await;
                let due = Came::Offered((*handler).to_owned());
                assert_eq!(came, due, "{name} {verb} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_get_key_prices_all_that_a_get_handler_answers() {
    let routes = axum::routing::get(async || "page").post(async || "form");
    let keys = table(&[("GET /page", "page")]);
    let app = axum::Router::new().route("/page", routes);
    let app = app.layer(payment_tower::PaymentLayer::new(keys));
    for (verb, came) in [
        ("GET", Came::Offered("page".into())),
        ("HEAD", Came::Offered("page".into())),
        ("get", Came::Offered("page".into())),
        ("POST", Came::To("form".into())),
        ("OPTIONS", Came::Nothing(StatusCode::METHOD_NOT_ALLOWED)),
        ("PUT", Came::Nothing(StatusCode::METHOD_NOT_ALLOWED)),
    ] {
        let request = Request::builder().method(verb).uri("/page");
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await, came, "{verb}");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_in_the_place_of_a_priced_handler() {
    let keys = table(&[("GET /page", "page")]);
    let app = axum::Router::new()
        .route("/page", says("page"))
        .route("/free", says("free"))
        .layer(payment_tower::PaymentLayer::new(keys));
    for (path, came) in [
        ("/page", Came::Nothing(StatusCode::NO_CONTENT)),
        ("/free", Came::To("free".into())),
    ] {
        let request = Request::options(path)
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "GET");
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await, came, "{path}");
    }
}
