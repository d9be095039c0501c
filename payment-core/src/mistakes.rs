use http::StatusCode;

use crate::{Problem, Reply};

/// What framework crates answer where a handler asks for what its route does not have: mistakes of
/// the seller's, 500, and nothing is charged.
impl Reply {
    /// A handler asks for its payment on a route that has no price.
    #[must_use]
    pub fn not_priced() -> Self {
        mistake("route_not_priced")
    }

    /// A handler asks for its meter on a route where nothing is counted.
    #[must_use]
    pub fn not_metered() -> Self {
        mistake("route_not_metered")
    }

    /// A handler makes a second stream for one request.
    #[must_use]
    pub fn streamed_twice() -> Self {
        mistake("streamed_twice")
    }
}

fn mistake(code: &'static str) -> Reply {
    Reply::problem(&Problem::new(
        "https://paymentauth.org/problems/internal-payment-error",
        "Internal Payment Error",
        StatusCode::INTERNAL_SERVER_ERROR,
        code,
        "the payment could not be processed; nothing was charged",
    ))
}
