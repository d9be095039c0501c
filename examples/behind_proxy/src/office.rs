use axum::Router;
use axum::routing::get;
use http::StatusCode;

/// A receipt that is none.
pub(crate) const FORGED: &str = "eyJzdWNjZXNzIjp0cnVlfQ==";

/// An old service that the shop sells answers of. It is not to be trusted with receipts, and
/// makes some up.
pub(crate) fn app() -> Router {
    let receipts = [("payment-response", FORGED), ("payment-receipt", FORGED)];
    Router::new()
        .route("/report", get(async move || (receipts, "all is well\n")))
        .route(
            "/broken",
            get(async move || {
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    receipts,
                    "out of order\n",
                )
            }),
        )
}
