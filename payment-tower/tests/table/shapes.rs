use axum::Router;
use payment_tower::PaymentLayer;
use tower::Layer;

use crate::handlers::{says, table};

/// One application twice: with its gate, and without.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) gated: Router,
    pub(crate) bare: Router,
    /// Paths in the plain spelling, and the handler they come to. A handler called `free` is.
    pub(crate) plain: &'static [(&'static str, &'static str)],
}

type Gated = Option<PaymentLayer<payment_core::RouteTable>>;

impl Shape {
    fn new(
        name: &'static str,
        keys: &[(&str, &str)],
        plain: &'static [(&'static str, &'static str)],
        app: impl Fn(Gated) -> Router,
    ) -> Self {
        Self {
            name,
            gated: app(Some(PaymentLayer::new(table(keys)))),
            bare: app(None),
            plain,
        }
    }
}

trait Behind {
    fn behind(self, gate: Gated) -> Self;
}

impl Behind for Router {
    fn behind(self, gate: Gated) -> Self {
        match gate {
            Some(gate) => self.layer(gate),
            None => self,
        }
    }
}

/// The router that most shapes have in them.
fn inner() -> Router {
    Router::new()
        .route("/premium", says("premium"))
        .route("/users/{id}", says("user"))
        .route("/users/{id}/detail", says("detail"))
        .route("/users/me", says("me"))
        .route("/files/{*path}", says("file"))
        .route("/slash/", says("slash"))
        .route("/health", says("free"))
}

const KEYS: &[(&str, &str)] = &[
    ("/premium", "premium"),
    ("/users/me", "me"),
    ("GET /users/{id}", "user"),
    ("/users/:id/detail", "detail"),
    ("/files/*", "file"),
    ("/slash/", "slash"),
];

const PLAIN: &[(&str, &str)] = &[
    ("/premium", "premium"),
    ("/users/7", "user"),
    ("/users/me", "me"),
    ("/users/7/detail", "detail"),
    ("/files/a/b.pdf", "file"),
    ("/slash/", "slash"),
    ("/health", "free"),
];

const KEYS_V1: &[(&str, &str)] = &[
    ("/v1/premium", "premium"),
    ("/v1/users/me", "me"),
    ("/v1/users/[id]", "user"),
    ("/v1/users/{id}/detail", "detail"),
    ("/v1/files/{*rest}", "file"),
    ("/v1/slash/", "slash"),
];

const PLAIN_V1: &[(&str, &str)] = &[
    ("/v1/premium", "premium"),
    ("/v1/users/7", "user"),
    ("/v1/users/me", "me"),
    ("/v1/users/7/detail", "detail"),
    ("/v1/files/a/b.pdf", "file"),
    ("/v1/slash/", "slash"),
    ("/v1/health", "free"),
];

const KEYS_OF_TENANTS: &[(&str, &str)] = &[
    ("/:tenant/premium", "premium"),
    ("/:tenant/users/me", "me"),
    ("/:tenant/users/:id", "user"),
    ("/:tenant/users/:id/detail", "detail"),
    ("/:tenant/files/{path:.*}", "file"),
    ("/:tenant/slash", "slash"),
];

const KEYS_AND_REST: &[(&str, &str)] = &[
    ("/v1/premium", "premium"),
    ("/v1/users/me", "me"),
    ("/v1/users/{id}", "user"),
    ("/v1/users/{id}/detail", "detail"),
    ("/v1/files/{*path}", "file"),
    ("/v1/slash/", "slash"),
    ("/v1/health", "free"),
    ("/*", "rest"),
];

const PLAIN_AND_REST: &[(&str, &str)] = &[
    ("/v1/premium", "premium"),
    ("/v1/files/a/b.pdf", "file"),
    ("/v1/slash/", "slash"),
    ("/", "rest"),
    ("/v2", "rest"),
    ("/v1/other/page", "rest"),
];

pub(crate) fn shapes() -> Vec<Shape> {
    vec![
        Shape::new("flat", KEYS, PLAIN, |gate| inner().behind(gate)),
        Shape::new("route_layer", KEYS, PLAIN, |gate| match gate {
            Some(gate) => inner().route_layer(gate),
            None => inner(),
        }),
        Shape::new("merged", KEYS, PLAIN, |gate| {
            Router::new().merge(inner().behind(gate))
        }),
        Shape::new("around the router", KEYS, PLAIN, |gate| match gate {
            Some(gate) => Router::new().fallback_service(gate.layer(inner())),
            None => inner(),
        }),
        Shape::new("around a nest", KEYS_V1, PLAIN_V1, |gate| {
            Router::new().nest("/v1", inner()).behind(gate)
        }),
        Shape::new("in a nest, full keys", KEYS_V1, PLAIN_V1, |gate| {
            Router::new().nest("/v1", inner().behind(gate))
        }),
        Shape::new("in a nest, short keys", KEYS, PLAIN_V1, |gate| {
            Router::new().nest("/v1", inner().behind(gate))
        }),
        Shape::new("in a nest in a fallback", KEYS_V1, PLAIN_V1, |gate| {
            let api = Router::new().nest("/v1", inner().behind(gate));
            Router::new().fallback_service(Router::new().merge(api))
        }),
        Shape::new("nested service, full keys", KEYS_V1, PLAIN_V1, |gate| {
            Router::new().nest_service("/v1", inner().behind(gate))
        }),
        Shape::new("nested service, short keys", KEYS, PLAIN_V1, |gate| {
            Router::new().nest_service("/v1", inner().behind(gate))
        }),
        Shape::new("around a service in a nest", KEYS, PLAIN_V1, |gate| {
            let router = Router::new();
            match gate {
                Some(gate) => router.nest_service("/v1", gate.layer(inner())),
                None => router.nest_service("/v1", inner()),
            }
        }),
        Shape::new("chosen mount", KEYS_OF_TENANTS, PLAIN_V1, |gate| {
            Router::new().nest("/{tenant}", inner()).behind(gate)
        }),
        Shape::new("in a chosen mount", KEYS, PLAIN_V1, |gate| {
            Router::new().nest("/{tenant}", inner().behind(gate))
        }),
        Shape::new("a rest", KEYS_AND_REST, PLAIN_AND_REST, |gate| {
            Router::new()
                .nest("/v1", inner())
                .route("/", says("rest"))
                .route("/{*rest}", says("rest"))
                .behind(gate)
        }),
        Shape::new("a fallback", KEYS_AND_REST, PLAIN_AND_REST, |gate| {
            let fallback = Router::new().nest("/v1", inner()).fallback(says("rest"));
            fallback.behind(gate)
        }),
        Shape::new(
            "a fallback in a nest",
            KEYS_AND_REST,
            &[("/v1/premium", "premium"), ("/v1/x", "rest")],
            |gate| {
                let api = inner().fallback(says("rest")).behind(gate);
                Router::new().nest("/v1", api)
            },
        ),
    ]
}
