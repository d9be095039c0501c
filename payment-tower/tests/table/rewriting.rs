//! Paths that are rewritten between the table and the router: what the handler is reached by is not
//! what was asked for.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use http::Request;
use payment_tower::PaymentLayer;
use tower::{Layer, ServiceExt, service_fn};

use crate::handlers::{Came, get, says, table};
use crate::paths::spellings;

type Rewrite = fn(&str) -> String;

const REWRITES: &[(&str, Rewrite)] = &[
    ("nothing", str::to_owned),
    ("slash at the end", |path| {
        path.trim_end_matches('/').to_owned()
    }),
    ("slashes", |path| {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        format!("/{}", segments.collect::<Vec<_>>().join("/"))
    }),
    ("case", str::to_ascii_lowercase),
    ("escapes", decode),
    ("escapes twice", |path| decode(&decode(path))),
    ("dots", resolve),
    ("dots, then escapes", |path| decode(&resolve(path))),
    ("escapes, then dots", |path| resolve(&decode(path))),
    ("backslashes", |path| path.replace('\\', "/")),
    ("parameters", |path| {
        let bare = |segment: &str| segment.split(';').next().unwrap().to_owned();
        path.split('/').map(bare).collect::<Vec<_>>().join("/")
    }),
    ("controls", |path| {
        decode(path).replace(|c: char| c.is_control() || c == ' ', "")
    }),
    ("all", |path| {
        let path = decode(&decode(path)).replace('\\', "/");
        let path = path.replace(|c: char| c.is_control(), "");
        let path = path
            .split(['?', '#', ';'])
            .next()
            .unwrap()
            .to_ascii_lowercase();
        resolve(&path)
            .replace("//", "/")
            .trim_end_matches('/')
            .to_owned()
    }),
];

fn decode(path: &str) -> String {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, behind @ ..] = rest {
        let text = behind
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok());
        let byte = text.filter(|_| *first == b'%');
        match byte.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &behind[2..];
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn resolve(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn routes() -> Router {
    Router::new()
        .route("/premium", says("premium"))
        .route("/users/me", says("me"))
        .route("/users/{id}/detail", says("detail"))
        .route("/files/a/b.pdf", says("dear"))
        .route("/files/{*path}", says("file"))
}

/// The routes behind a rewriting. What can't be a path any more is not served.
fn rewritten(rewrite: Rewrite) -> Router {
    Router::new().fallback_service(service_fn(move |mut request: Request<Body>| async move {
        let path = rewrite(request.uri().path());
        *request.uri_mut() = path.parse().unwrap_or_else(|_| "/nowhere".parse().unwrap());
        Ok::<_, Infallible>(routes().oneshot(request).await.unwrap())
    }))
}

#[tokio::test]
async fn no_rewriting_behind_the_table_makes_a_handler_cheaper() {
    let keys = [
        ("/premium", "premium"),
        ("/users/me", "me"),
        ("/users/:id/detail", "detail"),
        ("/files/a/b.pdf", "dear"),
        ("/files/*", "file"),
    ];
    let (mut priced, mut refused) = (0, 0);
    for (name, rewrite) in REWRITES {
        let bare = rewritten(*rewrite);
        let gate = PaymentLayer::new(table(&keys));
        let gated = Router::new().fallback_service(gate.layer(rewritten(*rewrite)));
        let plain = [
            "/premium",
            "/users/me",
            "/users/7/detail",
            "/files/a/b.pdf",
            "/files/x",
        ];
        let odd = [
            "/users/a%2Fb/det%61il",
            "/users/a%5Cb/det%61il",
            "/files/x/../a/b.pdf",
        ];
        let odd = odd.map(str::to_owned).into_iter();
        for path in plain.into_iter().flat_map(spellings).chain(odd) {
            let Some(Came::To(handler)) = get(&bare, &path).await else {
                continue;
            };
            match get(&gated, &path).await.unwrap() {
                Came::Offered(label) if label == handler => priced += 1,
                Came::Refused => refused += 1,
                other => panic!("{name} {path}: {handler} without a gate, {other:?} with one"),
            }
        }
    }
    assert!(priced > 300 && refused > 20, "{priced} {refused}");
}

#[tokio::test]
async fn the_table_inside_a_rewriting_sees_what_is_dispatched() {
    // The outer router has noted the path as it was asked for; the inner one gets another.
    for (keys, path) in [
        (&[("/premium", "premium")][..], "/old-name"),
        (&[("/old-name", "premium")], "/old-name"),
    ] {
        let inner = routes().layer(PaymentLayer::new(table(keys)));
        let app = Router::new().fallback_service(service_fn(move |mut request: Request<Body>| {
            let inner = inner.clone();
            async move {
                *request.uri_mut() = "/premium".parse().unwrap();
                Ok::<_, Infallible>(inner.oneshot(request).await.unwrap())
            }
        }));
        let came = get(&app, path).await.unwrap();
        assert_eq!(came, Came::Offered("premium".into()), "{keys:?}");
    }
}
