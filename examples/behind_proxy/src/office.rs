use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

/// A receipt that is none.
pub(crate) const FORGED: &str = "eyJzdWNjZXNzIjp0cnVlfQ==";

const RECEIPTS: [(&str, &str); 2] = [("payment-response", FORGED), ("payment-receipt", FORGED)];

/// An old service that the shop sells answers of. It is not to be trusted with receipts, and
/// makes some up.
pub(crate) fn app() -> Router {
    Router::new()
        .route("/report", get(report))
        .route("/broken", get(broken))
}

async fn report(headers: HeaderMap) -> impl IntoResponse {
    let payments = ["payment-signature", "x-payment"];
    let seen = payments.into_iter().any(|name| headers.contains_key(name));
    let text = match seen {
        true => "somebody has shown me a payment\n",
        false => "all is well\n",
    };
    (RECEIPTS, text)
}

async fn broken() -> impl IntoResponse {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        RECEIPTS,
        "out of order\n",
    )
}
