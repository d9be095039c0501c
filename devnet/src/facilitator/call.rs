use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use crate::script::{Answer, Ask, plain};

/// What a facilitator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// `POST /verify`
    Verify,
    /// `POST /settle`
    Settle,
    /// `GET /supported`
    Supported,
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// What was asked for.
    pub route: Route,
    /// The JSON body; `Null` where there was none.
    pub body: Value,
}

impl Ask for Call {
    type Kind = Route;

    fn kind(&self) -> Route {
        self.route
    }
}

/// A facilitator's answer, which nothing is around.
pub(super) struct Bare {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Answer for Bare {
    fn refusal(status: StatusCode, code: i64, text: &str) -> Self {
        let body = serde_json::json!({"error": text, "code": code});
        Self { status, body }
    }

    fn body(&mut self) -> &mut Value {
        &mut self.body
    }

    fn wrapping(&mut self) -> &mut Value {
        &mut self.body
    }

    fn unfinish(&mut self) {
        self.body["success"] = false.into();
        self.body["errorReason"] = "settlement_pending".into();
    }

    fn reply(self) -> Response<Full<Bytes>> {
        let mut response = plain(self.status, self.body.to_string().into());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
